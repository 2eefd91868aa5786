//! Picks from real sets: zones, levels of failover, panic, slow start, with every balancer.

use std::{collections::BTreeMap, time::Duration};

use outrigger_config::model::{Balancer, HashKey};
use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000;

fn every_balancer() -> [Balancer; 6] {
    let key = HashKey::SourceAddress;
    [
        Balancer::PeakEwma {
            decay: model::default::EWMA_DECAY,
        },
        Balancer::LeastRequest,
        Balancer::RoundRobin,
        Balancer::Random,
        Balancer::RingHash { key: key.clone() },
        Balancer::Maglev { key },
    ]
}

fn endpoint(port: u16, zone: Option<&str>, priority: u16) -> model::Endpoint {
    model::Endpoint {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        weight: 1,
        zone: zone.map(Into::into),
        priority,
    }
}

/// A cluster in the zone `a`, of these zones and priorities; ports from 1.
fn cluster(balancer: &Balancer, listed: &[(&str, u16)]) -> Endpoints {
    let endpoints = endpoints(balancer, 0.01, None);
    endpoints.update(&listed_as(listed), None);
    endpoints
}

fn endpoints(balancer: &Balancer, panic_threshold: f64, slow_start: Option<Duration>) -> Endpoints {
    let rules = Rules {
        balancer: balancer.clone(),
        home: Some("a".into()),
        panic_threshold,
    };
    Endpoints {
        slow_start: slow_start.map(SlowStart::over),
        set: ArcSwap::from_pointee(Set::new(Vec::new(), &rules)),
        next_probe: AtomicU64::new(u64::MAX),
        rules,
    }
}

fn listed_as(listed: &[(&str, u16)]) -> Vec<model::Endpoint> {
    (1..)
        .zip(listed)
        .map(|(port, &(zone, priority))| {
            endpoint(port, Some(zone).filter(|zone| !zone.is_empty()), priority)
        })
        .collect()
}

fn find(endpoints: &Endpoints, port: u16) -> Arc<Endpoint> {
    let set = endpoints.load();
    let found = set
        .members()
        .iter()
        .find(|(endpoint, _)| endpoint.address.port() == port);
    Arc::clone(&found.expect("listed").0)
}

fn set_down(endpoints: &Endpoints, ports: impl IntoIterator<Item = u16>, down: bool) {
    for port in ports {
        find(endpoints, port).condition.set_down(down, 0);
    }
    endpoints.tend(0);
}

/// How often each port is picked, by requests of keys of their own, 97 microseconds apart from `now` on.
fn counts(endpoints: &Endpoints, now: u64, picks: u64) -> BTreeMap<u16, u64> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut counts = BTreeMap::new();
    for pick in 0..picks {
        let key = crate::balance::hash(&pick.to_le_bytes());
        if let Some(picked) = endpoints.pick(now + pick * 97, Some(key), &[], &mut rng) {
            *counts.entry(picked.endpoint.address.port()).or_default() += 1;
        }
    }
    counts
}

/// The share that these ports have in the picks.
fn share(counts: &BTreeMap<u16, u64>, ports: std::ops::RangeInclusive<u16>) -> f64 {
    let sum: u64 = counts.values().sum();
    counts.range(ports).map(|(_, count)| count).sum::<u64>() as f64 / sum as f64
}

#[track_caller]
fn assert_near(found: f64, wanted: f64, what: &impl std::fmt::Debug) {
    assert!(
        (found - wanted).abs() < 0.03,
        "{found:.3}, wanted {wanted}: {what:?}"
    );
}

#[test]
fn requests_stay_in_the_own_zone() {
    for balancer in every_balancer() {
        let endpoints = cluster(&balancer, &[("b", 0), ("a", 0), ("b", 0), ("a", 0)]);
        let counts = counts(&endpoints, 0, 1000);
        assert_eq!(counts.keys().collect::<Vec<_>>(), [&2, &4], "{balancer:?}");
    }
}

#[test]
fn what_the_own_zone_cannot_take_is_spread_evenly_over_the_others() {
    let zones = [("a", 0), ("a", 0), ("b", 0), ("b", 0), ("c", 0), ("c", 0)];
    for balancer in every_balancer() {
        let endpoints = cluster(&balancer, &zones);
        set_down(&endpoints, [1], true);
        let counts = counts(&endpoints, 0, 5_000);
        // A third of the callers, a fifth of the capacity.
        assert_near(share(&counts, 2..=2), 0.6, &balancer);
        assert_near(share(&counts, 3..=4), 0.2, &balancer);
        assert_near(share(&counts, 5..=6), 0.2, &balancer);
    }
}

#[test]
fn weights_are_honoured_within_a_zone_and_between_zones() {
    let listed = [("a", 1), ("a", 3), ("b", 2), ("b", 10)];
    let listed: Vec<model::Endpoint> = (1..)
        .zip(listed)
        .map(|(port, (zone, weight))| model::Endpoint {
            weight,
            ..endpoint(port, Some(zone), 0)
        })
        .collect();
    // The points of a ring are few for a light endpoint.
    for balancer in &every_balancer()[..4] {
        let endpoints = endpoints(balancer, 0.0, None);
        endpoints.update(&listed, None);
        let counts = counts(&endpoints, 0, 10_000);
        // Half of the callers, a quarter of the capacity.
        for (port, wanted) in [(1, 0.125), (2, 0.375), (3, 0.5 / 6.0), (4, 2.5 / 6.0)] {
            assert_near(share(&counts, port..=port), wanted, &(port, balancer));
        }
    }
}

#[test]
fn levels_fail_over_and_back() {
    let listed = [("", 0), ("", 0), ("", 0), ("", 0), ("", 7), ("", 7)];
    for balancer in every_balancer() {
        let endpoints = cluster(&balancer, &listed);
        assert_eq!(share(&counts(&endpoints, 0, 1000), 1..=4), 1.0);
        set_down(&endpoints, [1, 2], true);
        assert_near(share(&counts(&endpoints, 0, 5_000), 3..=4), 0.7, &balancer);
        set_down(&endpoints, [3, 4], true);
        assert_eq!(share(&counts(&endpoints, 0, 1000), 5..=6), 1.0);
        set_down(&endpoints, [1, 2, 3, 4], false);
        assert_eq!(share(&counts(&endpoints, 0, 1000), 1..=4), 1.0);
    }
}

#[test]
fn a_retry_prefers_another_zone_to_an_endpoint_that_was_tried() {
    for balancer in every_balancer() {
        let endpoints = cluster(&balancer, &[("a", 0), ("b", 0), ("", 3)]);
        let rng = &mut fastrand::Rng::with_seed(2);
        let mut tried = Vec::new();
        let mut ports = Vec::new();
        for _ in 0..3 {
            let picked = endpoints.pick(0, Some(42), &tried, rng).expect("open");
            tried.push(picked.endpoint.id);
            ports.push(picked.endpoint.address.port());
        }
        assert_eq!(ports, [1, 2, 3], "{balancer:?}");
        // All were tried: the planned one again.
        let picked = endpoints
            .pick(0, Some(42), &tried, rng)
            .expect("in reserve");
        assert_eq!(picked.endpoint.address.port(), 1, "{balancer:?}");
    }
}

#[test]
fn until_the_plan_is_made_anew_picks_go_round_what_is_out() {
    for balancer in every_balancer() {
        let endpoints = cluster(&balancer, &[("a", 0), ("a", 0), ("b", 0), ("a", 1)]);
        endpoints.eject(&find(&endpoints, 1), u64::MAX);
        endpoints.eject(&find(&endpoints, 2), u64::MAX);
        assert_eq!(counts(&endpoints, 0, 100), BTreeMap::from([(3, 100)]));
        endpoints.eject(&find(&endpoints, 3), u64::MAX);
        assert_eq!(counts(&endpoints, 0, 100), BTreeMap::from([(4, 100)]));
    }
}

#[test]
fn in_panic_all_are_taken_for_available_and_leaving_it_none_that_is_out() {
    for balancer in every_balancer() {
        let endpoints = cluster(&balancer, &[("a", 0), ("a", 0), ("b", 0), ("b", 1)]);
        for port in 1..=4 {
            find(&endpoints, port).condition.set_down(true, 0);
        }
        let rng = &mut fastrand::Rng::with_seed(3);
        let picked = endpoints
            .pick(0, None, &[], rng)
            .expect("before the plan is made, too");
        assert!(picked.panic);
        endpoints.tend(0);
        assert!(endpoints.load().plan().panic());
        assert_eq!(counts(&endpoints, 0, 1000).len(), 4, "{balancer:?}");
        set_down(&endpoints, [3], false);
        assert!(!endpoints.load().plan().panic());
        assert_eq!(counts(&endpoints, 0, 100), BTreeMap::from([(3, 100)]));
    }
}

#[test]
fn where_there_is_never_panic_nobody_is_picked() {
    for balancer in every_balancer() {
        let endpoints = endpoints(&balancer, 0.0, None);
        endpoints.update(&listed_as(&[("a", 0), ("b", 0)]), None);
        set_down(&endpoints, [1, 2], true);
        assert_eq!(counts(&endpoints, 0, 10), BTreeMap::new());
    }
}

#[test]
fn zones_mean_nothing_where_no_endpoint_has_one() {
    let endpoints = cluster(&Balancer::RoundRobin, &[("", 0), ("", 0)]);
    let set = endpoints.load();
    assert_eq!(set.partitions().len(), 1);
    assert_eq!(set.locality(1), None);
}

#[test]
fn very_many_zones_are_two_partitions() {
    let listed: Vec<model::Endpoint> = (1..=1000)
        .map(|port| endpoint(port, Some(&format!("rack {port}")), 0))
        .chain([endpoint(2000, Some("a"), 0)])
        .collect();
    for balancer in every_balancer() {
        let endpoints = endpoints(&balancer, 0.0, None);
        endpoints.update(&listed, None);
        assert_eq!(endpoints.load().partitions().len(), 2);
        assert_eq!(counts(&endpoints, 0, 100), BTreeMap::from([(2000, 100)]));
    }
}

#[test]
fn a_shrinking_share_moves_only_the_keys_it_has_to() {
    let zones = [("a", 0), ("a", 0), ("b", 0), ("b", 0)];
    for balancer in &every_balancer()[4..] {
        let endpoints = cluster(balancer, &zones);
        let home = |endpoints: &Endpoints, key: u64| {
            let rng = &mut fastrand::Rng::with_seed(key);
            let key = crate::balance::hash(&key.to_le_bytes());
            let picked = endpoints.pick(0, Some(key), &[], rng).expect("open");
            picked.endpoint.address.port()
        };
        let before: Vec<u16> = (0..2000).map(|key| home(&endpoints, key)).collect();
        set_down(&endpoints, [1], true);
        let after: Vec<u16> = (0..2000).map(|key| home(&endpoints, key)).collect();
        let moved = before
            .iter()
            .zip(&after)
            .filter(|&(before, after)| *before == 2 && before != after);
        // Of the half that is at home with the other one, a third has to go with the zone's share.
        assert_near(moved.count() as f64 / 2000.0, 1.0 / 6.0, balancer);
    }
}

/// Ten endpoints of which one comes last.
fn with_newcomer(balancer: &Balancer) -> Endpoints {
    let endpoints = endpoints(balancer, 0.01, Some(Duration::from_secs(10)));
    endpoints.update(&listed_as(&[("", 0); 9]), None);
    endpoints.update(&listed_as(&[("", 0); 10]), None);
    endpoints
}

#[test]
fn a_newcomer_grows_from_a_tenth_to_its_fair_share_with_every_balancer() {
    for balancer in every_balancer() {
        let endpoints = with_newcomer(&balancer);
        let State::Warming { since } = find(&endpoints, 10).condition.load().state else {
            panic!("not warming")
        };
        // A ring's shares are uneven: what it has in the end is what counts as fair.
        let full = share(&counts(&endpoints, since + 10 * SECOND, 10_000), 10..=10);
        for (second, wanted) in [(0, 0.1), (3, 0.3), (6, 0.6), (9, 0.9)] {
            // 10,000 picks take a second.
            let at = since + second * SECOND - if second > 0 { SECOND / 2 } else { 0 };
            let share = share(&counts(&endpoints, at, 10_000), 10..=10);
            assert_near(share, wanted * full, &(second, &balancer));
            assert!(
                (share / full - wanted).abs() < 0.12,
                "{second} s: {share} of {full}, {balancer:?}"
            );
        }
        endpoints.tend(since + 10 * SECOND);
        assert!(find(&endpoints, 10).condition.clear());
    }
}

#[test]
fn one_that_returns_warms_up_as_a_newcomer_does() {
    for balancer in every_balancer() {
        let endpoints = with_newcomer(&balancer);
        endpoints.tend(u64::MAX >> 4);
        let returning = find(&endpoints, 1);
        let full = share(&counts(&endpoints, 0, 10_000), 1..=1);
        returning.condition.set_down(true, 0);
        returning.condition.set_down(false, 100 * SECOND);
        let early = share(&counts(&endpoints, 100 * SECOND, 10_000), 1..=1);
        assert!(
            (early / full - 0.1).abs() < 0.06,
            "{early} of {full}, {balancer:?}"
        );
    }
}

#[test]
fn where_all_are_warming_all_take_their_share() {
    for balancer in every_balancer() {
        let endpoints = with_newcomer(&balancer);
        for port in 1..=10 {
            find(&endpoints, port).condition.warm_up(0);
        }
        let counts = counts(&endpoints, 0, 1000);
        assert_eq!(counts.values().sum::<u64>(), 1000, "{balancer:?}");
        assert_eq!(counts.len(), 10, "{balancer:?}");
    }
}

proptest! {
    // A table of `maglev` takes its time to build.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_pick_fails_only_where_nobody_may_be_picked(
        listed in prop::collection::vec((0usize..3, 0u16..3, 0u32..3, any::<bool>(), any::<bool>()), 0..12),
        threshold in prop::sample::select(vec![0.0, 0.01, 0.5]),
        tended: bool,
        key: Option<u64>,
        seed: u64,
    ) {
        for balancer in every_balancer() {
            let endpoints = endpoints(&balancer, threshold, None);
            let all: Vec<model::Endpoint> = (1..).zip(&listed).map(|(port, &(zone, priority, weight, ..))| model::Endpoint {
                weight,
                ..endpoint(port, [None, Some("a"), Some("b")][zone], priority)
            }).collect();
            endpoints.update(&all, None);
            let mut tried = Vec::new();
            for (port, &(.., down, was_tried)) in (1..).zip(&listed) {
                find(&endpoints, port).condition.set_down(down, 0);
                tried.extend(was_tried.then(|| find(&endpoints, port).id));
            }
            if tended {
                endpoints.tend(0);
            }
            let open = |down: bool, weight: u32| weight > 0 && !down;
            let some_open = listed.iter().any(|&(_, _, weight, down, _)| open(down, weight));
            let some_untried = listed.iter().any(|&(_, _, weight, down, tried)| open(down, weight) && !tried);
            let some_weight = listed.iter().any(|&(_, _, weight, ..)| weight > 0);
            let rng = &mut fastrand::Rng::with_seed(seed);
            for _ in 0..10 {
                match endpoints.pick(0, key, &tried, rng) {
                    None => prop_assert!(!some_open && (threshold == 0.0 || !some_weight), "{balancer:?}"),
                    Some(picked) => {
                        let (_, _, weight, down, was_tried) = listed[usize::from(picked.endpoint.address.port()) - 1];
                        prop_assert!(weight > 0, "{balancer:?}");
                        prop_assert!(picked.panic || !down, "{balancer:?}");
                        prop_assert!(picked.panic || !was_tried || !some_untried, "{balancer:?}");
                        prop_assert!(!picked.panic || threshold > 0.0, "{balancer:?}");
                    }
                }
            }
        }
    }
}

/// Some of 12 endpoints in any order and in any zones.
fn any_listed() -> impl Strategy<Value = Vec<model::Endpoint>> {
    let all = || prop::collection::vec(0usize..3, 12);
    let ports = Just((1..=12).collect::<Vec<u16>>()).prop_shuffle();
    (ports, all(), 0usize..=12).prop_map(|(ports, zones, number)| {
        let zones = zones
            .into_iter()
            .map(|zone| [None, Some("a"), Some("b")][zone]);
        let listed = ports.into_iter().zip(zones).take(number);
        listed.map(|(port, zone)| endpoint(port, zone, 0)).collect()
    })
}

proptest! {
    #[test]
    fn who_stays_is_the_same_and_who_goes_is_retired(
        first in any_listed(),
        second in any_listed(),
        in_order: bool,
    ) {
        let (mut first, mut second) = (first, second);
        if in_order {
            first.sort_by_key(|it| it.address);
            second.sort_by_key(|it| it.address);
        }
        let endpoints = endpoints(&Balancer::RoundRobin, 0.01, None);
        let of_now = || -> BTreeMap<SocketAddr, Arc<Endpoint>> {
            let set = endpoints.load();
            set.members().iter().map(|(endpoint, listed)| (listed.address, Arc::clone(endpoint))).collect()
        };
        endpoints.update(&first, None);
        let before = of_now();
        endpoints.update(&second, None);
        let after = of_now();
        prop_assert_eq!(after.len(), second.len());
        for (address, endpoint) in &after {
            prop_assert_eq!(*address, endpoint.address);
            prop_assert!(!endpoint.retired.load(Relaxed));
        }
        for (address, endpoint) in &before {
            let stayed = after.get(address);
            prop_assert_eq!(stayed.is_none(), endpoint.retired.load(Relaxed));
            prop_assert!(stayed.is_none_or(|it| Arc::ptr_eq(it, endpoint)));
        }
    }
}

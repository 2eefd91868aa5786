//! What every balancer holds to, whatever the set.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use fastrand::Rng;
use http::HeaderName;
use outrigger_config::model::{Balancer as Config, HashKey};
use proptest::prelude::{any, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::endpoint::load::Outcome;

const DECAY: Duration = Duration::from_secs(10);

/// A set of endpoints as a pick sees it.
struct Set {
    loads: Vec<Load>,
    standings: Vec<Standing>,
}

impl Set {
    fn open(count: usize) -> Self {
        Self {
            loads: std::iter::repeat_with(Load::new).take(count).collect(),
            standings: vec![Standing::Open; count],
        }
    }

    /// After two such answers of an endpoint.
    fn measured(self, index: usize, latency: Duration, outcome: Outcome) -> Self {
        for _ in 0..2 {
            self.loads[index].observe(0, latency, outcome, estimate::Decay::over(DECAY));
        }
        self
    }
}

impl View for Set {
    fn load(&self, index: usize) -> &Load {
        &self.loads[index]
    }

    fn standing(&self, index: usize) -> Standing {
        self.standings[index]
    }
}

fn members(weights: &[u32]) -> Vec<Member> {
    let address = |index: u32| SocketAddr::from((Ipv4Addr::from(0x0a00_0000 + index), 8080));
    (0..)
        .zip(weights)
        .map(|(index, &weight)| Member {
            address: address(index),
            weight,
        })
        .collect()
}

fn key() -> HashKey {
    HashKey::Header(HeaderName::from_static("x-user"))
}

fn every_balancer() -> [Config; 6] {
    [
        Config::PeakEwma { decay: DECAY },
        Config::LeastRequest,
        Config::RoundRobin,
        Config::Random,
        Config::RingHash { key: key() },
        Config::Maglev { key: key() },
    ]
}

/// How often each endpoint is picked, nobody ever being busy.
fn counts(config: &Config, weights: &[u32], set: &Set, picks: usize, rng: &mut Rng) -> Vec<usize> {
    let balancer = Balancer::new(config, &members(weights), rng);
    let mut counts = vec![0; weights.len()];
    for _ in 0..picks {
        if let Some(index) = balancer.pick(set, 0, None, rng) {
            counts[index] += 1;
        }
    }
    counts
}

#[test]
fn shares_follow_weights() {
    let weights = [1, 2, 3, 0, 10];
    for config in every_balancer() {
        let rng = &mut Rng::with_seed(1);
        let counts = counts(&config, &weights, &Set::open(5), 16_000, rng);
        // The ring's points of a light endpoint are few, its share is coarse.
        let tolerance = if matches!(config, Config::RingHash { .. }) {
            0.35
        } else {
            0.1
        };
        for (count, weight) in counts.iter().zip(weights) {
            let wanted = f64::from(weight) * 1000.0;
            let error = (*count as f64 - wanted).abs();
            assert!(error <= wanted * tolerance, "{config:?} {counts:?}");
        }
    }
}

#[test]
fn turns_are_exact_where_nothing_tells_endpoints_apart() {
    for config in [
        Config::RoundRobin,
        Config::LeastRequest,
        Config::PeakEwma { decay: DECAY },
    ] {
        let rng = &mut Rng::with_seed(2);
        assert_eq!(
            counts(&config, &[1; 7], &Set::open(7), 700, rng),
            [100; 7],
            "{config:?}"
        );
    }
}

#[test]
fn a_slow_endpoint_is_passed_over() {
    let set = (0..7).fold(Set::open(7), |set, index| {
        let latency = Duration::from_micros(if index == 3 { 50_000 } else { 100 });
        set.measured(index, latency, Outcome::Success)
    });
    let config = Config::PeakEwma { decay: DECAY };
    let counts = counts(&config, &[1; 7], &set, 7_000, &mut Rng::with_seed(3));
    assert_eq!(counts[3], 0, "{counts:?}");
}

#[test]
fn a_failing_endpoint_is_passed_over_after_two_failures() {
    let set = Set::open(3).measured(0, Duration::from_micros(50), Outcome::Failure);
    let config = Config::PeakEwma { decay: DECAY };
    let counts = counts(&config, &[1; 3], &set, 3_000, &mut Rng::with_seed(4));
    assert_eq!(counts[0], 0, "{counts:?}");
}

#[test]
fn where_all_fail_alike_all_get_their_share() {
    let set = (0..3).fold(Set::open(3), |set, index| {
        (0..20).fold(set, |set, _| {
            set.measured(index, Duration::from_millis(1), Outcome::Failure)
        })
    });
    let config = Config::PeakEwma { decay: DECAY };
    let counts = counts(&config, &[1; 3], &set, 300, &mut Rng::with_seed(5));
    assert_eq!(counts, [100; 3]);
}

#[test]
fn a_busy_endpoint_is_passed_over() {
    for config in [Config::LeastRequest, Config::PeakEwma { decay: DECAY }] {
        let set = Set::open(3);
        (0..5).for_each(|_| set.loads[1].begin());
        let counts = counts(&config, &[1; 3], &set, 300, &mut Rng::with_seed(6));
        assert_eq!(counts[1], 0, "{config:?} {counts:?}");
    }
}

#[test]
fn an_ejected_endpoints_turns_are_shared_evenly() {
    for config in [Config::RoundRobin, Config::PeakEwma { decay: DECAY }] {
        let mut set = Set::open(7);
        set.standings[2] = Standing::Out;
        let counts = counts(&config, &[1; 7], &set, 600, &mut Rng::with_seed(7));
        assert!(
            counts
                .iter()
                .enumerate()
                .all(|(index, &count)| count == 100 || index == 2)
        );
    }
}

#[test]
fn the_only_open_one_of_ten_thousand_is_found() {
    let mut set = Set::open(10_000);
    set.standings.fill(Standing::Out);
    set.standings[8_765] = Standing::Open;
    for config in every_balancer() {
        let rng = &mut Rng::with_seed(8);
        let balancer = Balancer::new(&config, &members(&[1; 10_000]), rng);
        assert_eq!(
            balancer.pick(&set, 0, Some(42), rng),
            Some(8_765),
            "{config:?}"
        );
    }
}

/// Where each of a thousand keys goes.
fn placement(balancer: &Balancer, set: &Set) -> Vec<usize> {
    let rng = &mut Rng::with_seed(0);
    let keys = (0u32..1000).map(|key| hash(&key.to_le_bytes()));
    keys.filter_map(|key| balancer.pick(set, 0, Some(key), rng))
        .collect()
}

fn by_hash() -> [Config; 2] {
    [
        Config::RingHash { key: key() },
        Config::Maglev { key: key() },
    ]
}

#[test]
fn keys_go_where_they_always_went() {
    // Vectors: a change here sends every user's sessions elsewhere on an update of the proxy.
    let rng = &mut Rng::with_seed(9);
    for (config, wanted) in by_hash()
        .iter()
        .zip([[2, 2, 3, 1, 1, 4, 2, 4], [0, 3, 2, 0, 0, 1, 0, 0]])
    {
        let balancer = Balancer::new(config, &members(&[1, 1, 2, 1, 1]), rng);
        assert_eq!(
            placement(&balancer, &Set::open(5))[..8],
            wanted,
            "{config:?}"
        );
    }
}

#[test]
fn the_order_of_the_set_does_not_move_keys() {
    let rng = &mut Rng::with_seed(10);
    for config in by_hash() {
        let members = members(&[1, 3, 2, 1, 5]);
        let reversed: Vec<Member> = members.iter().rev().copied().collect();
        let forth = placement(&Balancer::new(&config, &members, rng), &Set::open(5));
        let back = placement(&Balancer::new(&config, &reversed, rng), &Set::open(5));
        assert!(
            forth
                .iter()
                .zip(back)
                .all(|(&forth, back)| forth == 4 - back),
            "{config:?}"
        );
    }
}

#[test]
fn the_keys_of_an_ejected_endpoint_are_spread_and_no_others_move() {
    for config in by_hash() {
        let balancer = Balancer::new(&config, &members(&[1; 10]), &mut Rng::with_seed(11));
        let mut set = Set::open(10);
        let before = placement(&balancer, &set);
        set.standings[4] = Standing::Out;
        let mut heirs = BTreeMap::<usize, usize>::new();
        for (before, after) in before.into_iter().zip(placement(&balancer, &set)) {
            if before == 4 {
                *heirs.entry(after).or_default() += 1;
            } else {
                assert_eq!(before, after, "{config:?}");
            }
        }
        assert!(heirs.len() >= 8, "{config:?} {heirs:?}");
    }
}

proptest! {
    #[test]
    fn a_pick_is_in_range_open_and_of_some_weight(
        endpoints in prop::collection::vec((0u32..5, 0u8..3), 0..20),
        seed: u64,
        key: Option<u64>,
    ) {
        let weights: Vec<u32> = endpoints.iter().map(|&(weight, _)| weight).collect();
        let mut set = Set::open(endpoints.len());
        for (standing, &(_, choice)) in set.standings.iter_mut().zip(&endpoints) {
            *standing = [Standing::Open, Standing::Reserve, Standing::Out][usize::from(choice)];
        }
        let has = |standing| {
            endpoints.iter().zip(&set.standings).any(|(&(weight, _), &it)| weight > 0 && it == standing)
        };
        let best = [Standing::Open, Standing::Reserve].into_iter().find(|&standing| has(standing));
        for config in every_balancer() {
            let rng = &mut Rng::with_seed(seed);
            let balancer = Balancer::new(&config, &members(&weights), rng);
            for _ in 0..30 {
                let picked = balancer.pick(&set, 0, key, rng);
                prop_assert_eq!(picked.map(|index| set.standings[index]), best, "{:?}", config);
                prop_assert!(picked.is_none_or(|index| weights[index] > 0), "{:?}", config);
            }
        }
    }

    #[test]
    fn a_key_stays_with_its_endpoint(weights in prop::collection::vec(1u32..5, 1..20), key: u64) {
        let set = Set::open(weights.len());
        for config in by_hash() {
            let pick = |seed| {
                let rng = &mut Rng::with_seed(seed);
                Balancer::new(&config, &members(&weights), rng).pick(&set, 0, Some(key), rng)
            };
            prop_assert_eq!(pick(1), pick(2));
        }
    }

    #[test]
    fn an_endpoint_that_leaves_moves_few_keys_but_its_own(
        count in 3usize..30,
        gone in any::<prop::sample::Index>(),
    ) {
        let all = members(&vec![1; count]);
        let gone = gone.index(count);
        let rest: Vec<Member> = all.iter().copied().enumerate().filter(|&(index, _)| index != gone)
            .map(|(_, member)| member).collect();
        let rng = &mut Rng::with_seed(0);
        for (config, extra) in by_hash().iter().zip([0, 40]) {
            let before = placement(&Balancer::new(config, &all, rng), &Set::open(count));
            let after = placement(&Balancer::new(config, &rest, rng), &Set::open(count - 1));
            let moved = before.iter().zip(&after)
                .filter(|&(&before, &after)| before != gone && all[before].address != rest[after].address)
                .count();
            prop_assert!(moved <= extra, "{:?}: {} of 1000 keys moved for nothing", config, moved);
        }
    }
}

//! Exact shares of known situations, and what holds in all.

use proptest::prelude::*;

use super::*;

/// The own zone, or a level without zones.
fn local(priority: u16, available: u64, weight: u64) -> Part {
    Part {
        priority,
        local: true,
        zones: 1,
        weight,
        available,
    }
}

fn other(priority: u16, available: u64, weight: u64) -> Part {
    Part {
        local: false,
        ..local(priority, available, weight)
    }
}

#[track_caller]
fn assert_shares(parts: &[Part], wanted: &[f64]) {
    let plan = Plan::new(parts, 0.0);
    let close = |(share, wanted): (&f64, &f64)| (share - wanted).abs() < 1e-9;
    assert!(
        plan.shares().iter().zip(wanted).all(close),
        "{:?}, wanted {wanted:?}",
        plan.shares()
    );
}

#[test]
fn a_single_partition_takes_everything() {
    assert_shares(&[local(0, 3, 3)], &[1.0]);
    assert_shares(&[local(0, 1, 10)], &[1.0]);
    assert_eq!(Plan::new(&[local(0, 1, 3)], 0.0).draw(u64::MAX), 0);
}

#[test]
fn a_level_keeps_everything_until_it_has_lost_two_sevenths() {
    assert_shares(&[local(0, 10, 10), local(1, 10, 10)], &[1.0, 0.0]);
    assert_shares(&[local(0, 5, 7), local(1, 7, 7)], &[1.0, 0.0]);
}

#[test]
fn what_a_level_cannot_take_goes_to_the_next_little_by_little() {
    assert_shares(&[local(0, 7, 10), local(1, 10, 10)], &[0.98, 0.02]);
    assert_shares(&[local(0, 5, 10), local(1, 10, 10)], &[0.7, 0.3]);
    assert_shares(&[local(0, 0, 10), local(1, 10, 10)], &[0.0, 1.0]);
    let three = [local(0, 2, 10), local(3, 2, 10), local(9, 10, 10)];
    assert_shares(&three, &[0.28, 0.28, 0.44]);
}

#[test]
fn where_no_level_has_room_all_take_more() {
    assert_shares(&[local(0, 1, 10), local(1, 3, 10)], &[0.25, 0.75]);
}

#[test]
fn a_level_of_weight_zero_takes_nothing() {
    assert_shares(&[local(0, 0, 0), local(1, 4, 4)], &[0.0, 1.0]);
}

#[test]
fn a_zone_that_has_its_share_keeps_everything() {
    assert_shares(
        &[local(0, 2, 2), other(0, 2, 2), other(0, 2, 2)],
        &[1.0, 0.0, 0.0],
    );
    // One endpoint a zone, and more than its share.
    assert_shares(&[local(0, 1, 1), other(0, 1, 1)], &[1.0, 0.0]);
    assert_shares(&[local(0, 5, 5), other(0, 1, 1)], &[1.0, 0.0]);
}

#[test]
fn a_zone_that_lacks_capacity_gives_to_those_that_have_room() {
    // A third of the callers here, a quarter of the capacity.
    assert_shares(
        &[local(0, 2, 4), other(0, 3, 4), other(0, 3, 4)],
        &[0.75, 0.125, 0.125],
    );
    // The second zone is as short as the first.
    assert_shares(
        &[local(0, 1, 1), other(0, 1, 1), other(0, 4, 4)],
        &[0.5, 0.0, 0.5],
    );
    assert_shares(
        &[local(0, 0, 4), other(0, 4, 4), other(0, 4, 4)],
        &[0.0, 0.5, 0.5],
    );
}

#[test]
fn a_zone_without_endpoints_goes_where_there_is_room() {
    assert_shares(&[other(0, 3, 3), other(0, 3, 3)], &[0.5, 0.5]);
    assert_shares(&[other(0, 1, 1), other(0, 5, 5)], &[0.0, 1.0]);
}

#[test]
fn the_callers_of_a_zone_do_not_vanish_with_its_endpoints() {
    // Half of the capacity is left and two thirds of the callers want it from elsewhere: the own zone is just enough.
    assert_shares(
        &[local(0, 4, 4), other(0, 0, 4), other(0, 4, 4)],
        &[1.0, 0.0, 0.0],
    );
}

#[test]
fn zones_taken_together_have_the_callers_of_all() {
    let many = Part {
        zones: 19,
        ..other(0, 19, 19)
    };
    assert_shares(&[local(0, 1, 1), many], &[1.0, 0.0]);
    assert_shares(
        &[
            local(0, 1, 2),
            Part {
                weight: 38,
                available: 38,
                ..many
            },
        ],
        &[20.0 / 39.0, 19.0 / 39.0],
    );
}

#[test]
fn each_level_is_shared_out_by_zone() {
    let parts = [
        local(0, 1, 4),
        other(0, 3, 4),
        local(1, 1, 1),
        other(1, 1, 1),
    ];
    assert_shares(&parts, &[0.35, 0.35, 0.3, 0.0]);
}

#[test]
fn in_panic_all_share_everything_by_weight() {
    let parts = [local(0, 0, 6), other(0, 1, 2), local(1, 0, 2)];
    let plan = Plan::new(&parts, 0.2);
    assert!(plan.panic());
    assert_eq!(plan.shares(), [0.6, 0.2, 0.2]);
    assert_eq!(plan.available(), 0.125);
}

#[test]
fn panic_begins_below_the_threshold_and_not_at_it() {
    let panic = |available, threshold| Plan::new(&[local(0, available, 10)], threshold).panic();
    assert!(panic(1, 0.2));
    assert!(!panic(2, 0.2));
    assert!(panic(0, 0.01));
    assert!(panic(9, 1.0));
    assert!(!panic(0, 0.0), "0 is never");
}

#[test]
fn a_level_that_is_well_keeps_panic_away_however_small_it_is() {
    assert!(!Plan::new(&[local(0, 0, 100), local(1, 2, 2)], 0.5).panic());
    assert!(!Plan::new(&[local(0, 30, 100), local(1, 60, 200)], 0.5).panic());
}

#[test]
fn nothing_listed_is_no_panic() {
    assert!(!Plan::new(&[], 0.5).panic());
    assert!(!Plan::new(&[local(0, 0, 0)], 0.5).panic());
    assert_eq!(Plan::new(&[], 0.5).draw(7), 0);
}

/// Levels of one to four zones each, the own zone first if there is one.
fn parts() -> impl Strategy<Value = Vec<Part>> {
    let weights = || (0u64..20, 0u64..20).prop_map(|(one, two)| (one.min(two), one.max(two)));
    let level = (any::<bool>(), prop::collection::vec(weights(), 1..4));
    prop::collection::vec(level, 1..4).prop_map(|levels| {
        let mut parts = Vec::new();
        for (priority, (home, zones)) in (0..).zip(levels) {
            for (index, (available, weight)) in zones.into_iter().enumerate() {
                let part = if home && index == 0 { local } else { other };
                parts.push(part(priority, available, weight));
            }
        }
        parts
    })
}

proptest! {
    #[test]
    fn shares_are_a_whole_and_nobody_takes_what_is_not_available(parts in parts(), threshold in 0.0..1.0f64) {
        let plan = Plan::new(&parts, threshold);
        let sum: f64 = plan.shares().iter().sum();
        let some = parts.iter().any(|part| if plan.panic() { part.weight > 0 } else { part.available > 0 });
        prop_assert!((sum - f64::from(u8::from(some))).abs() < 1e-9, "{sum} {plan:?}");
        for (part, &share) in parts.iter().zip(plan.shares()) {
            prop_assert!((0.0..=1.0 + 1e-9).contains(&share), "{plan:?}");
            let takes = if plan.panic() { part.weight } else { part.available };
            prop_assert!(takes > 0 || share == 0.0, "{part:?} {plan:?}");
        }
    }

    #[test]
    fn draws_follow_the_shares(parts in parts()) {
        let plan = Plan::new(&parts, 0.0);
        let mut counts = vec![0u32; parts.len()];
        const DRAWS: u64 = 4096;
        for draw in 0..DRAWS {
            counts[plan.draw(draw * (u64::MAX / DRAWS))] += 1;
        }
        if plan.shares().iter().any(|&share| share > 0.0) {
            for (&count, &share) in counts.iter().zip(plan.shares()) {
                prop_assert!((f64::from(count) - share * DRAWS as f64).abs() <= 2.0, "{counts:?} {plan:?}");
                prop_assert!(share > 0.0 || count == 0, "{counts:?} {plan:?}");
            }
        }
    }

    /// The whole point of the rule, without a word between the proxies.
    #[test]
    fn where_each_zone_plans_for_itself_all_are_equally_busy(weights in prop::collection::vec(1u64..50, 1..6)) {
        let zones = weights.len();
        let mut requests = vec![0.0; zones];
        for home in 0..zones {
            let mut order: Vec<usize> = (0..zones).collect();
            order.swap(0, home);
            let parts: Vec<Part> = order.iter().map(|&zone| Part {
                local: zone == home,
                ..local(0, weights[zone], weights[zone])
            }).collect();
            for (&zone, share) in order.iter().zip(Plan::new(&parts, 0.0).shares()) {
                requests[zone] += share / zones as f64;
            }
        }
        let sum: u64 = weights.iter().sum();
        for (requests, &weight) in requests.iter().zip(&weights) {
            prop_assert!((requests - weight as f64 / sum as f64).abs() < 1e-9, "{requests:?} {weights:?}");
        }
    }
}

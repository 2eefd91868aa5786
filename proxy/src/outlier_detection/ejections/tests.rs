//! Times and records on a virtual clock.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use outrigger_config::model::default;
use proptest::prelude::*;

use super::{Rng, *};

const SECOND: u64 = 1_000_000;

/// An endpoint.
const A: u64 = 7;

struct Stage {
    ejections: Ejections,
    policy: OutlierDetection,
    rng: Rng,
}

fn stage() -> Stage {
    Stage {
        ejections: Ejections::default(),
        policy: default::OUTLIER_DETECTION,
        rng: Rng::with_seed(1),
    }
}

impl Stage {
    fn eject_for(&mut self, now: u64, reason: EjectionReason) -> Option<Record> {
        self.ejections
            .eject(A, now, reason, &self.policy, || true, &mut self.rng)
    }

    /// How many seconds it is out, rounded up to what it would be without jitter.
    fn eject(&mut self, now: u64) -> u64 {
        let record = self.eject_for(now, EjectionReason::ConsecutiveErrors);
        seconds(record.unwrap(), now)
    }

    fn probe_fails(&mut self, now: u64) -> u64 {
        let record = self.eject_for(now, EjectionReason::ProbeFailed);
        seconds(record.unwrap(), now)
    }
}

fn seconds(record: Record, now: u64) -> u64 {
    let lasts = record.until - now;
    let whole = [1, 2, 4, 8, 16, 32, 60]
        .into_iter()
        .find(|whole| lasts <= whole * SECOND);
    let whole = whole.unwrap();
    assert!(
        lasts as f64 >= (whole * SECOND) as f64 * (1.0 - JITTER) - 1.0,
        "{lasts}"
    );
    whole
}

#[test]
fn each_failed_probe_doubles_the_time_up_to_the_longest() {
    let mut stage = stage();
    assert_eq!(stage.eject(0), 1);
    let times: Vec<u64> = (1..10).map(|_| stage.probe_fails(0)).collect();
    assert_eq!(times, [2, 4, 8, 16, 32, 60, 60, 60, 60]);
    assert_eq!(stage.ejections.of(A).unwrap().times, 10);
}

#[test]
fn one_that_is_ejected_is_not_ejected_again() {
    let mut stage = stage();
    stage.eject(0);
    assert_eq!(stage.eject_for(10, EjectionReason::SuccessRate), None);
    assert_eq!(
        stage.ejections.of(A).unwrap().reason,
        EjectionReason::ConsecutiveErrors
    );
}

#[test]
fn without_room_nobody_is_ejected() {
    let mut stage = stage();
    let reason = EjectionReason::Latency;
    let none = stage
        .ejections
        .eject(A, 0, reason, &stage.policy, || false, &mut stage.rng);
    assert_eq!(none, None);
    assert!(stage.ejections.is_empty());
}

#[test]
fn what_fails_again_soon_after_its_return_is_ejected_for_longer() {
    let mut stage = stage();
    assert_eq!(stage.eject(0), 1);
    assert!(stage.ejections.restore(A, SECOND).is_some());
    assert_eq!(stage.ejections.restore(A, SECOND), None, "twice");
    assert_eq!(stage.eject(2 * SECOND), 2);
}

#[test]
fn good_service_takes_the_doublings_back_one_by_one() {
    let mut stage = stage();
    stage.eject(0);
    stage.probe_fails(0);
    assert_eq!(stage.probe_fails(0), 4);
    stage.ejections.restore(A, 0);
    // Five times four seconds for the last level, five times two for the one before.
    let after = |seconds: u64| {
        let mut ejections = Ejections(stage.ejections.0.clone());
        let reason = EjectionReason::ConsecutiveErrors;
        let (now, mut rng) = (seconds * SECOND, Rng::with_seed(2));
        let record = ejections.eject(A, now, reason, &stage.policy, || true, &mut rng);
        self::seconds(record.unwrap(), now)
    };
    assert_eq!([19, 20, 29, 30, 34, 35].map(after), [8, 4, 4, 2, 2, 1]);
}

#[test]
fn a_day_of_ejections_is_forgotten_within_a_quarter_of_an_hour() {
    let mut stage = stage();
    stage.eject(0);
    for _ in 0..1440 {
        stage.probe_fails(0);
    }
    stage.ejections.restore(A, 0);
    stage
        .ejections
        .forget(900 * SECOND, &stage.policy, |_| true);
    assert!(stage.ejections.is_empty());
}

#[test]
fn endpoints_that_left_are_forgotten() {
    let mut stage = stage();
    stage.eject(0);
    stage.ejections.forget(0, &stage.policy, |_| true);
    assert_eq!(stage.ejections.out(), [A]);
    stage.ejections.forget(0, &stage.policy, |_| false);
    assert!(stage.ejections.is_empty());
}

#[test]
fn the_one_that_has_been_out_for_the_longest_comes_first() {
    let mut stage = stage();
    for (endpoint, now) in [(1, 50), (2, 20), (3, 70)] {
        let reason = EjectionReason::Latency;
        stage.ejections.eject(
            endpoint,
            now,
            reason,
            &stage.policy,
            || true,
            &mut stage.rng,
        );
    }
    assert_eq!(stage.ejections.out(), [2, 1, 3]);
}

proptest! {
    /// Whatever happens to an endpoint and when.
    #[test]
    fn times_are_bounded_and_never_end_before_they_begin(
        steps in prop::collection::vec((0u8..3, 0u64..400), 1..60),
        base in 1u64..5_000,
        max in 1u64..400_000,
    ) {
        let mut stage = stage();
        stage.policy.base_ejection_time = Duration::from_millis(base);
        stage.policy.max_ejection_time = Duration::from_millis(max);
        let mut now = 0;
        for (step, seconds) in steps {
            now += seconds * SECOND;
            let record = match step {
                0 => stage.eject_for(now, EjectionReason::ConsecutiveErrors),
                1 => stage.eject_for(now, EjectionReason::ProbeFailed),
                _ => {
                    stage.ejections.restore(A, now);
                    None
                }
            };
            if let Some(record) = record {
                let lasts = record.until - now;
                prop_assert!(lasts <= base.max(max) * 1000);
                prop_assert!(lasts as f64 >= base.min(base.max(max)) as f64 * 1000.0 * (1.0 - JITTER) - 1.0);
                prop_assert!(record.since <= now);
            }
        }
    }

    #[test]
    fn more_good_time_never_means_a_longer_ejection(
        failures in 1usize..12, good in 0u64..2_000, more in 0u64..2_000,
    ) {
        let mut stage = stage();
        stage.eject(0);
        for _ in 0..failures {
            stage.probe_fails(0);
        }
        stage.ejections.restore(A, 0);
        let left = |seconds: u64| stage.ejections.0[&A].level_left(seconds * SECOND, &stage.policy);
        prop_assert!(left(good + more) <= left(good));
    }
}

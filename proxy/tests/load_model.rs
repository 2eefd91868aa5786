//! The shared atomics of an endpoint: what they hold, and that under every interleaving of threads, by loom.
//!
//! The file under test is included with loom's atomics in place of the standard ones; it needs no flags:
//! `cargo test -p outrigger --test load_model --release`.
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use loom::sync::atomic;

#[path = "../src/balance/estimate/mod.rs"]
mod estimate;
#[path = "../src/endpoint/load.rs"]
mod load;
mod balance {
    pub(crate) use super::estimate;
}

use std::{sync::Arc, time::Duration};

use estimate::Decay;
use load::{Load, Outcome};

const SECOND: u64 = 1_000_000;

fn decay() -> Decay {
    Decay::over(Duration::from_secs(10))
}

fn high(load: &Load) -> Option<f32> {
    load.latency().map(|range| range.high)
}

/// Runs `work` on two threads at once, in every order, and then `check`.
fn both(
    work: impl Fn(&Load, u64) + Clone + Send + Sync + 'static,
    check: impl Fn(&Load) + Send + Sync + 'static,
) {
    loom::model(move || {
        let load = Arc::new(Load::new());
        let threads = [1, 2].map(|number| {
            let (load, work) = (load.clone(), work.clone());
            loom::thread::spawn(move || work(&load, number))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        check(&load);
    });
}

/// Runs `work` on one thread; loom's atomics work nowhere else.
fn alone(work: impl Fn(&Load) + Send + Sync + 'static) {
    loom::model(move || work(&Load::new()));
}

fn observe(load: &Load, millis: u64, outcome: Outcome) {
    load.observe(0, Duration::from_millis(millis), outcome, decay());
}

#[test]
fn a_fast_failure_does_not_look_fast() {
    alone(|load| {
        observe(load, 1, Outcome::Failure);
        assert_eq!(load.latency(), None);
        observe(load, 10, Outcome::Success);
        observe(load, 10, Outcome::Success);
        observe(load, 1, Outcome::Failure);
        assert_eq!(
            load.latency(),
            Some(estimate::Range {
                low: 0.010,
                high: 0.010
            })
        );
        assert!(load.failure_share() > 0.2);
    });
}

#[test]
fn what_was_waited_in_vain_is_a_lower_bound_and_no_failure() {
    alone(|load| {
        observe(load, 500, Outcome::Abandoned);
        observe(load, 700, Outcome::Abandoned);
        observe(load, 1, Outcome::Abandoned);
        assert_eq!(
            load.latency(),
            Some(estimate::Range {
                low: 0.500,
                high: 0.700
            })
        );
        assert_eq!(load.failure_share(), 0.0);
    });
}

#[test]
fn what_is_held_against_an_endpoint_fades() {
    alone(|load| {
        observe(load, 10, Outcome::Failure);
        observe(load, 10_000, Outcome::Success);
        assert_eq!(load.expected_left(0, decay()), 1.0);
        assert!(load.expected_left(30 * SECOND, decay()) < 0.06);
        assert!(load.failure_share_left(30 * SECOND, decay()) < load.failure_share() * 0.06);
    });
}

#[test]
fn no_attempt_is_lost_from_the_count() {
    both(
        |load, number| {
            load.begin();
            if number == 1 {
                load.end();
            }
        },
        |load| assert_eq!(load.in_flight(), 1),
    );
}

/// One of two attempts that began at the seconds 1 and 2 ends by `end`; the other one never does.
fn one_ends(ended: u64, end: impl Fn(&Load, u64) + Clone + Send + Sync + 'static, silent: bool) {
    both(
        move |load, number| {
            load.ask(number * SECOND, decay());
            if number == ended {
                end(load, number * SECOND);
            }
        },
        move |load| assert_eq!(load.expected(5 * SECOND, decay()).is_some(), silent),
    );
}

#[test]
fn an_answer_owed_later_than_any_that_came_is_never_forgotten() {
    one_ends(1, |load, asked| load.answer(asked, 3 * SECOND), true);
    one_ends(1, |load, asked| load.give_up(asked), true);
}

#[test]
fn when_all_is_answered_nothing_is_owed() {
    both(
        |load, number| {
            load.ask(number * SECOND, decay());
            load.answer(number * SECOND, 3 * SECOND);
        },
        |load| assert_eq!(load.expected(5 * SECOND, decay()), None),
    );
}

#[test]
fn a_failure_in_silence_counts_for_two_and_an_answer_after_the_same_time_for_one() {
    alone(|load| {
        observe(load, 1, Outcome::Success);
        observe(load, 1, Outcome::Success);
        let low = || load.latency().map(|range| range.low);
        load.ask(SECOND, decay());
        load.answer(SECOND, 2 * SECOND);
        load.observe(
            2 * SECOND,
            Duration::from_secs(1),
            Outcome::Failure,
            decay(),
        );
        assert_eq!(low(), Some(0.001));
        load.ask(2 * SECOND, decay());
        load.observe(
            4 * SECOND,
            Duration::from_secs(2),
            Outcome::Failure,
            decay(),
        );
        load.give_up(2 * SECOND);
        assert_eq!(low(), Some(2.0));
    });
}

#[test]
fn the_higher_of_two_samples_wins_whoever_comes_first() {
    both(
        |load, number| {
            load.observe(0, Duration::from_secs(number), Outcome::Success, decay());
        },
        |load| assert_eq!(high(load), Some(2.0)),
    );
}

#[test]
fn no_failure_is_lost() {
    both(
        |load, _| load.observe(0, Duration::ZERO, Outcome::Failure, decay()),
        |load| assert!((load.failure_share() - 0.2775).abs() < 1e-6),
    );
}

#[test]
fn a_seed_never_overwrites_a_measurement() {
    both(
        |load, number| match number {
            1 => load.seed(SECOND, Duration::from_secs(9)),
            _ => load.observe(SECOND, Duration::from_secs(90), Outcome::Success, decay()),
        },
        |load| assert_eq!(high(load), Some(90.0)),
    );
}

#[test]
fn no_sample_is_lost() {
    both(
        |load, number| {
            load.observe(0, Duration::from_secs(number), Outcome::Success, decay());
        },
        |load| assert_eq!(load.latency().map(|range| range.low), Some(1.0)),
    );
}

#[test]
fn a_reader_sees_an_estimate_with_its_own_time() {
    // Half an update would be the new latency with the old time, all but faded.
    loom::model(|| {
        let load = Arc::new(Load::new());
        let writer = load.clone();
        let thread = loom::thread::spawn(move || {
            writer.observe(
                100 * SECOND,
                Duration::from_secs(1),
                Outcome::Success,
                decay(),
            );
        });
        let known = load.latency().is_some();
        assert!(!known || load.expected_left(100 * SECOND, decay()) == 1.0);
        thread.join().unwrap();
    });
}

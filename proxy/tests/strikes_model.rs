//! Failures in a row and tallies, under every interleaving of threads, by loom (see `load_model.rs`).
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use loom::sync::atomic;

#[path = "../src/outlier_detection/strikes.rs"]
mod strikes;
#[path = "../src/outlier_detection/tally.rs"]
mod tally;

use strikes::{Failure, InARow, Strikes};
use tally::Tally;

/// Runs `work` on two threads at once, in every order, and then `check`.
fn both<T: Send + Sync + 'static>(
    begin: impl Fn() -> T + Send + Sync + 'static,
    work: impl Fn(&T, u64) + Clone + Send + Sync + 'static,
    check: impl Fn(&T) + Send + Sync + 'static,
) {
    loom::model(move || {
        let shared = Arc::new(begin());
        let threads = [1, 2].map(|number| {
            let (shared, work) = (shared.clone(), work.clone());
            loom::thread::spawn(move || work(&shared, number))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        check(&shared);
    });
}

#[test]
fn no_failure_is_lost() {
    both(
        Strikes::new,
        |strikes, number| {
            strikes.strike(match number {
                1 => Failure::Connect,
                _ => Failure::Timeout,
            });
        },
        |strikes| {
            let in_a_row = strikes.load();
            assert_eq!((in_a_row.errors, in_a_row.connect_failures), (2, 1));
        },
    );
}

#[test]
fn of_two_failures_at_once_one_hears_that_it_is_the_second() {
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let told = heard.clone();
    both(
        Strikes::new,
        move |strikes, _| {
            let in_a_row = strikes.strike(Failure::Connect);
            heard.lock().unwrap().push(in_a_row.connect_failures);
        },
        move |_| {
            let mut told = std::mem::take(&mut *told.lock().unwrap());
            told.sort_unstable();
            assert_eq!(told, [1, 2]);
        },
    );
}

#[test]
fn a_success_ends_the_row_or_comes_before_it() {
    both(
        || {
            let strikes = Strikes::new();
            strikes.strike(Failure::ServerError);
            strikes
        },
        |strikes, number| match number {
            1 => strikes.clear(),
            _ => drop(strikes.strike(Failure::ServerError)),
        },
        // Never 2: the success was between or after.
        |strikes| assert!(strikes.load().errors <= 1),
    );
}

#[test]
fn each_kind_ends_the_rows_of_what_it_disproves() {
    loom::model(|| {
        let strikes = Strikes::new();
        let rows = |failure| {
            let InARow {
                errors,
                gateway_errors,
                connect_failures,
            } = strikes.strike(failure);
            (errors, gateway_errors, connect_failures)
        };
        assert_eq!(rows(Failure::Connect), (1, 0, 1));
        assert_eq!(rows(Failure::Timeout), (2, 0, 1));
        assert_eq!(rows(Failure::Connect), (3, 0, 2));
        assert_eq!(rows(Failure::GatewayError), (4, 1, 0));
        assert_eq!(rows(Failure::Reset), (5, 1, 0));
        assert_eq!(rows(Failure::GatewayError), (6, 2, 0));
        assert_eq!(rows(Failure::ServerError), (7, 0, 0));
        strikes.clear();
        assert_eq!(strikes.load(), InARow::default());
    });
}

#[test]
fn a_success_that_was_none_gives_back_what_it_wiped_out() {
    loom::model(|| {
        let strikes = Strikes::new();
        strikes.strike(Failure::Reset);
        let wiped = strikes.load();
        strikes.clear();
        assert_eq!(strikes.strike_again(wiped, Failure::Reset).errors, 2);
    });
}

#[test]
fn what_is_counted_while_the_past_fades_is_not_lost() {
    both(
        || {
            let tally = Tally::new();
            tally.judged(false);
            tally
        },
        |tally, number| match number {
            1 => tally.judged(true),
            _ => tally.fade(0.5),
        },
        |tally| {
            let totals = tally.totals();
            // The new one is whole or has faded by half; so has its failure.
            assert!([1.0, 1.5].contains(&totals.requests), "{totals:?}");
            assert!([0.5, 1.0].contains(&totals.failures), "{totals:?}");
        },
    );
}

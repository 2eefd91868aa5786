//! The gate of the limits, under every interleaving of threads, by loom (see `load_model.rs`).
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::sync::Arc;

use loom::sync::atomic;

#[path = "../src/limits/gate.rs"]
mod gate;

use gate::{Gate, Permit};

/// Runs `work` on two threads at once, in every order, and then `check` with what came of it.
fn both<T: 'static>(
    cap: u32,
    work: impl Fn(&Arc<Gate>, u32) -> T + Clone + Send + Sync + 'static,
    check: impl Fn(&Gate, Vec<T>) + Send + Sync + 'static,
) {
    loom::model(move || {
        let gate = Gate::new(cap);
        let threads = [1, 2].map(|number| {
            let (gate, work) = (gate.clone(), work.clone());
            loom::thread::spawn(move || work(&gate, number))
        });
        let came = threads.map(|thread| thread.join().unwrap());
        check(&gate, came.into());
    });
}

fn let_through(permits: &[Option<Permit>]) -> usize {
    permits.iter().flatten().count()
}

#[test]
fn of_two_that_want_the_last_place_one_gets_it() {
    both(
        1,
        |gate, _| gate.enter(),
        |gate, permits| {
            assert_eq!(let_through(&permits), 1);
            assert_eq!(gate.held(), 1);
            drop(permits);
            assert_eq!(gate.held(), 0);
        },
    );
}

#[test]
fn a_place_that_is_given_back_is_there_again_and_only_once() {
    both(
        1,
        |gate, _| {
            let seen = gate.enter().map(|_permit| gate.held());
            assert!(seen.is_none_or(|held| held == 1), "over the cap: {seen:?}");
        },
        |gate, _| {
            assert_eq!(gate.held(), 0);
            let gate = Gate::new(gate.cap());
            assert!(gate.enter().is_some());
        },
    );
}

#[test]
fn a_lower_cap_takes_no_permit_away_and_lets_nobody_in() {
    both(
        2,
        |gate, number| match number {
            1 => gate.enter(),
            _ => {
                gate.set_cap(0);
                None
            }
        },
        |gate, permits| {
            assert_eq!(gate.held() as usize, let_through(&permits));
        },
    );
}

#[test]
fn a_permit_held_through_a_lower_cap_is_counted_out() {
    loom::model(|| {
        let gate = Gate::new(2);
        let (one, two) = (gate.enter(), gate.enter());
        assert!(one.is_some() && two.is_some());
        gate.set_cap(1);
        drop(one);
        assert!(gate.enter().is_none(), "the other is still held");
        drop(two);
        assert!(gate.enter().is_some());
    });
}

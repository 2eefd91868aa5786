//! The condition of an endpoint, under every interleaving of threads, by loom (see `load_model.rs`).
#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use loom::sync::atomic;

#[path = "../src/endpoint/condition.rs"]
mod condition;

use condition::{Condition, Seen, State};

/// Runs `work` on two threads at once, in every order, and then `check`.
fn both(
    begin: impl Fn(&Condition) + Send + Sync + 'static,
    work: impl Fn(&Condition, u64) + Clone + Send + Sync + 'static,
    check: impl Fn(&Condition) + Send + Sync + 'static,
) {
    loom::model(move || {
        let condition = Arc::new(Condition::new());
        begin(&condition);
        let threads = [1, 2].map(|number| {
            let (condition, work) = (condition.clone(), work.clone());
            loom::thread::spawn(move || work(&condition, number))
        });
        for thread in threads {
            thread.join().unwrap();
        }
        check(&condition);
    });
}

fn seen(down: bool, state: State) -> Seen {
    Seen { down, state }
}

#[test]
fn of_two_that_ask_at_once_one_may_probe() {
    let granted = Arc::new(AtomicU32::new(0));
    let (asked, counted) = (granted.clone(), granted);
    both(
        |condition| condition.eject(10),
        move |condition, _| {
            asked.fetch_add(u32::from(condition.probe(10, 20)), Relaxed);
        },
        move |condition| {
            assert_eq!(counted.swap(0, Relaxed), 1);
            assert_eq!(condition.load(), seen(false, State::Probing { until: 20 }));
        },
    );
}

#[test]
fn the_health_check_and_an_ejection_do_not_undo_each_other() {
    both(
        |_| (),
        |condition, number| match number {
            1 => condition.eject(30),
            _ => assert!(condition.set_down(true, 5)),
        },
        |condition| assert_eq!(condition.load(), seen(true, State::Ejected { until: 30 })),
    );
}

#[test]
fn an_ejection_is_not_lost_to_the_end_of_slow_start() {
    both(
        |condition| condition.warm_up(1),
        |condition, number| match number {
            1 => condition.eject(30),
            _ => condition.settle(1),
        },
        |condition| assert_eq!(condition.load(), seen(false, State::Ejected { until: 30 })),
    );
}

#[test]
fn an_ejected_endpoint_comes_back_through_a_probe_and_warms_up() {
    loom::model(|| {
        let condition = Condition::new();
        assert!(condition.clear());
        condition.eject(100);
        assert!(!condition.probe(99, 199), "before its time");
        assert!(condition.probe(100, 200));
        assert!(!condition.probe(150, 250), "a second one beside the first");
        assert!(!condition.probe(200, 300), "whoever gives it up ejects");
        assert!(condition.probe_again(205), "it said nothing");
        assert!(!condition.probe_again(206), "twice");
        assert!(condition.probe(206, 306));
        assert!(condition.restore(210));
        assert!(!condition.restore(220), "twice");
        assert_eq!(condition.load(), seen(false, State::Warming { since: 210 }));
        condition.settle(209);
        assert!(!condition.clear());
        condition.settle(210);
        assert!(condition.clear());
    });
}

#[test]
fn an_endpoint_that_is_down_is_not_probed() {
    loom::model(|| {
        let condition = Condition::new();
        condition.eject(100);
        assert!(condition.set_down(true, 0));
        assert!(!condition.set_down(true, 0), "it was already");
        assert!(!condition.probe(100, 200));
        assert!(condition.set_down(false, 150));
        assert_eq!(condition.load().state, State::Ejected { until: 100 });
    });
}

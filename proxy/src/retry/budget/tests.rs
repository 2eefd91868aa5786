//! The budget on a virtual clock: exactly, and by what must hold whatever happens.

use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000;

const DEFAULT: RetryBudget = RetryBudget {
    percent: 0.2,
    min_per_second: 10,
    window: Duration::from_secs(10),
};

/// No floor: what is granted was earned.
const EARNED: RetryBudget = RetryBudget {
    min_per_second: 0,
    ..DEFAULT
};

/// How many of `asked` retries at once are granted.
fn granted(budget: &mut Budget, now: u64, total: u64, asked: usize) -> usize {
    (0..asked)
        .filter(|_| budget.withdraw(now, total) == Verdict::Granted)
        .count()
}

#[test]
fn a_quiet_cluster_may_retry_up_to_the_floor() {
    let mut budget = Budget::new(DEFAULT, 0, 0);
    assert_eq!(granted(&mut budget, 5, 1, 1000), 100);
    assert_eq!(granted(&mut budget, 9 * SECOND, 10, 1000), 0);
    assert_eq!(granted(&mut budget, 11 * SECOND, 11, 1000), 100);
}

#[test]
fn a_busy_cluster_may_retry_a_fifth_of_its_requests() {
    let mut budget = Budget::new(DEFAULT, 0, 0);
    budget.count(1, 10_000);
    assert_eq!(granted(&mut budget, SECOND, 10_000, 5000), 2000);
    // One more for every five that come.
    assert_eq!(granted(&mut budget, SECOND, 10_004, 10), 0);
    assert_eq!(granted(&mut budget, SECOND, 10_005, 10), 1);
}

#[test]
fn what_was_earned_is_forgotten_with_the_window() {
    let mut budget = Budget::new(EARNED, 0, 0);
    budget.count(SECOND / 2, 1000);
    assert_eq!(budget.clone().withdraw(9 * SECOND, 1000), Verdict::Granted);
    assert_eq!(
        budget.withdraw(11 * SECOND, 1000),
        Verdict::Refused { first: true }
    );
}

#[test]
fn requests_that_nobody_counted_in_time_earn_nothing() {
    let mut budget = Budget::new(EARNED, 0, 0);
    assert_eq!(granted(&mut budget, 3600 * SECOND, 1_000_000, 10), 0);
}

#[test]
fn a_dry_time_is_told_once_and_ends_after_a_second_of_calm() {
    let mut budget = Budget::new(EARNED, 0, 0);
    let refused = |first| Verdict::Refused { first };
    assert_eq!(budget.withdraw(1, 1), refused(true));
    assert_eq!(budget.withdraw(2, 1), refused(false));
    assert_eq!(budget.tend(SECOND / 2, 100), None, "no calm yet");
    assert_eq!(budget.withdraw(SECOND, 100), Verdict::Granted);
    let refilled = Refilled {
        after: Duration::from_micros(2 * SECOND - 1),
        refused: 2,
    };
    assert_eq!(budget.tend(2 * SECOND, 100), Some(refilled));
    assert_eq!(budget.tend(3 * SECOND, 100), None);
}

#[test]
fn a_dry_time_lasts_as_long_as_there_is_no_room() {
    let mut budget = Budget::new(EARNED, 0, 0);
    budget.withdraw(1, 1);
    assert_eq!(budget.tend(5 * SECOND, 4), None);
    assert!(budget.is_dry());
    assert!(budget.tend(6 * SECOND, 40).is_some());
    assert!(!budget.is_dry());
}

#[test]
fn another_policy_keeps_the_past_if_it_looks_back_as_far() {
    let mut budget = Budget::new(DEFAULT, 0, 0);
    budget.count(1, 1000);
    granted(&mut budget, 1, 1000, 150);
    let stricter = budget.under(RetryBudget {
        percent: 0.1,
        ..DEFAULT
    });
    let balance = stricter.balance();
    assert_eq!((balance.requests, balance.retries), (1000, 150));
    assert_eq!(balance.left(), 0);
    let other = budget.under(RetryBudget {
        window: Duration::from_secs(1),
        ..DEFAULT
    });
    assert_eq!(other.balance().retries, 0);
}

#[test]
fn what_is_made_in_any_case_leaves_less_for_others() {
    let mut budget = Budget::new(DEFAULT, 0, 0);
    (0..150).for_each(|_| budget.charge(1, 10));
    assert_eq!(granted(&mut budget, 2, 10, 10), 0);
    assert_eq!(budget.balance().left(), 0);
}

/// What happens to a budget: time passes, requests come, a retry is asked for, or made in any case.
#[derive(Clone, Copy, Debug)]
enum Event {
    Pass(u64),
    Requests(u64),
    Retry,
    Charge,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        (0..400_000u64).prop_map(Event::Pass),
        (0..3 * SECOND).prop_map(Event::Pass),
        (0..50u64).prop_map(Event::Requests),
        Just(Event::Retry),
        Just(Event::Retry),
        Just(Event::Charge),
    ]
}

proptest! {
    /// By the true times of all requests and retries, whenever anybody counted.
    #[test]
    fn in_no_window_before_a_retry_are_there_more_than_the_bound(
        events in prop::collection::vec(event(), 1..400),
        start in 0..100 * SECOND,
        percent in 0.0..=1.0,
        min_per_second in 0..5u32,
        seconds in 1..12u64,
        tending: bool,
    ) {
        let policy = RetryBudget { percent, min_per_second, window: Duration::from_secs(seconds) };
        let (mut now, mut total) = (start, 0);
        let mut budget = Budget::new(policy, now, total);
        let (mut requests, mut retries) = (Vec::new(), Vec::new());
        for event in events {
            match event {
                Event::Pass(micros) => {
                    now += micros;
                    if tending {
                        budget.tend(now, total);
                    }
                }
                Event::Requests(count) => {
                    total += count;
                    requests.extend((0..count).map(|_| now));
                }
                Event::Charge => {
                    budget.charge(now, total);
                    retries.push(now);
                }
                Event::Retry => {
                    if budget.withdraw(now, total) == Verdict::Granted {
                        retries.push(now);
                        let window = seconds * SECOND;
                        let within = |times: &[u64]| times.iter().filter(|at| **at + window > now).count() as f64;
                        let bound = (percent * within(&requests)).max(f64::from(min_per_second) * seconds as f64);
                        prop_assert!(within(&retries) <= bound, "{} of {bound}", within(&retries));
                    }
                }
            }
        }
    }

    /// A bound could be kept by granting nothing.
    #[test]
    fn a_steady_flow_gets_nearly_all_it_may(rate in 50..500u64, percent in 0.05..0.5) {
        let policy = RetryBudget { percent, min_per_second: 0, ..DEFAULT };
        let mut budget = Budget::new(policy, 0, 0);
        let (mut total, mut granted) = (0, 0);
        for tenth in 0..300 {
            total += rate / 10;
            granted += (0..rate / 10)
                .filter(|_| budget.withdraw(tenth * SECOND / 10, total) == Verdict::Granted)
                .count();
        }
        prop_assert!(granted as f64 >= 0.8 * percent * total as f64, "{granted} of {total}");
    }
}

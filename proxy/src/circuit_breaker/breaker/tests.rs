//! Exact sequences on a virtual clock, and what holds for every sequence.

use fastrand::Rng;
use outrigger_config::model::SlowCall;
use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000;
const QUICK: Duration = Duration::from_millis(10);

fn config() -> CircuitBreaker {
    CircuitBreaker {
        failure_percent: 0.5,
        slow_call: None,
        window: Duration::from_secs(10),
        min_requests: 20,
        open_time: Duration::from_secs(5),
        max_open_time: Duration::from_secs(60),
        probes: 3,
        fallback: None,
    }
}

/// A breaker and what goes with it.
struct Play {
    breaker: Breaker,
    rng: Rng,
}

impl Play {
    fn of(config: &CircuitBreaker) -> Self {
        Self {
            breaker: Breaker::new(config),
            rng: Rng::with_seed(7),
        }
    }

    fn judge(&mut self, now: u64, ticket: &mut Ticket, failed: bool) {
        self.breaker.judge(now, ticket, failed, None, &mut self.rng);
    }

    fn abandon(&mut self, now: u64, ticket: &mut Ticket) {
        self.breaker.abandon(now, ticket, &mut self.rng);
    }

    /// One whole attempt; whether it was let through.
    fn attempt(&mut self, now: u64, took: Duration, failed: bool) -> bool {
        let Ok(mut ticket) = self.breaker.admit(now) else {
            return false;
        };
        self.breaker.answer(&mut ticket, Some(took));
        self.judge(now, &mut ticket, failed);
        true
    }

    /// So many attempts that fail; how many were let through.
    fn fail(&mut self, now: u64, attempts: usize) -> usize {
        (0..attempts)
            .filter(|_| self.attempt(now, QUICK, true))
            .count()
    }

    /// From open since `since` until then.
    fn open(&self) -> (u64, u64) {
        match self.breaker.state() {
            State::Open { since, until } => (since, until),
            state => panic!("not open: {state:?}"),
        }
    }
}

#[test]
fn it_opens_at_the_share_and_not_below_the_volume() {
    let mut play = Play::of(&config());
    assert_eq!(play.fail(0, 19), 19);
    assert_eq!(play.breaker.state(), State::Closed);
    assert_eq!(play.fail(0, 10), 1, "the twentieth opens it");
    let (since, until) = play.open();
    assert_eq!(since, 0);
    assert!((5 * SECOND..=5_500_000).contains(&until), "{until}");
    assert_eq!(play.breaker.admit(SECOND).unwrap_err(), until - SECOND);
    let cause = play.breaker.cause();
    assert_eq!((cause.failures, cause.requests), (20, 20));
}

#[test]
fn less_than_the_share_leaves_it_closed() {
    let mut play = Play::of(&config());
    for _ in 0..1000 {
        assert!(play.attempt(0, QUICK, false));
        assert!(play.attempt(0, QUICK, false));
        assert!(play.attempt(0, QUICK, true));
    }
    let counts = play.breaker.counts(0);
    assert_eq!((counts.failures, counts.requests), (1000, 3000));
}

#[test]
fn failures_that_are_older_than_the_window_do_not_count() {
    let mut play = Play::of(&config());
    play.fail(0, 19);
    assert_eq!(play.fail(10 * SECOND, 19), 19);
    assert_eq!(play.breaker.state(), State::Closed);
}

#[test]
fn it_closes_when_all_probes_succeed_and_forgets_what_was() {
    let mut play = Play::of(&config());
    play.fail(0, 20);
    let (_, until) = play.open();
    assert!(play.breaker.admit(until - 1).is_err());
    let mut probes: Vec<Ticket> = (0..3).map(|_| play.breaker.admit(until).unwrap()).collect();
    assert_eq!(play.breaker.admit(until).unwrap_err(), SECOND);
    for probe in &mut probes {
        assert_ne!(play.breaker.state(), State::Closed);
        play.judge(until, probe, false);
    }
    assert_eq!(play.breaker.state(), State::Closed);
    assert_eq!(play.breaker.counts(until), Counts::default());
}

#[test]
fn a_probe_that_fails_opens_it_for_twice_as_long() {
    let mut play = Play::of(&config());
    play.fail(0, 20);
    let mut times = Vec::new();
    for _ in 0..6 {
        let (since, until) = play.open();
        times.push((until - since) / SECOND);
        let mut probe = play.breaker.admit(until).unwrap();
        let mut other = play.breaker.admit(until).unwrap();
        play.judge(until, &mut probe, true);
        let opened = play.open();
        play.judge(until, &mut other, true);
        assert_eq!(play.open(), opened, "the second is of an era that is over");
    }
    let lengths = [5, 10, 20, 40, 60, 60];
    let within = |(time, length): (&u64, u64)| (length..=length + length / 10).contains(time);
    assert!(times.iter().zip(lengths).all(within), "{times:?}");
}

#[test]
fn a_relapse_counts_as_a_failed_probe_and_a_good_time_is_forgiven() {
    let mut play = Play::of(&config());
    let mut length = |at: u64| {
        play.fail(at, 20);
        let (since, until) = play.open();
        for _ in 0..3 {
            assert!(play.attempt(until, QUICK, false));
        }
        (until - since) / SECOND
    };
    assert_eq!(length(0), 5);
    assert!((10..=11).contains(&length(30 * SECOND)));
    assert_eq!(length(200 * SECOND), 5);
}

#[test]
fn an_abandoned_probe_frees_its_place() {
    let mut play = Play::of(&config());
    play.fail(0, 20);
    let (_, until) = play.open();
    let mut probes: Vec<Ticket> = (0..3).map(|_| play.breaker.admit(until).unwrap()).collect();
    assert!(play.breaker.admit(until).is_err());
    play.abandon(until, &mut probes[0]);
    play.abandon(until, &mut probes[0]);
    assert!(play.breaker.admit(until).is_ok());
    assert!(play.breaker.admit(until).is_err());
}

#[test]
fn probes_of_which_nothing_is_heard_make_room_for_others() {
    let mut play = Play::of(&config());
    play.fail(0, 20);
    let (_, until) = play.open();
    let mut lost: Vec<Ticket> = (0..3).map(|_| play.breaker.admit(until).unwrap()).collect();
    assert!(play.breaker.admit(until + 9 * SECOND).is_err());
    let later = until + 10 * SECOND;
    assert!((0..3).all(|_| play.breaker.admit(later).is_ok()));
    assert!(play.breaker.admit(later).is_err());
    play.judge(later, &mut lost[0], true);
    assert_ne!(play.breaker.state(), State::Closed);
    assert!(matches!(
        play.breaker.state(),
        State::HalfOpen { under_way: 3, .. }
    ));
}

#[test]
fn probes_that_stream_and_stream_close_it_after_a_while() {
    let mut play = Play::of(&config());
    play.fail(0, 20);
    let (_, until) = play.open();
    for _ in 0..3 {
        let mut ticket = play.breaker.admit(until).unwrap();
        play.breaker.answer(&mut ticket, Some(QUICK));
    }
    assert!(play.breaker.admit(until + 10 * SECOND).is_ok());
    assert_eq!(play.breaker.state(), State::Closed);
}

#[test]
fn slow_answers_open_it_and_a_slow_probe_fails() {
    let slow_call = SlowCall {
        longer_than: Duration::from_secs(1),
        percent: 0.3,
    };
    let mut play = Play::of(&CircuitBreaker {
        slow_call: Some(slow_call),
        ..config()
    });
    let took = |millis| Duration::from_millis(millis);
    for number in 0..19 {
        assert!(play.attempt(0, took(if number < 5 { 1001 } else { 1000 }), false));
    }
    assert_eq!(play.breaker.state(), State::Closed);
    play.attempt(0, took(2000), false);
    let (_, until) = play.open();
    assert_eq!(play.breaker.cause().slow, 6);
    play.attempt(until, took(2000), false);
    assert!(play.open().0 == until);
}

#[test]
fn an_answer_that_breaks_off_is_one_failure_and_not_one_more_request() {
    let mut play = Play::of(&config());
    for _ in 0..15 {
        let mut ticket = play.breaker.admit(0).unwrap();
        play.judge(0, &mut ticket, false);
        play.judge(0, &mut ticket, true);
        play.judge(0, &mut ticket, true);
    }
    let counts = play.breaker.counts(0);
    assert_eq!((counts.failures, counts.requests), (15, 15));
}

proptest! {
    /// Attempts come, answer, end well and badly, and are abandoned, in any order and at any time.
    #[test]
    fn whatever_happens_the_bounds_hold(
        steps in prop::collection::vec((0_u8..8, 0_u64..3 * SECOND, any::<u16>()), 1..400),
        probes in 1_u32..5,
        min_requests in 1_u32..8,
        seed: u64,
    ) {
        let config = CircuitBreaker { probes, min_requests, ..config() };
        let mut play = Play { breaker: Breaker::new(&config), rng: Rng::with_seed(seed) };
        let mut held = Vec::new();
        let (mut now, mut era_judged) = (0, 0);
        for (action, wait, pick) in steps {
            now += wait;
            let before = play.breaker.state();
            let era = play.breaker.era;
            if action < 4 || held.is_empty() {
                match play.breaker.admit(now) {
                    Ok(ticket) => held.push(ticket),
                    Err(wait) => prop_assert!(wait <= 66 * SECOND),
                }
            } else {
                let mut ticket = held.swap_remove(usize::from(pick) % held.len());
                let open = !ticket.is_over();
                match action {
                    4 => play.breaker.answer(&mut ticket, None),
                    5 => play.judge(now, &mut ticket, true),
                    6 => play.judge(now, &mut ticket, false),
                    _ => play.abandon(now, &mut ticket),
                }
                let judged = open && ticket.is_over() && ticket.stage != Stage::Abandoned;
                era_judged += u32::from(judged && ticket.era == era);
                // One that succeeded may yet break off.
                held.push(ticket);
            }
            let after = play.breaker.state();
            if let State::HalfOpen { under_way, passed, answered, .. } = after {
                prop_assert!(under_way + passed <= probes && answered <= under_way);
                let era = play.breaker.era;
                let out = held.iter().filter(|ticket| ticket.era == era && !ticket.is_over()).count();
                prop_assert_eq!(out, under_way as usize);
            }
            if let State::Open { since, until } = after {
                let length = until - since;
                prop_assert!((5 * SECOND..=66 * SECOND).contains(&length), "{}", length);
                if before == State::Closed {
                    prop_assert!(era_judged >= min_requests, "opened after {}", era_judged);
                }
            }
            if play.breaker.era != era {
                era_judged = 0;
            }
        }
    }
}

//! Transitions one by one, and what holds for any order of attempts.

use std::time::Duration;

use proptest::prelude::{any, prop, prop_assert, proptest};

use super::*;

fn decay() -> Decay {
    Decay::over(Duration::from_secs(10))
}

/// Exact to a tick: no test begins or ends between two.
fn tick(number: u32) -> Tick {
    Tick(1000 + number)
}

fn asked(numbers: &[u32]) -> Silence {
    numbers.iter().fold(Silence::NONE, |silence, &number| {
        silence.ask(tick(number), decay())
    })
}

/// In ticks, of which the first counts for nothing.
fn lasted(silence: Silence, now: u32) -> u32 {
    (silence.lasted(tick(now), decay()) / TICK).round() as u32
}

#[test]
fn who_was_not_asked_is_not_silent() {
    assert_eq!(lasted(Silence::NONE, 5_000), 0);
}

#[test]
fn silence_lasts_from_the_first_attempt_on() {
    assert_eq!(lasted(asked(&[0, 5, 9]), 21), 20);
    assert_eq!(
        lasted(asked(&[0]), 1),
        0,
        "a tick may be over in a nanosecond"
    );
}

#[test]
fn an_answer_ends_it() {
    assert_eq!(asked(&[0]).answer(tick(0), tick(3)), Silence::NONE);
}

#[test]
fn what_was_asked_later_than_what_is_answered_is_owed_from_then_on() {
    let silence = asked(&[0, 5]).answer(tick(0), tick(10));
    assert_eq!(lasted(silence, 31), 20);
}

#[test]
fn a_long_poll_is_no_silence_once_a_later_request_was_answered() {
    let silence = asked(&[0, 5]).answer(tick(5), tick(10));
    assert_eq!(silence, Silence::NONE);
    assert_eq!(silence.answer(tick(0), tick(900)), Silence::NONE);
}

#[test]
fn what_is_given_up_last_leaves_no_silence_and_what_before_does() {
    assert_eq!(asked(&[0]).give_up(tick(0)), Silence::NONE);
    assert_eq!(lasted(asked(&[0, 5]).give_up(tick(0)), 101), 100);
}

#[test]
fn after_the_decay_time_one_more_is_sent_to_find_out() {
    let silence = asked(&[0]);
    assert!(lasted(silence, 9_700) > 9_000);
    assert_eq!(lasted(silence, 9_800), 0);
    let again = silence.ask(tick(9_800), decay());
    assert_eq!(lasted(again, 9_901), 100);
}

#[test]
fn packing_loses_nothing() {
    let silence = asked(&[3, 8]);
    assert_eq!(Silence::unpack(silence.pack()), silence);
    assert_eq!(Silence::NONE.pack(), 0);
}

proptest! {
    /// Attempts begin and end in any order, one thing a tick.
    #[test]
    fn it_is_never_longer_than_what_is_waited_for_and_ends_with_that(
        steps in prop::collection::vec((0u8..4, any::<prop::sample::Index>()), 1..200),
        are_given_up: bool,
    ) {
        let (mut silence, mut waiting, mut answered) = (Silence::NONE, Vec::new(), 0);
        for (now, (step, chosen)) in (1..).zip(steps) {
            silence = if step < 2 || waiting.is_empty() {
                waiting.push(now);
                silence.ask(tick(now), decay())
            } else {
                let began = waiting.remove(chosen.index(waiting.len()));
                if are_given_up && step == 2 {
                    silence.give_up(tick(began))
                } else {
                    answered = now;
                    silence.answer(tick(began), tick(now))
                }
            };
            prop_assert!(lasted(silence, now) <= now - answered);
            match waiting.first() {
                Some(&oldest) if !are_given_up => prop_assert!(lasted(silence, now) <= now - oldest),
                Some(_) => {}
                None => prop_assert!(silence == Silence::NONE),
            }
        }
    }
}

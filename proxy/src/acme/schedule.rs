//! When a certificate is renewed, and when it is tried again. Every host has a `share` in 0..1 of its own, drawn once: those
//! that were got together are not renewed together.

use std::time::{Duration, SystemTime};

/// After the first failure. Let's Encrypt takes five failures an hour for a host: with the doubling, these are spent by the
/// end of the hour, not before.
const FIRST_PAUSE: Duration = Duration::from_secs(120);

/// Whatever is wrong is seen to within hours, not weeks.
const LONGEST_PAUSE: Duration = Duration::from_secs(6 * 3_600);

/// How often the authority is asked when it would like a certificate renewed, whatever it says of that.
const MOST_OFTEN: Duration = Duration::from_secs(60);
const LEAST_OFTEN: Duration = Duration::from_secs(86_400);

/// When two thirds of its life are over, and up to a fiftieth of it earlier: 30 days before the end for those of 90, as
/// Let's Encrypt asks.
pub(super) fn renewal(begins: SystemTime, ends: SystemTime, share: f64) -> SystemTime {
    let life = ends.duration_since(begins).unwrap_or_default();
    begins + life.mul_f64(2.0 / 3.0 - share.clamp(0.0, 1.0) / 50.0)
}

/// Somewhere in the window that the authority suggests (RFC 9773, 4.2). One in the past means at once.
pub(super) fn within(from: SystemTime, to: SystemTime, share: f64) -> SystemTime {
    from + to
        .duration_since(from)
        .unwrap_or_default()
        .mul_f64(share.clamp(0.0, 1.0))
}

/// When it is renewed whatever the authority suggests: a sixth of its life is left for failures.
pub(super) fn latest(begins: SystemTime, ends: SystemTime) -> SystemTime {
    begins + ends.duration_since(begins).unwrap_or_default() * 5 / 6
}

/// When the authority is asked again.
pub(super) fn ask_again(retry_after: Duration) -> Duration {
    retry_after.clamp(MOST_OFTEN, LEAST_OFTEN)
}

/// How long to wait after so many failures in a row, from 1: twice as long each time, and up to a fifth less.
pub(super) fn pause(failures: u32, share: f64) -> Duration {
    let doubled = 1 << failures.saturating_sub(1).min(16);
    let pause = FIRST_PAUSE.saturating_mul(doubled).min(LONGEST_PAUSE);
    pause.mul_f64(1.0 - share.clamp(0.0, 1.0) / 5.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn of_ninety_days_a_month_is_left() {
        let (begins, ends) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + 90 * DAY);
        let at = |share| {
            renewal(begins, ends, share)
                .duration_since(begins)
                .unwrap_or_default()
        };
        assert_eq!(at(0.0).as_secs() / 86_400, 60);
        assert!(at(1.0) < at(0.0) && at(1.0) > 57 * DAY, "{:?}", at(1.0));
    }

    #[test]
    fn failures_are_five_an_hour_and_never_rarer_than_a_few_a_day() {
        let mut at = Duration::ZERO;
        let tries = (1..).take_while(|failures| {
            let within = at < Duration::from_secs(3_600);
            at += pause(*failures, 0.0);
            within
        });
        assert_eq!(tries.count(), 5);
        assert_eq!(pause(u32::MAX, 0.0), LONGEST_PAUSE);
    }

    proptest! {
        #[test]
        fn what_is_renewed_is_still_good(life in 1_u64..1_000_000_000, share in 0.0..1.0) {
            let begins = SystemTime::UNIX_EPOCH + DAY;
            let ends = begins + Duration::from_secs(life);
            let at = renewal(begins, ends, share);
            prop_assert!(at > begins && at < ends);
            let latest = latest(begins, ends);
            prop_assert!(latest > at && latest < ends);
            let within = within(begins, ends, share);
            prop_assert!(within >= begins && within <= ends);
        }

        #[test]
        fn pauses_are_as_long_as_they_should_be(failures in 1_u32.., share in 0.0..1.0) {
            let pause = pause(failures, share);
            prop_assert!(pause <= LONGEST_PAUSE && pause >= FIRST_PAUSE.mul_f64(0.8));
        }
    }
}

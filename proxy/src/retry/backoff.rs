//! How long a retry waits: "full jitter", anything from nothing to a bound that doubles with each retry, so that those
//! who failed together do not come back together (M. Brooker, "Exponential Backoff And Jitter").

use std::time::Duration;

use outrigger_config::model::Backoff;

/// The wait before a request's `retry`th retry, counted from 1.
pub fn wait(backoff: Backoff, retry: u32, rng: &mut fastrand::Rng) -> Duration {
    let doubled = 1u32
        .checked_shl(retry.saturating_sub(1))
        .unwrap_or(u32::MAX);
    let bound = backoff.base.saturating_mul(doubled).min(backoff.max);
    bound.mul_f64(rng.f64())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DEFAULT: Backoff = Backoff {
        base: Duration::from_millis(25),
        max: Duration::from_millis(250),
    };

    /// The longest and the mean of many waits.
    fn spread(retry: u32) -> (Duration, Duration) {
        let mut rng = fastrand::Rng::with_seed(7);
        let waits: Vec<Duration> = (0..10_000)
            .map(|_| wait(DEFAULT, retry, &mut rng))
            .collect();
        let sum: Duration = waits.iter().sum();
        (waits.into_iter().max().unwrap_or_default(), sum / 10_000)
    }

    #[test]
    fn the_bound_doubles_up_to_its_own_bound_and_any_wait_below_is_as_likely() {
        for (retry, bound) in [(1, 25), (2, 50), (3, 100), (4, 200), (5, 250), (40, 250)] {
            let (longest, mean) = spread(retry);
            let bound = Duration::from_millis(bound);
            assert!(
                longest <= bound && longest > bound.mul_f64(0.99),
                "{retry}: {longest:?}"
            );
            let half = bound.mul_f64(0.5);
            assert!(
                mean > half.mul_f64(0.97) && mean < half.mul_f64(1.03),
                "{retry}: {mean:?}"
            );
        }
    }

    #[test]
    fn a_base_of_0_waits_for_nothing() {
        let backoff = Backoff {
            base: Duration::ZERO,
            ..DEFAULT
        };
        assert_eq!(
            wait(backoff, 3, &mut fastrand::Rng::with_seed(7)),
            Duration::ZERO
        );
    }

    proptest! {
        #[test]
        fn no_wait_is_ever_longer_than_the_longest(
            base in 0..100_000_000u64, max in 0..100_000_000u64, retry in 0..200u32, seed: u64,
        ) {
            let (base, max) = (Duration::from_millis(base), Duration::from_millis(max));
            let waited = wait(Backoff { base, max }, retry, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(waited <= max);
        }
    }
}

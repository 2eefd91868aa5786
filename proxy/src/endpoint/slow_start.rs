//! Slow start: an endpoint that is new or back takes a share of its requests that grows with time.
//!
//! It stands aside for the others at random, so that every balancer honours it alike and a pick stays what it is. The
//! draw is made of the endpoint and the moment: the same pick asks more than once, and must hear the same.

use std::time::Duration;

use crate::clock;

/// Of its full share, what it starts with: caches are filled by requests, and none would teach nothing. Envoy's.
const LEAST: f64 = 0.1;

/// The policy.
#[derive(Clone, Copy, Debug)]
pub struct SlowStart {
    /// In microseconds.
    window: u64,
}

impl SlowStart {
    /// The share grows to the full one within `window`.
    pub fn over(window: Duration) -> Self {
        Self {
            window: clock::micros(window).max(1),
        }
    }

    /// Whether this request is for an endpoint that has been warming up since then. Times in microseconds.
    pub fn takes(self, endpoint: u64, since: u64, now: u64) -> bool {
        let grown = now.saturating_sub(since) as f64 / self.window as f64;
        draw(endpoint, now) < grown.max(LEAST)
    }

    /// What has been warming up since this or before is warm.
    pub fn warm(self, now: u64) -> u64 {
        now.saturating_sub(self.window)
    }
}

/// A number from 0 to 1 (Steele, Lea and Flood: the finalizer of SplitMix).
fn draw(endpoint: u64, now: u64) -> f64 {
    let mut bits = now.wrapping_add(endpoint.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    /// The share of the requests within a second around `at` that are for the endpoint.
    fn share(slow_start: SlowStart, at: u64) -> f64 {
        let times = (at - SECOND / 2..at + SECOND / 2).step_by(97);
        let (mut taken, mut all) = (0, 0);
        for now in times {
            all += 1;
            taken += u32::from(slow_start.takes(7, 0, now));
        }
        f64::from(taken) / f64::from(all)
    }

    #[test]
    fn the_share_grows_from_a_tenth_to_the_whole() {
        let slow_start = SlowStart::over(Duration::from_secs(10));
        for (second, wanted) in [(1, 0.1), (3, 0.3), (5, 0.5), (8, 0.8), (11, 1.0)] {
            let share = share(slow_start, second * SECOND);
            assert!((share - wanted).abs() < 0.02, "{second} s: {share}");
        }
    }

    #[test]
    fn one_pick_hears_the_same_however_often_it_asks() {
        let slow_start = SlowStart::over(Duration::from_secs(10));
        let ask = || {
            (0..100)
                .map(|id| slow_start.takes(id, 0, SECOND))
                .collect::<Vec<_>>()
        };
        assert_eq!(ask(), ask());
    }
}

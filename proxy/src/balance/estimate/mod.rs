//! Estimates of an endpoint that fade with time: its latency and its share of failures.
//!
//! Both are moving averages whose memory is measured in time, not in samples, and both fade while nothing is
//! observed: an endpoint that was shunned is tried again. Each is a number and the time of its last change, 64 bits
//! together, so that one atomic holds both. Latency is more than a number: it is a [`Range`], whose lower end
//! is kept apart. And an answer that has not come says something, too: [`Silence`].

mod failure;
mod latency;
mod silence;

pub use failure::FailureShare;
pub use latency::{LastTwo, PeakEwma, Range};
pub use silence::Silence;

use std::time::Duration;

/// Microseconds in a tick, as a shift: 1.024 ms.
const TICK_SHIFT: u32 = 10;

/// The same in seconds.
const TICK: f32 = (1 << TICK_SHIFT) as f32 / 1e6;

/// A coarse time stamp. 32 bits of ticks come round after 51 days, when an estimate as old looks fresh for one decay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick(u32);

impl Tick {
    /// Workers read the clock apart; one that is behind by up to this many ticks (a minute) sees no time passed,
    /// not 51 days of it.
    const SKEW: u32 = 1 << 16;

    /// The tick of a time in microseconds.
    pub fn at(micros: u64) -> Self {
        Self((micros >> TICK_SHIFT) as u32)
    }

    fn since(self, earlier: Self) -> u32 {
        let ticks = self.0.wrapping_sub(earlier.0);
        if ticks > u32::MAX - Self::SKEW {
            0
        } else {
            ticks
        }
    }

    fn max(self, other: Self) -> Self {
        if other.since(self) > 0 { other } else { self }
    }
}

/// How fast the past is forgotten: after the decay time, 1/e of it is left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decay {
    per_tick: f32,
}

impl Decay {
    /// From the decay time; under a tick it is a tick.
    pub fn over(time: Duration) -> Self {
        Self {
            per_tick: -TICK / time.as_secs_f32().max(TICK),
        }
    }

    /// The same, but at most so many seconds.
    fn within(self, seconds: f32) -> Self {
        Self {
            per_tick: self.per_tick.min(-TICK / seconds.max(TICK)),
        }
    }

    /// Whether the decay time has passed.
    fn is_over(self, earlier: Tick, now: Tick) -> bool {
        self.per_tick * now.since(earlier) as f32 <= -1.0
    }

    /// The share of the past that is left.
    fn left(self, earlier: Tick, now: Tick) -> f32 {
        match now.since(earlier) {
            0 => 1.0,
            ticks => (self.per_tick * ticks as f32).exp(),
        }
    }
}

fn pack(value: f32, stamp: Tick) -> u64 {
    u64::from(value.to_bits()) << 32 | u64::from(stamp.0)
}

fn unpack(packed: u64) -> (f32, Tick) {
    (f32::from_bits((packed >> 32) as u32), Tick(packed as u32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_decay_time_one_eth_is_left() {
        let decay = Decay::over(Duration::from_secs(10));
        let left = decay.left(Tick::at(0), Tick::at(10_000_000));
        assert!((left - 0.3679).abs() < 1e-3, "{left}");
    }

    #[test]
    fn a_clock_that_is_a_little_behind_sees_no_time_passed() {
        assert_eq!(Tick::at(1_000_000).since(Tick::at(2_000_000)), 0);
    }

    #[test]
    fn ticks_come_round_without_a_jump() {
        let end = u64::from(u32::MAX) << TICK_SHIFT;
        assert_eq!(Tick::at(end + 4096).since(Tick::at(end)), 4);
    }

    #[test]
    fn a_decay_of_zero_forgets_within_ticks() {
        let decay = Decay::over(Duration::ZERO);
        assert_eq!(decay.left(Tick(5), Tick(5)), 1.0);
        assert!(decay.left(Tick(5), Tick(15)) < 1e-4);
    }

    #[test]
    fn packing_loses_nothing() {
        let (value, stamp) = unpack(pack(0.012_345, Tick(u32::MAX)));
        assert_eq!((value, stamp), (0.012_345, Tick(u32::MAX)));
    }
}

//! What is known of an endpoint's latency: a range, from the lower of its last two answers up to its recent peak.
//!
//! The peak is the estimate of Finagle: a sample over it is believed at once, one under it pulls it down by the share
//! of the past that has faded. Taken alone, as Finagle and Linkerd take it, it mostly ranks equal endpoints by who
//! last had a hiccup, and shuns that one for as long as the decay time. Two changes keep its quickness without that:
//!
//! - The lower end. A candidate is turned down only if even its lower end lies above the other's peak: one slow
//!   answer is no evidence yet, two are. Ranges that overlap are equal.
//! - The memory. What is held against an endpoint fades within [`MEMORY`] times its own latency (at most the decay
//!   time): to try one again whose answers took 5 ms costs 5 ms, and may be done a hundred times sooner than one of
//!   half a second.

use super::{Decay, Tick, pack, unpack};

/// How many latencies long the past counts: an endpoint slower by 50 ms among others of 0.1 ms is tried again every
/// 15 s. By the simulator, half as much doubles what goes to such a one; twice as much keeps away for twice as long
/// one that has recovered.
const MEMORY: f32 = 50.0;

/// What an endpoint's answers took lately, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The lower of the last two; 0 before there were two.
    pub low: f32,
    /// The recent peak.
    pub high: f32,
}

impl Range {
    /// Of no answers.
    pub const NONE: Self = Self {
        low: 0.0,
        high: 0.0,
    };
}

/// A peak-sensitive moving average, in seconds. Zero stands for none, so that a new atomic is one of zeros.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PeakEwma {
    seconds: f32,
    stamp: Tick,
}

impl PeakEwma {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self {
        seconds: 0.0,
        stamp: Tick(0),
    };

    /// No answer is faster: it would look like none.
    const SHORTEST: f32 = 1e-9;

    /// The estimate as of the last sample.
    pub fn last(self) -> Option<f32> {
        (self.seconds > 0.0).then_some(self.seconds)
    }

    /// How much of it still counts against the endpoint, 1 down to 0.
    pub fn left(self, now: Tick, decay: Decay) -> f32 {
        decay.within(MEMORY * self.seconds).left(self.stamp, now)
    }

    /// Takes in a sample. Within one tick only a higher one counts: no time has passed in which to forget.
    #[must_use]
    pub fn observe(self, now: Tick, sample: f32, decay: Decay) -> Self {
        let sample = sample.max(Self::SHORTEST);
        if sample >= self.seconds {
            return Self {
                seconds: sample,
                stamp: now,
            };
        }
        let left = self.left(now, decay);
        if left == 1.0 {
            return self;
        }
        Self {
            seconds: self.seconds * left + sample * (1.0 - left),
            stamp: now,
        }
    }

    /// Takes a first estimate, if there is none.
    #[must_use]
    pub fn seed(self, now: Tick, seconds: f32) -> Self {
        if self == Self::UNKNOWN {
            Self {
                seconds,
                stamp: now,
            }
        } else {
            self
        }
    }

    /// As one atomic holds it.
    pub fn pack(self) -> u64 {
        pack(self.seconds, self.stamp)
    }

    /// From what one atomic holds.
    pub fn unpack(packed: u64) -> Self {
        let (seconds, stamp) = unpack(packed);
        Self { seconds, stamp }
    }
}

/// The last two samples, in seconds; zeros before there were any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LastTwo {
    last: f32,
    before: f32,
}

impl LastTwo {
    /// No sample yet.
    pub const NONE: Self = Self {
        last: 0.0,
        before: 0.0,
    };

    /// Takes in a sample.
    #[must_use]
    pub fn observe(self, sample: f32) -> Self {
        Self {
            last: sample,
            before: self.last,
        }
    }

    /// A sample that is as good as two.
    pub fn both(sample: f32) -> Self {
        Self {
            last: sample,
            before: sample,
        }
    }

    /// The lower one.
    pub fn low(self) -> f32 {
        if self.last < self.before {
            self.last
        } else {
            self.before
        }
    }

    /// As one atomic holds them.
    pub fn pack(self) -> u64 {
        u64::from(self.before.to_bits()) << 32 | u64::from(self.last.to_bits())
    }

    /// From what one atomic holds.
    pub fn unpack(packed: u64) -> Self {
        Self {
            before: f32::from_bits((packed >> 32) as u32),
            last: f32::from_bits(packed as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn decay() -> Decay {
        Decay::over(Duration::from_secs(10))
    }

    fn measured(seconds: f32) -> PeakEwma {
        PeakEwma::UNKNOWN.observe(Tick::at(0), seconds, decay())
    }

    fn millis(millis: u64) -> Tick {
        Tick::at(millis * 1000)
    }

    #[test]
    fn the_first_sample_is_the_estimate() {
        assert_eq!(PeakEwma::UNKNOWN.last(), None);
        assert_eq!(measured(0.003).last(), Some(0.003));
    }

    #[test]
    fn a_sample_of_zero_is_a_measurement() {
        assert!(measured(0.0).last().is_some());
    }

    #[test]
    fn a_peak_counts_at_once() {
        assert_eq!(
            measured(0.001).observe(Tick::at(0), 0.5, decay()).last(),
            Some(0.5)
        );
    }

    #[test]
    fn a_lower_sample_pulls_by_what_has_faded() {
        // 1 s would be remembered for 50 s: the decay time is shorter.
        let after_one_decay = measured(1.0).observe(millis(10_000), 0.1, decay());
        let expected = 1.0 * 0.3679 + 0.1 * 0.6321;
        assert!(
            after_one_decay
                .last()
                .is_some_and(|it| (it - expected).abs() < 1e-3)
        );
    }

    #[test]
    fn a_lower_sample_of_the_same_tick_changes_nothing() {
        assert_eq!(
            measured(1.0).observe(Tick::at(500), 0.1, decay()),
            measured(1.0)
        );
    }

    #[test]
    fn a_short_latency_is_remembered_for_a_short_time() {
        let left = |seconds, after| measured(seconds).left(millis(after), decay());
        assert!((left(0.010, 500) - 0.3679).abs() < 1e-3);
        assert!((left(0.100, 5_000) - 0.3679).abs() < 1e-3);
        assert!((left(60.0, 10_000) - 0.3679).abs() < 1e-3);
    }

    #[test]
    fn a_seed_does_not_replace_a_measurement() {
        assert_eq!(
            PeakEwma::UNKNOWN.seed(Tick::at(0), 0.002).last(),
            Some(0.002)
        );
        assert_eq!(measured(0.1).seed(Tick::at(0), 0.002), measured(0.1));
    }

    #[test]
    fn the_lower_end_needs_two_answers() {
        let one = LastTwo::NONE.observe(0.5);
        assert_eq!(one.low(), 0.0);
        assert_eq!(one.observe(0.4).low(), 0.4);
        assert_eq!(one.observe(0.4).observe(9.0).low(), 0.4);
        assert_eq!(one.observe(0.4).observe(9.0).observe(8.0).low(), 8.0);
    }

    #[test]
    fn packing_loses_nothing() {
        let two = LastTwo::NONE.observe(0.123).observe(4.5);
        assert_eq!(LastTwo::unpack(two.pack()), two);
        assert_eq!(PeakEwma::unpack(measured(0.123).pack()), measured(0.123));
        assert_eq!((PeakEwma::UNKNOWN.pack(), LastTwo::NONE.pack()), (0, 0));
    }
}

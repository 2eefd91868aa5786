//! The peak-sensitive latency estimate of Finagle.
//!
//! A mean that trusts bad news at once and good news slowly: a sample over the estimate becomes the estimate, one
//! under it pulls by the share of the past that has faded. An endpoint that stalls is thus known by its first slow
//! answer, and one that recovers is let back over the decay time.

use super::{Decay, Tick, pack, unpack};

/// A latency estimate in seconds. Zero stands for none, so that a new atomic is one of zeros.
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

    /// Under a nanosecond an estimate is no latency any more, only the trace of one that faded.
    const FADED: f32 = 1e-9;

    /// The estimate now: it fades while nothing is observed, so that an endpoint that was slow is tried again (one of
    /// 50 ms among others of 0.1 ms after six decay times).
    pub fn estimate(self, now: Tick, decay: Decay) -> Option<f32> {
        let faded = self.seconds * decay.left(self.stamp, now);
        (faded >= Self::FADED).then_some(faded)
    }

    /// Takes in a sample. Within one tick only a higher one counts: no time has passed in which to forget.
    #[must_use]
    pub fn observe(self, now: Tick, sample: f32, decay: Decay) -> Self {
        let sample = sample.max(Self::FADED);
        if sample >= self.seconds {
            return Self {
                seconds: sample,
                stamp: now,
            };
        }
        let left = decay.left(self.stamp, now);
        if left == 1.0 {
            return self;
        }
        Self {
            seconds: self.seconds * left + sample * (1.0 - left),
            stamp: now,
        }
    }

    /// Takes in the time to a failure, which counts only if the endpoint is known to be faster than that.
    #[must_use]
    pub fn raise(self, now: Tick, sample: f32, decay: Decay) -> Self {
        match self.estimate(now, decay) {
            Some(estimate) if sample > estimate => Self {
                seconds: sample,
                stamp: now,
            },
            _ => self,
        }
    }

    /// Takes in the time that was waited in vain: the latency is no less.
    #[must_use]
    pub fn at_least(self, now: Tick, sample: f32, decay: Decay) -> Self {
        if self.estimate(now, decay).is_some() {
            return self.raise(now, sample, decay);
        }
        Self {
            seconds: sample.max(Self::FADED),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: u64 = 1_000_000;

    fn decay() -> Decay {
        Decay::over(Duration::from_secs(10))
    }

    fn measured(seconds: f32) -> PeakEwma {
        PeakEwma::UNKNOWN.observe(Tick::at(0), seconds, decay())
    }

    fn at(estimate: PeakEwma, micros: u64) -> f32 {
        estimate.estimate(Tick::at(micros), decay()).unwrap()
    }

    #[test]
    fn the_first_sample_is_the_estimate() {
        assert_eq!(at(measured(0.003), 0), 0.003);
    }

    #[test]
    fn a_peak_counts_at_once() {
        let peak = measured(0.001).observe(Tick::at(0), 0.5, decay());
        assert_eq!(at(peak, 0), 0.5);
    }

    #[test]
    fn a_lower_sample_pulls_by_what_has_faded() {
        let after_one_decay = measured(1.0).observe(Tick::at(10 * SECOND), 0.1, decay());
        let expected = 1.0 * 0.3679 + 0.1 * 0.6321;
        assert!((at(after_one_decay, 10 * SECOND) - expected).abs() < 1e-3);
    }

    #[test]
    fn a_lower_sample_of_the_same_tick_changes_nothing() {
        assert_eq!(
            measured(1.0).observe(Tick::at(500), 0.1, decay()),
            measured(1.0)
        );
    }

    #[test]
    fn an_untouched_estimate_fades_and_is_forgotten() {
        let slow = measured(0.050);
        assert!((at(slow, 10 * SECOND) - 0.050 * 0.3679).abs() < 1e-4);
        assert!(at(slow, 62 * SECOND) < 0.000_105);
        assert_eq!(slow.estimate(Tick::at(200 * SECOND), decay()), None);
    }

    #[test]
    fn a_fast_failure_does_not_look_fast() {
        assert_eq!(
            measured(0.010).raise(Tick::at(SECOND), 0.000_1, decay()),
            measured(0.010)
        );
        assert_eq!(
            PeakEwma::UNKNOWN.raise(Tick::at(0), 0.000_1, decay()),
            PeakEwma::UNKNOWN
        );
    }

    #[test]
    fn a_slow_failure_is_a_peak() {
        assert_eq!(at(measured(0.010).raise(Tick::at(0), 2.0, decay()), 0), 2.0);
    }

    #[test]
    fn what_was_waited_in_vain_is_a_lower_bound() {
        assert_eq!(
            at(PeakEwma::UNKNOWN.at_least(Tick::at(0), 3.0, decay()), 0),
            3.0
        );
        assert_eq!(
            measured(5.0).at_least(Tick::at(0), 3.0, decay()),
            measured(5.0)
        );
    }

    #[test]
    fn a_seed_does_not_replace_a_measurement() {
        assert_eq!(at(PeakEwma::UNKNOWN.seed(Tick::at(0), 0.002), 0), 0.002);
        assert_eq!(measured(0.1).seed(Tick::at(0), 0.002), measured(0.1));
    }

    #[test]
    fn a_sample_of_zero_is_a_measurement() {
        assert!(measured(0.0).estimate(Tick::at(0), decay()).is_some());
    }
}

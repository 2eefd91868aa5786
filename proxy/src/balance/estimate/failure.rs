//! The share of an endpoint's recent answers that were failures, and what it costs.
//!
//! Kept apart from latency: written into it as a long time, one failure in a thousand would shun an endpoint for
//! many decay times, and a short one would make a broken endpoint the fastest of all.

use super::{Decay, Tick, pack, unpack};

/// A share of failures, 0 to 1. All zeros is an endpoint that never failed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FailureShare {
    share: f32,
    stamp: Tick,
}

impl FailureShare {
    /// Nothing has failed.
    pub const NONE: Self = Self {
        share: 0.0,
        stamp: Tick(0),
    };

    /// What one answer counts: three failures in a row make 0.39, ten successes after one failure leave 0.03.
    const WEIGHT: f32 = 0.15;

    /// Below this the past is forgiven altogether, and healthy endpoints are only read, not written.
    const FORGIVEN: f32 = 1e-3;

    /// The share at which the price doubles: over what a single failure makes, below what two do.
    const TOLERATED: f32 = 0.2;

    /// The share as of the last answer.
    pub fn last(self) -> f32 {
        self.share
    }

    /// The share now: it fades while nothing is observed.
    pub fn faded(self, now: Tick, decay: Decay) -> f32 {
        if self.share == 0.0 {
            0.0
        } else {
            self.share * decay.left(self.stamp, now)
        }
    }

    /// Takes in one answer.
    #[must_use]
    pub fn observe(self, now: Tick, failed: bool, decay: Decay) -> Self {
        let kept = self.faded(now, decay) * (1.0 - Self::WEIGHT);
        let share = if failed { kept + Self::WEIGHT } else { kept };
        if share < Self::FORGIVEN {
            Self::NONE
        } else {
            Self { share, stamp: now }
        }
    }

    /// What a share of failures multiplies the cost of an endpoint by, 1 to 15,626.
    ///
    /// A power this steep is nearly a threshold: 5 % failures cost nothing, two failures in a row cost ninefold, a
    /// broken endpoint is dearer than any queue before its peers. Where all fail alike, all cost alike.
    pub fn price(share: f32) -> f32 {
        if share == 0.0 {
            return 1.0;
        }
        let square = (share / Self::TOLERATED).powi(2);
        1.0 + square * square * square
    }

    /// As one atomic holds it.
    pub fn pack(self) -> u64 {
        pack(self.share, self.stamp)
    }

    /// From what one atomic holds.
    pub fn unpack(packed: u64) -> Self {
        let (share, stamp) = unpack(packed);
        Self { share, stamp }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn decay() -> Decay {
        Decay::over(Duration::from_secs(10))
    }

    fn after(outcomes: &[bool]) -> f32 {
        let share = outcomes.iter().fold(FailureShare::NONE, |share, &failed| {
            share.observe(Tick::at(0), failed, decay())
        });
        share.faded(Tick::at(0), decay())
    }

    #[test]
    fn one_failure_costs_little_and_three_in_a_row_much() {
        assert!(FailureShare::price(after(&[true])) < 1.25);
        assert!(FailureShare::price(after(&[true, true])) > 5.0);
        assert!(FailureShare::price(after(&[true, true, true])) > 50.0);
    }

    #[test]
    fn failing_always_costs_more_than_any_queue() {
        assert!(FailureShare::price(after(&[true; 50])) > 10_000.0);
    }

    #[test]
    fn successes_forgive_altogether() {
        let mut outcomes = [false; 60];
        outcomes[0] = true;
        assert_eq!(after(&outcomes), 0.0);
        assert_eq!(FailureShare::price(0.0), 1.0);
    }

    #[test]
    fn a_success_of_a_healthy_endpoint_changes_nothing() {
        let healthy = FailureShare::NONE.observe(Tick::at(7_000_000), false, decay());
        assert_eq!(healthy, FailureShare::NONE);
    }

    #[test]
    fn time_forgives_too() {
        let broken = FailureShare::NONE.observe(Tick::at(0), true, decay());
        let share = broken.faded(Tick::at(10_000_000), decay());
        assert!((share - 0.15 * 0.3679).abs() < 1e-3, "{share}");
    }
}

//! Rise and fall: when the results of checks add up to a change of mind, and when to check again.
//!
//! A single result decides nothing, except the very first: of an endpoint that nothing is known about it is all there is.
//! An endpoint that falls again soon after it came back is flapping, and each time it does it must pass twice as often to
//! come back, up to eight times: what one request in two finds dead is better left out until it has made up its mind.

use std::time::Duration;

use fastrand::Rng;
use outrigger_config::model::HealthCheck;

use crate::clock;

/// An endpoint that falls within this time after it came up is flapping, in microseconds: a minute is longer than any
/// sensible interval takes to notice, and shorter than what an operator would call stable.
const FLAPPING: u64 = 60_000_000;

/// Doublings of `rise` for an endpoint that keeps flapping: eight times, which is 16 s with the defaults.
const MOST_DOUBLINGS: u32 = 3;

/// The first checks of a set are spread by this much an endpoint, in microseconds: 10,000 of them do not go out at once,
/// and a few are known at once.
const SPREAD: u64 = 1_000;

/// What is concluded from the results of checks of one endpoint.
#[derive(Clone, Debug)]
pub struct Thresholds {
    rise: u32,
    fall: u32,
    /// In microseconds, as the next one.
    interval: u64,
    failing_interval: u64,
    /// Of an interval, the share that it is longer or shorter at random.
    jitter: f64,
    /// `None`: never checked.
    up: Option<bool>,
    /// The last result, and how often in a row it came.
    passed: bool,
    in_a_row: u32,
    /// When it last came up after it had been down, in microseconds.
    risen: Option<u64>,
    doublings: u32,
}

impl Thresholds {
    /// Of an endpoint that nothing is known about.
    pub fn new(config: &HealthCheck) -> Self {
        Self {
            rise: config.rise,
            fall: config.fall,
            interval: clock::micros(config.interval),
            failing_interval: clock::micros(config.failing_interval),
            jitter: config.jitter,
            up: None,
            passed: false,
            in_a_row: 0,
            risen: None,
            doublings: 0,
        }
    }

    /// A check has ended at `now`, in microseconds; `Some` if it changes what is thought of the endpoint: whether it is up.
    pub fn observe(&mut self, now: u64, passed: bool) -> Option<bool> {
        let same = self.in_a_row > 0 && self.passed == passed;
        self.in_a_row = if same {
            self.in_a_row.saturating_add(1)
        } else {
            1
        };
        self.passed = passed;
        let convinced = match self.up {
            None => true,
            Some(up) => {
                let needed = if passed { self.needed() } else { self.fall };
                up != passed && self.in_a_row >= needed
            }
        };
        if !convinced {
            return None;
        }
        match (self.up, passed) {
            (Some(false), true) => self.risen = Some(now),
            (Some(true), false) => {
                let soon = |risen| now.saturating_sub(risen) < FLAPPING;
                self.doublings = if self.risen.is_some_and(soon) {
                    (self.doublings + 1).min(MOST_DOUBLINGS)
                } else {
                    0
                };
            }
            _ => {}
        }
        self.up = Some(passed);
        self.up
    }

    /// Whether the endpoint is up; `None` before its first check.
    pub fn up(&self) -> Option<bool> {
        self.up
    }

    /// How often the last result came in a row.
    pub fn in_a_row(&self) -> u32 {
        self.in_a_row
    }

    /// Passes in a row that bring it up from where it is now.
    pub fn needed(&self) -> u32 {
        self.rise << self.doublings
    }

    /// The time to the first check of an endpoint, in a set of so many.
    pub fn first(&self, endpoints: usize, rng: &mut Rng) -> Duration {
        let window = (endpoints as u64).saturating_mul(SPREAD).min(self.interval);
        Duration::from_micros(rng.u64(..=window))
    }

    /// The time from the last check to the next. Doubt is short: an endpoint that is down, or that just failed, is asked
    /// sooner.
    pub fn pause(&self, rng: &mut Rng) -> Duration {
        let well = self.up == Some(true) && self.passed;
        let usual = if well {
            self.interval
        } else {
            self.failing_interval
        };
        let factor = 1.0 + self.jitter * (2.0 * rng.f64() - 1.0);
        Duration::from_micros((usual as f64 * factor) as u64)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! `limits: { adaptive }` in one proxy: its policy, and the count of what is in flight that the cap is for.

use std::time::Duration;

use outrigger::limits::gradient::{Gradient, Sample};
use outrigger_config::model::Adaptive;

/// Times are in microseconds.
pub(super) struct Cap {
    gradient: Gradient,
    in_flight: u32,
}

impl Cap {
    pub(super) fn new(bounds: Adaptive) -> Self {
        Self {
            gradient: Gradient::new(bounds.min, bounds.max),
            in_flight: 0,
        }
    }

    /// Whether there is room for one more attempt; how many there are with it.
    pub(super) fn enter(&mut self) -> Option<u32> {
        if self.in_flight >= self.gradient.limit() {
            return None;
        }
        self.in_flight += 1;
        Some(self.in_flight)
    }

    /// An attempt that there was room for is over.
    pub(super) fn leave(&mut self) {
        self.in_flight -= 1;
    }

    /// Learns from an attempt that succeeded, or whose time was up.
    pub(super) fn observe(&mut self, now: u64, took: Duration, in_flight: u32, timed_out: bool) {
        let latency = took.as_micros() as u64;
        let sample = Sample {
            began: now.saturating_sub(latency),
            latency,
            in_flight,
            timed_out,
        };
        self.gradient.observe(now, sample);
    }

    pub(super) fn tend(&mut self, now: u64) {
        self.gradient.tend(now);
    }
}

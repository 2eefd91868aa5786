//! How an endpoint is, and how long its work takes.

use std::time::Duration;

/// How an endpoint is at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::scenario) enum Mode {
    /// Answers 200.
    Well,
    /// The process is gone: connections end, new ones are refused.
    Refuses,
    /// Reads each request, then resets the connection (RST).
    Resets,
    /// Accepts connections and requests, and answers nothing.
    Hangs,
    /// The network is gone: open connections lie silent, and SYNs to it are dropped.
    Drops,
    /// Answers this share of requests 500 at once, the others 200.
    Fails(f64),
    /// Takes so much longer.
    Slow(Duration),
}

/// How long the work of a request takes, and how many are worked on at a time.
#[derive(Clone, Copy, Debug)]
pub(in crate::scenario) struct Service {
    /// On average; evenly spread by a fifth to either side. tokio's timers round up to a millisecond.
    pub(in crate::scenario) time: Duration,
    /// All at once if none.
    pub(in crate::scenario) workers: Option<usize>,
}

impl Service {
    /// Requests a second that one endpoint can do; none if it has no bound.
    pub(in crate::scenario) fn capacity(&self) -> Option<f64> {
        self.workers
            .map(|workers| workers as f64 / self.time.as_secs_f64())
    }

    pub(super) fn sample(&self) -> Duration {
        self.time.mul_f64(0.8 + 0.4 * fastrand::f64())
    }
}

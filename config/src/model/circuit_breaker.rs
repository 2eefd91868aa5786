//! When a cluster is left alone for a while, and what is answered meanwhile.

use std::time::Duration;

use super::{ClusterRef, Respond};

/// The circuit breaker of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitBreaker {
    /// The share of failures that opens it, over 0 and up to 1.
    pub failure_percent: f64,
    /// The share of slow answers that opens it; `None`: slow answers are as good as others.
    pub slow_call: Option<SlowCall>,
    /// Over which time the shares are taken.
    pub window: Duration,
    /// Requests within the window below which nothing is concluded.
    pub min_requests: u32,
    /// How long it stays open at first; doubled each time that it opens again.
    pub open_time: Duration,
    /// The longest that it stays open.
    pub max_open_time: Duration,
    /// Requests that are let through at once after that time, all of which must succeed.
    pub probes: u32,
    /// What is done in place of a refusal.
    pub fallback: Option<Fallback>,
}

/// When answers are too slow.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowCall {
    /// An answer whose head takes longer is slow.
    pub longer_than: Duration,
    /// The share of them that opens the breaker, over 0 and up to 1.
    pub percent: f64,
}

/// What is done with requests while a breaker is open.
#[derive(Clone, Debug, PartialEq)]
pub enum Fallback {
    /// They go to this cluster.
    Cluster(ClusterRef),
    /// They are answered with this.
    Respond(Respond),
}

//! What a proxy is asked to do about failures, beyond forwarding: each peer's file says it in its own words, or
//! the nearest that it has.

use std::time::Duration;

/// To make a connection: Outrigger's default, and for all the same.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Attempts in all, the first included, where a request may be retried.
pub(super) const ATTEMPTS: u32 = 3;

/// Failures in a row after which the peers eject an endpoint: Envoy's default. Outrigger has its own defaults.
pub(super) const FAILURES: u32 = 5;

/// How long the peers keep an endpoint out at first. Envoy's default of 30 s, and nginx's of 10 s, would outlast the
/// scenarios; shorter would do the peers harm while an endpoint stays bad.
pub(super) const OUT: Duration = Duration::from_secs(3);

/// The same for all.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// One attempt's time to the end of its answer; the whole request has as often as it may be attempted.
    pub attempt_timeout: Duration,
    /// What is tried again.
    pub retry: Retry,
    /// Whether endpoints that fail are left out for a while.
    pub ejection: bool,
    /// Requests at a time that an endpoint can do well: who can find it out (Outrigger, Envoy) is not told.
    pub limit: Option<usize>,
    /// How long a new endpoint takes to grow to its full share.
    pub slow_start: Option<Duration>,
    /// How endpoints are picked.
    pub balancer: Balancer,
    /// Whether the endpoints will change while it runs.
    pub reload: bool,
}

/// What is tried again, on another endpoint where the peer can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// What cannot have reached an endpoint: safe for every method, and so the default of most.
    Connect,
    /// Answers of status 5xx, resets and timeouts too.
    Failures,
}

/// How endpoints are picked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancer {
    /// Whatever the peer does unless told: `peak_ewma` for Outrigger, round robin for the others.
    Default,
    /// The one with the fewest requests in flight, of all or of two.
    LeastRequest,
    /// In turn.
    RoundRobin,
    /// By chance.
    Random,
}

impl Balancer {
    /// For tables; nothing for the default.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Default => None,
            Self::LeastRequest => Some("least request"),
            Self::RoundRobin => Some("round robin"),
            Self::Random => Some("random"),
        }
    }
}

/// `1500ms`: a form of a duration that all of them read.
pub(super) fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

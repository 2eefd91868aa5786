//! Which endpoints are taken out of service for what they did to requests, and for how long.

use std::time::Duration;

/// What ejects an endpoint. A detector that is `None` is off.
#[derive(Clone, Debug, PartialEq)]
pub struct OutlierDetection {
    /// Errors in a row: 5xx, resets, time-outs, connect failures.
    pub consecutive_errors: Option<u32>,
    /// Answers of 502, 503 or 504 in a row.
    pub consecutive_gateway_errors: Option<u32>,
    /// Connections in a row that were not made.
    pub consecutive_connect_failures: Option<u32>,
    /// A success rate far below the peers'.
    pub success_rate: Option<SuccessRate>,
    /// A share of failures that is too high by itself.
    pub failure_percent: Option<FailurePercent>,
    /// Answers far slower than the peers'.
    pub latency: Option<SlowAnswers>,
    /// How far back the last three look.
    pub window: Duration,
    /// How long the first ejection lasts; each further one lasts twice as long.
    pub base_ejection_time: Duration,
    /// The longest.
    pub max_ejection_time: Duration,
    /// The share of the endpoints that may be ejected at once, 0 to 1.
    pub max_ejection_percent: f64,
}

/// When a success rate is too low.
#[derive(Clone, Debug, PartialEq)]
pub struct SuccessRate {
    /// How many deviations below the median of all.
    pub deviations: f64,
    /// With fewer endpoints that have their requests there is nothing to compare.
    pub min_endpoints: u32,
    /// An endpoint with fewer requests in the window says nothing.
    pub min_requests: u32,
}

/// When a share of failures is too high.
#[derive(Clone, Debug, PartialEq)]
pub struct FailurePercent {
    /// From this share, 0 to 1.
    pub threshold: f64,
    /// As in [`SuccessRate`].
    pub min_endpoints: u32,
    /// As in [`SuccessRate`].
    pub min_requests: u32,
}

/// When an endpoint is too slow.
#[derive(Clone, Debug, PartialEq)]
pub struct SlowAnswers {
    /// So many times the median of its peers.
    pub factor: f64,
    /// And slower than that median by at least this.
    pub at_least: Duration,
    /// As in [`SuccessRate`].
    pub min_endpoints: u32,
    /// As in [`SuccessRate`].
    pub min_requests: u32,
}

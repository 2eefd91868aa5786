//! Why an endpoint is ejected, with the numbers that decided: the log line is its `Display`.

use std::{fmt, time::Duration};

use super::Failure;
use crate::telemetry::metrics::EjectionReason;

/// What a detector found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cause {
    /// So many errors in a row.
    Errors(u16),
    /// So many answers of 502, 503 or 504 in a row.
    GatewayErrors(u16),
    /// So many connections in a row that were not made.
    ConnectFailures(u16),
    /// Its success rate against those of all.
    SuccessRate {
        /// Its own.
        own: f64,
        /// The median.
        median: f64,
        /// What one deviation is.
        deviation: f64,
    },
    /// Its share of failures.
    FailurePercent(f64),
    /// The median of its latencies against those of all.
    Latency {
        /// Its own.
        own: Duration,
        /// The median of all.
        median: Duration,
    },
    /// The request that was to see whether it is well again failed.
    Probe(Failure),
    /// Nothing was heard of that request.
    ProbeLost(Duration),
}

impl Cause {
    /// As metrics have it.
    pub fn reason(self) -> EjectionReason {
        match self {
            Self::Errors(_) => EjectionReason::ConsecutiveErrors,
            Self::GatewayErrors(_) => EjectionReason::ConsecutiveGatewayErrors,
            Self::ConnectFailures(_) => EjectionReason::ConnectFailures,
            Self::SuccessRate { .. } => EjectionReason::SuccessRate,
            Self::FailurePercent(_) => EjectionReason::FailurePercent,
            Self::Latency { .. } => EjectionReason::Latency,
            Self::Probe(_) | Self::ProbeLost(_) => EjectionReason::ProbeFailed,
        }
    }

    /// Whether it says anything only if the peers do better.
    pub fn is_relative(self) -> bool {
        match self {
            Self::Errors(_)
            | Self::GatewayErrors(_)
            | Self::ConnectFailures(_)
            | Self::FailurePercent(_)
            | Self::Probe(_)
            | Self::ProbeLost(_) => true,
            // These have compared already.
            Self::SuccessRate { .. } | Self::Latency { .. } => false,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(count) => write!(f, "{count} consecutive errors"),
            Self::GatewayErrors(count) => write!(f, "{count} consecutive gateway errors"),
            Self::ConnectFailures(count) => write!(f, "{count} consecutive connect failures"),
            Self::SuccessRate {
                own,
                median,
                deviation,
            } => write!(
                f,
                "success rate {own:.3} against a median of {median:.3} and a deviation of {deviation:.3}"
            ),
            Self::FailurePercent(share) => write!(f, "{:.0} % failures", share * 100.0),
            Self::Latency { own, median } => write!(
                f,
                "median latency {:.1} ms against {:.1} ms",
                own.as_secs_f64() * 1e3,
                median.as_secs_f64() * 1e3
            ),
            Self::Probe(failure) => write!(f, "its probe failed: {}", word(*failure)),
            Self::ProbeLost(after) => write!(f, "nothing was heard of its probe for {after:?}"),
        }
    }
}

fn word(failure: Failure) -> &'static str {
    match failure {
        Failure::ServerError => "server error",
        Failure::GatewayError => "gateway error",
        Failure::Connect => "connect failure",
        Failure::Reset => "reset",
        Failure::Timeout => "timeout",
    }
}

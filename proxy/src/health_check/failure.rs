//! Why a check did not pass, in the words of the log and of `/clusters`.

use std::{io, time::Duration};

use http::StatusCode;
use outrigger_config::model::StatusRange;

use super::grpc_health::ServingStatus;
use crate::telemetry::metrics::CheckResult;

/// Why a check did not pass.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// No connection was made.
    #[error("{}", .0.kind())]
    Connect(#[source] io::Error),
    /// A connection was made, but no TLS on it.
    #[error("tls: {0}")]
    Tls(String),
    /// It took too long, from the connection's start to the answer's end.
    #[error("timeout after {0:?}")]
    Timeout(Duration),
    /// The connection broke, or what came is not the protocol.
    #[error("no answer: {0}")]
    NoAnswer(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Another status than was asked for.
    #[error("{} is not among {}", .status.as_u16(), list(.expected))]
    Status {
        /// What came.
        status: StatusCode,
        /// What would have passed.
        expected: Vec<StatusRange>,
    },
    /// The text that was asked for is not in the body.
    #[error("the body has no `{0}`")]
    Body(String),
    /// A gRPC call that failed.
    #[error("grpc-status {0}")]
    GrpcStatus(String),
    /// What came is no answer of the health protocol.
    #[error("not an answer of the gRPC health protocol")]
    Malformed,
    /// The service says that it is not serving.
    #[error("{0}")]
    NotServing(ServingStatus),
    /// The proxy itself has no socket left: says nothing of the endpoint.
    #[error("the proxy is out of sockets: {0}")]
    OutOfSockets(#[source] io::Error),
}

impl Failure {
    /// The label of the metric.
    pub fn result(&self) -> CheckResult {
        match self {
            Self::Connect(_) => CheckResult::ConnectFailure,
            Self::Tls(_) => CheckResult::TlsFailure,
            Self::Timeout(_) => CheckResult::Timeout,
            Self::NoAnswer(_) => CheckResult::Reset,
            Self::Status { .. }
            | Self::Body(_)
            | Self::GrpcStatus(_)
            | Self::Malformed
            | Self::NotServing(_) => CheckResult::Fail,
            Self::OutOfSockets(_) => CheckResult::Skipped,
        }
    }
}

fn list(ranges: &[StatusRange]) -> String {
    let ranges: Vec<String> = ranges.iter().map(StatusRange::to_string).collect();
    ranges.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_what_a_person_would() {
        let refused = Failure::Connect(io::ErrorKind::ConnectionRefused.into());
        assert_eq!(refused.to_string(), "connection refused");
        let late = Failure::Timeout(Duration::from_secs(1));
        assert_eq!(late.to_string(), "timeout after 1s");
        let range = |first, last| StatusRange { first, last };
        let status = Failure::Status {
            status: StatusCode::SERVICE_UNAVAILABLE,
            expected: vec![range(200, 299), range(401, 401)],
        };
        assert_eq!(status.to_string(), "503 is not among 200-299, 401");
    }
}

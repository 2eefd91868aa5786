//! Active probes of endpoints.

use std::{fmt, time::Duration};

use http::{HeaderName, HeaderValue, Method, StatusCode, uri::Authority};

use super::default;

/// How each endpoint of a cluster is asked whether it is well.
#[derive(Clone, Debug, PartialEq)]
pub struct HealthCheck {
    /// What is asked.
    pub probe: Probe,
    /// Asked of this port; `None`: the endpoint's own.
    pub port: Option<u16>,
    /// From the end of a check to the next, while all is well.
    pub interval: Duration,
    /// The same while the endpoint is down, or failed its last check, or was never checked.
    pub failing_interval: Duration,
    /// For a whole check: connection, question, answer.
    pub timeout: Duration,
    /// Passes in a row that bring it up.
    pub rise: u32,
    /// Failures in a row that take it down.
    pub fall: u32,
    /// The share by which intervals are longer or shorter, at random.
    pub jitter: f64,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Probe {
    /// A request, in the cluster's protocol.
    Http(HttpProbe),
    /// A connection and nothing more.
    Tcp,
    /// `grpc.health.v1.Health/Check`.
    Grpc {
        /// Of this service; empty: of the server as a whole.
        service: String,
    },
}

/// A request, and what its answer has to be.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpProbe {
    /// Its path, with query.
    pub path: String,
    /// Its host; `None`: the endpoint's address.
    pub host: Option<Authority>,
    /// Its method.
    pub method: Method,
    /// More headers.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// One of these.
    pub statuses: Vec<StatusRange>,
    /// Text that must occur in the answer's body.
    pub body: Option<String>,
}

/// The check of those who say no more.
impl Default for HttpProbe {
    fn default() -> Self {
        Self {
            path: default::HEALTH_PATH.to_owned(),
            host: None,
            method: Method::GET,
            headers: Vec::new(),
            statuses: default::HEALTH_STATUSES.to_vec(),
            body: None,
        }
    }
}

/// Statuses from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// The lowest.
    pub first: u16,
    /// The highest.
    pub last: u16,
}

impl StatusRange {
    /// Whether `status` is one of them.
    pub fn contains(self, status: StatusCode) -> bool {
        (self.first..=self.last).contains(&status.as_u16())
    }
}

/// `200-299`, or `200`.
impl fmt::Display for StatusRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            self.first.fmt(f)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

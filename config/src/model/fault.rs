//! What goes wrong on purpose.

use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::ValueMatch;

/// Trouble for some of the requests. At least one of `delay` and `abort` is there; each is drawn on its own.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Holds requests up.
    pub delay: Option<Delay>,
    /// Ends requests.
    pub abort: Option<AbortFault>,
    /// Only requests with all of these.
    pub headers: Vec<(HeaderName, ValueMatch)>,
}

/// Holds a share of the requests up.
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    /// For so long.
    pub time: Duration,
    /// Which share, 0 to 1.
    pub share: f64,
}

/// Ends a share of the requests.
#[derive(Clone, Debug, PartialEq)]
pub struct AbortFault {
    /// In this way.
    pub abort: Abort,
    /// Which share, 0 to 1.
    pub share: f64,
}

/// How a request is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// With this status, 400 to 599.
    Status(StatusCode),
    /// With this gRPC status, 1 to 16.
    GrpcStatus(u8),
    /// Without an answer: an HTTP/1 connection is closed, an HTTP/2 stream is reset.
    Reset,
}

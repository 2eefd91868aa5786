//! When another attempt is made, how many of them a cluster bears, and when one is started alongside.

use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::{ValueMatch, default};

/// When another attempt is made. What was never sent is retried in any case.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first one included; 1 is no retry.
    pub attempts: u32,
    /// On what.
    pub on: Vec<RetryOn>,
    /// Whether what may have been processed is repeated though its method (POST, PATCH) is not idempotent.
    pub non_idempotent: bool,
    /// How long it waits first.
    pub backoff: Backoff,
    /// The longest `retry-after` that is waited for; a response that asks for more is passed on.
    pub max_retry_after: Duration,
    /// The largest request body that is kept, in bytes; a larger one goes through and is not sent again.
    pub body_limit: usize,
}

/// What holds for a route that says nothing of it.
impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: default::RETRY_ATTEMPTS,
            on: default::RETRY_ON.to_vec(),
            non_idempotent: false,
            backoff: Backoff {
                base: default::BACKOFF_BASE,
                max: default::BACKOFF_MAX,
            },
            max_retry_after: default::MAX_RETRY_AFTER,
            body_limit: default::RETRY_BODY_LIMIT,
        }
    }
}

/// The wait before an attempt: anything up to a bound that doubles with each retry ("full jitter").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The bound of the first wait; 0: none.
    pub base: Duration,
    /// The bound of any.
    pub max: Duration,
}

/// A condition for another attempt.
#[derive(Clone, Debug, PartialEq)]
pub enum RetryOn {
    /// No connection was made: nothing was sent.
    ConnectFailure,
    /// The endpoint said that it did not process the request (HTTP/2 REFUSED_STREAM, GOAWAY).
    RefusedStream,
    /// The connection broke before a response.
    Reset,
    /// A status of 500 to 599.
    ServerError,
    /// 502, 503 or 504.
    GatewayError,
    /// The attempt took longer than `attempt_timeout`.
    AttemptTimeout,
    /// This status, 400 to 599.
    Status(StatusCode),
    /// A gRPC call ended with this code.
    Grpc(GrpcCode),
    /// All of these stand in the response's head.
    Headers(Vec<(HeaderName, ValueMatch)>),
}

/// The codes of gRPC that may come out otherwise at another endpoint; the number is that of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GrpcCode {
    /// The service cancelled it.
    Cancelled = 1,
    /// An error of another world.
    Unknown = 2,
    /// It took too long there.
    DeadlineExceeded = 4,
    /// A quota or memory is used up there.
    ResourceExhausted = 8,
    /// A conflict, of transactions say.
    Aborted = 10,
    /// Something is broken there.
    Internal = 13,
    /// It is not there for now.
    Unavailable = 14,
    /// Something is lost there.
    DataLoss = 15,
}

/// How much of a cluster's traffic may be retries and hedges, whatever its routes ask for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryBudget {
    /// The share of the requests in a window, 0 to 1.
    pub percent: f64,
    /// What is free in any case, so that a quiet cluster can retry too.
    pub min_per_second: u32,
    /// What is looked back on.
    pub window: Duration,
}

/// A second attempt beside a first one that is slow.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hedge {
    /// How slow.
    pub after: HedgeAfter,
}

/// How long a first attempt may take before it gets company.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HedgeAfter {
    /// Always this long.
    Time(Duration),
    /// As long as this share of the cluster's recent answers took at most: 0.95 is `p95`.
    Percentile(f64),
}

//! How many requests may come in a time.

use std::time::Duration;

use http::HeaderName;

/// A bucket that holds `burst` requests and is refilled with `requests` every `per`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests in `per`, at least 1.
    pub requests: u32,
    /// In this time.
    pub per: Duration,
    /// Requests that may come at once after a quiet time, at least 1.
    pub burst: u32,
    /// Who has a bucket of its own; `None`: one for all.
    pub key: Option<RateLimitKey>,
}

/// What tells apart those who have a bucket of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RateLimitKey {
    /// The IP address of the client (the believed one); of IPv6 the first 64 bits.
    SourceAddress,
    /// The value of a request header. Requests without it share a bucket.
    Header(HeaderName),
}

//! `rate_limit`: how many requests may come in a time, at a listener or on a route.

use std::time::Duration;

use super::{duration::duration, header::header_name};
use crate::{
    model::{RateLimit, RateLimitKey},
    shape::{Shape, choice, keys, optional, required, variant, whole, word},
};

/// A million a second is more than a proxy serves.
const MOST: u64 = 1_000_000;

struct Keys {
    requests: u32,
    per: Duration,
    burst: Option<u32>,
    key: Option<RateLimitKey>,
}

pub(super) fn rate_limit() -> Shape<RateLimit> {
    let keys = keys!(Keys {
        /// How many requests.
        requests: required(whole(1..=MOST)),
        /// In which time.
        per: required(duration()),
        /// How many may come at once after a quiet time; as many as `requests` when left out.
        burst: optional(whole(1..=MOST)),
        /// Who has a limit of its own. One limit for all when left out.
        key: optional(key()),
    });
    keys.convert(
        |keys| RateLimit {
            requests: keys.requests,
            per: keys.per,
            burst: keys.burst.unwrap_or(keys.requests),
            key: keys.key,
        },
        |limit: &RateLimit| Keys {
            requests: limit.requests,
            per: limit.per,
            burst: Some(limit.burst),
            key: limit.key.clone(),
        },
    )
}

fn key() -> Shape<RateLimitKey> {
    let source = word(
        "source_address",
        "The IP address of the client; of IPv6 the first 64 bits.",
        RateLimitKey::SourceAddress,
    );
    let header = variant!(
        "header",
        "The value of a request header. Requests without it share a limit.",
        header_name(),
        RateLimitKey::Header
    );
    choice("a key of rate limits", [source, header])
}

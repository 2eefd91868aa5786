//! What a caller is told of its limit: the fields of draft-ietf-httpapi-ratelimit-headers (as of its version 10).
//!
//! Only of the tightest limit that a request met: a caller that heeds it heeds the others. `RateLimit-Policy` says what is
//! allowed, `RateLimit` what is left of it. They are added to what the endpoint says of limits of its own.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use outrigger_config::model;

use super::{RateLimit, rate::Verdict};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Where a request stands with a limit.
#[derive(Debug)]
pub struct Quota {
    limit: Arc<RateLimit>,
    verdict: Verdict,
}

impl Quota {
    /// As `limit` judged.
    pub fn new(limit: Arc<RateLimit>, verdict: Verdict) -> Self {
        Self { limit, verdict }
    }

    /// Whether this says more than another: a refusal does, then less that is left, then a longer wait for more.
    pub fn tighter_than(&self, other: &Self) -> bool {
        let rank = |quota: &Self| {
            let Verdict {
                admitted,
                remaining,
                next,
            } = quota.verdict;
            (admitted, remaining, std::cmp::Reverse(next))
        };
        rank(self) < rank(other)
    }

    /// Writes the fields.
    pub fn write(&self, headers: &mut HeaderMap) {
        let Verdict {
            remaining, next, ..
        } = self.verdict;
        // Whole seconds, and never too early: as `retry-after`, which must not be sooner.
        let seconds = next.as_millis().div_ceil(1000).max(1);
        let limit = format!("{};r={remaining};t={seconds}", self.limit.name);
        if let Ok(limit) = HeaderValue::try_from(limit) {
            headers.append(RATELIMIT_POLICY, self.limit.policy.clone());
            headers.append(RATELIMIT, limit);
        }
    }
}

/// The value of `RateLimit-Policy`. A window is whole seconds there; one that is not is left out, which the draft allows.
pub(super) fn policy(name: &str, limit: &model::RateLimit) -> HeaderValue {
    let window = match (limit.per.as_secs(), limit.per.subsec_nanos()) {
        (seconds, 0) => format!(";w={seconds}"),
        _ => String::new(),
    };
    HeaderValue::try_from(format!("{name};q={}{window}", limit.requests))
        .unwrap_or(HeaderValue::from_static("\"limit\""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_window_of_whole_seconds_is_told() {
        let policy = |per| {
            let limit = model::RateLimit {
                requests: 100,
                per,
                burst: 5,
                key: None,
            };
            policy("\"route\"", &limit)
        };
        assert_eq!(policy(Duration::from_secs(60)), "\"route\";q=100;w=60");
        assert_eq!(policy(Duration::from_millis(1500)), "\"route\";q=100");
    }
}

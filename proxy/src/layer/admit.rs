//! Admit: refuses early what the proxy should not take on.
//!
//! Below Respond, which makes a response of a refusal; above Hop and Router, so that a refusal costs as little as it can:
//! no header was written and no route looked for. All that is asked here is a property of the listener.

use std::sync::Arc;

use http::Response;
use outrigger_config::model::RateLimitKey;

use super::Handle;
use crate::{
    body::Body,
    call::Call,
    error::Error,
    rate_limit::{Caller, Quota, RateLimit},
    telemetry::trail::Step,
};

/// See the module.
pub struct Admit<S> {
    next: S,
}

impl<S> Admit<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for Admit<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        if let Some(limit) = call.listener.rate_limit.clone() {
            if limit.key() == Some(&RateLimitKey::SourceAddress) {
                let trusted = &call.listener.config.trusted_proxies;
                call.client = call
                    .connection
                    .forwarded
                    .client(&call.head.headers, trusted);
            }
            within(&limit, call)?;
        }
        self.next.handle(call).await
    }
}

/// Asks a rate limit, and keeps in mind what the caller is to be told of it.
pub fn within(limit: &Arc<RateLimit>, call: &mut Call) -> Result<(), Error> {
    let verdict = limit.take(call.now, |key| match key {
        RateLimitKey::SourceAddress => call.client.into(),
        RateLimitKey::Header(name) => {
            Caller::Header(call.head.headers.get(name).map(|value| value.as_bytes()))
        }
    });
    let quota = Quota::new(Arc::clone(limit), verdict);
    if call
        .quota
        .as_ref()
        .is_none_or(|known| quota.tighter_than(known))
    {
        call.quota = Some(Box::new(quota));
    }
    if verdict.admitted {
        return Ok(());
    }
    call.note(|_| Step::Refused("rate_limit"));
    Err(Error::RateLimited {
        retry_after: verdict.next,
    })
}

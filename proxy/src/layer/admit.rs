//! Admit: cheap refusal of what there is no room for.
//!
//! Below Respond, which makes the answers; above Hop and Router: what is refused here costs no look at its head, no
//! route and no metric of one. In the order of what costs least: the process has too much to do (`overload`), the
//! listener's `limits.requests`, its `rate_limit`. The connection stays open: to make a new one would cost both sides
//! more than to ask again.

use std::{rc::Rc, sync::Arc};

use http::Response;
use outrigger_config::model::RateLimitKey;

use super::Handle;
use crate::{
    body::Body,
    call::Call,
    error::Error,
    rate_limit::{Caller, Quota, RateLimit},
    telemetry::{metrics::Label as _, trail::Step},
    worker::Worker,
};

/// See the module.
pub struct Admit<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S> Admit<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }
}

impl<S: Handle> Handle for Admit<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        overload(&self.worker, call)?;
        requests(call)?;
        rate(call)?;
        self.next.handle(call).await
    }
}

/// The process has too much to do.
fn overload(worker: &Worker, call: &mut Call) -> Result<(), Error> {
    let Some(reason) = worker.overloaded() else {
        return Ok(());
    };
    call.note(|_| Step::Refused("overload"));
    Err(Error::Overloaded(reason.as_str()))
}

/// The listener has as many requests as it may.
fn requests(call: &mut Call) -> Result<(), Error> {
    match call.listener.limits.request() {
        Ok(admitted) => {
            call.admitted = admitted;
            Ok(())
        }
        Err(limit) => {
            call.note(|_| Step::Refused("listener"));
            Err(Error::LimitReached(limit.as_str()))
        }
    }
}

/// The caller has had its share of the listener.
fn rate(call: &mut Call) -> Result<(), Error> {
    let Some(limit) = call.listener.rate_limit.clone() else {
        return Ok(());
    };
    if limit.key() == Some(&RateLimitKey::SourceAddress) {
        let trusted = &call.listener.config.trusted_proxies;
        call.client = call
            .connection
            .forwarded
            .client(&call.head.headers, trusted);
    }
    within(&limit, call)
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

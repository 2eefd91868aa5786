//! Deadline: the whole request's time, all attempts included.
//!
//! Below Filters, which may answer for free; above Retry, so that no attempt outlives it. The route's `timeout` bounds
//! it, and what the client says that it has: nobody waits for what comes later. It ends with the response's head: a
//! stream that has begun is not cut here. A request without any of them sets no timer.
//!
//! Endpoints are told what is left of it, at each attempt anew: see [`tell`].

pub mod asked;

use std::time::Duration;

use http::Response;
use tokio::time::{Instant, timeout_at};

use super::Handle;
use crate::{
    body::Body,
    call::Call,
    clock,
    downstream::survey::{GRPC_TIMEOUT, X_REQUEST_TIMEOUT},
    error::Error,
    telemetry::trail::Step,
};

/// See the module.
pub struct Deadline<S> {
    next: S,
}

/// In which headers an endpoint is told of the time it has.
#[derive(Clone, Copy, Debug, Default)]
pub struct Told {
    grpc: bool,
    plain: bool,
}

impl<S> Deadline<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for Deadline<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let configured = call.route.as_ref().and_then(|route| route.config.timeout);
        let Some(allowed) = allowed(call, configured) else {
            return self.next.handle(call).await;
        };
        // A deadline past the end of time is none.
        let Some(deadline) = Instant::now().checked_add(allowed) else {
            return self.next.handle(call).await;
        };
        call.until = call.now.saturating_add(clock::micros(allowed));
        // Over before it began: no endpoint is to blame, and none is asked.
        let in_time = match allowed.is_zero() {
            true => None,
            false => timeout_at(deadline, self.next.handle(call)).await.ok(),
        };
        in_time.unwrap_or_else(|| {
            call.note(|_| Step::Error(Error::DeadlineExceeded.reason()));
            Err(Error::DeadlineExceeded)
        })
    }
}

/// The least of what the route and the client allow; whom to tell is kept in mind.
fn allowed(call: &mut Call, configured: Option<Duration>) -> Option<Duration> {
    let headers = &call.head.headers;
    let read = |there: bool, name, parse: fn(&[u8]) -> Option<Duration>| {
        let value = there.then(|| headers.get(name)).flatten()?;
        parse(value.as_bytes())
    };
    let grpc = read(call.survey.grpc_timeout, GRPC_TIMEOUT, asked::grpc);
    let plain = read(call.survey.request_timeout, X_REQUEST_TIMEOUT, asked::plain);
    let allowed = [configured, grpc, plain].into_iter().flatten().min()?;
    call.told = Told {
        grpc: grpc.is_some() || call.survey.grpc,
        plain: plain.is_some(),
    };
    Some(allowed)
}

/// Tells the endpoint of an attempt that begins how much time it has, where somebody would look for it: what is
/// left of the request's time or the attempt's, whichever is less. What it did later than that nobody would wait for.
pub fn tell(call: &mut Call) {
    let Told { grpc, plain } = call.told;
    if !grpc && !plain {
        return;
    }
    let left = Duration::from_micros(call.until.saturating_sub(clock::now()).max(1));
    let headers = &mut call.head.headers;
    if grpc {
        headers.insert(GRPC_TIMEOUT, asked::format_grpc(left));
    }
    if plain {
        headers.insert(X_REQUEST_TIMEOUT, asked::format_plain(left));
    }
}

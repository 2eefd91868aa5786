//! AttemptTimeout: one attempt's time, to the head of its response.
//!
//! Below Retry, which may try again; above Balance and Track, so that the endpoint is charged for what it did not do in
//! time (what is dropped when its time is up knows so by `call.until`). A route without `attempt_timeout` sets no timer.
//! Here each attempt's endpoint is told how much time it has.

use http::Response;
use tokio::time::timeout;

use super::{Handle, deadline};
use crate::{body::Body, call::Call, clock, error::Error, telemetry::trail::Step};

/// See the module.
pub struct AttemptTimeout<S> {
    next: S,
}

impl<S> AttemptTimeout<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for AttemptTimeout<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let Some(allowed) = call
            .route
            .as_ref()
            .and_then(|route| route.config.attempt_timeout)
        else {
            deadline::tell(call);
            return self.next.handle(call).await;
        };
        let whole = call.until;
        call.until = whole.min(clock::now().saturating_add(clock::micros(allowed)));
        deadline::tell(call);
        let result = timeout(allowed, self.next.handle(call)).await;
        call.until = whole;
        match result {
            Ok(result) => result,
            Err(_) => {
                call.now = clock::now();
                call.note(|_| Step::Error(Error::AttemptTimeout.reason()));
                Err(Error::AttemptTimeout)
            }
        }
    }
}

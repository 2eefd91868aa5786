//! AttemptTimeout: one attempt's time, to the head of its response.
//!
//! Below Retry, which may try again; above Balance and Track, so that the endpoint is charged for what it did not do in
//! time. A route without `attempt_timeout` sets no timer.

use http::Response;
use tokio::time::timeout;

use super::Handle;
use crate::{body::Body, call::Call, error::Error};

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
        match call
            .route
            .as_ref()
            .and_then(|route| route.config.attempt_timeout)
        {
            Some(allowed) => timeout(allowed, self.next.handle(call))
                .await
                .unwrap_or(Err(Error::AttemptTimeout)),
            None => self.next.handle(call).await,
        }
    }
}

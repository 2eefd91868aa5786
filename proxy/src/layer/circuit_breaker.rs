//! CircuitBreaker: leaves a cluster alone that is broken, or sends its requests elsewhere.
//!
//! Above all that belongs to the call's cluster: while it is open no endpoint is picked and no attempt is counted, and a
//! call that falls back on another cluster is under that one's policies. Below Retry, so that each attempt asks anew; what it
//! refuses is never worth another one. A cluster without a breaker costs a look at one pointer.

use std::sync::Arc;

use http::Response;

use super::Handle;
use crate::{body::Body, call::Call, error::Error, snapshot::Fallback, telemetry::trail::Step};

/// See the module.
pub struct CircuitBreaker<S> {
    next: S,
}

impl<S> CircuitBreaker<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for CircuitBreaker<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let guarded = |call: &Call| {
            let cluster = call.cluster.as_ref();
            cluster.is_some_and(|cluster| cluster.circuit_breaker.is_some())
        };
        if !guarded(call) {
            return self.next.handle(call).await;
        }
        admit(call)?;
        let result = self.next.handle(call).await;
        // One that never came to an endpoint makes room for another.
        call.permit = None;
        result
    }
}

/// Lets the call through to its cluster, or to the one that stands in for it.
fn admit(call: &mut Call) -> Result<(), Error> {
    let Some(breaker) = call
        .cluster
        .as_ref()
        .and_then(|cluster| cluster.circuit_breaker.as_ref())
    else {
        return Ok(());
    };
    match breaker.admit(call.now) {
        Ok(permit) => {
            call.permit = Some(permit);
            Ok(())
        }
        Err(retry_after) => {
            call.note(|_| Step::Refused("circuit_breaker"));
            let fallback = call.fallback();
            let Some(Fallback::Cluster(other)) = fallback.as_deref() else {
                return Err(Error::CircuitOpen { retry_after });
            };
            let other = Arc::clone(other);
            call.note(|_| Step::Fallback(Arc::clone(&other.config.name)));
            call.cluster = Some(other);
            call.diverted = true;
            // Its own breaker holds, and a call is diverted once.
            admit(call)
        }
    }
}

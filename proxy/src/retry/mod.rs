//! Retry: tries again, elsewhere, what is safe to try again.
//!
//! Above all that belongs to one attempt; below Deadline, so that no attempt outlives the request. What was never sent
//! may be repeated whatever the method; what was sent only if the method is idempotent and the route says so. Small
//! bodies are kept for that, see `replay.rs`.

mod replay;

use http::Response;
use outrigger_config::model::RetryOn;

pub use replay::Replay;

use crate::{
    body::Body,
    call::Call,
    error::{Error, Retryable},
    layer::Handle,
    telemetry::{metrics::RetryOutcome, trail::Step},
};

/// See the module.
pub struct Retry<S> {
    next: S,
}

impl<S> Retry<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for Retry<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let (Some(route), Some(cluster)) = (call.route.clone(), call.cluster.clone()) else {
            return Err(Error::NoEndpoint);
        };
        let policy = &route.config.retry;
        let repeats_sent = policy
            .on
            .iter()
            .any(|on| !matches!(on, RetryOn::ConnectFailure | RetryOn::RefusedStream));
        loop {
            call.attempts += 1;
            let last = call.attempts >= policy.attempts;
            if repeats_sent && !last && call.method().is_idempotent() {
                call.keep_spare();
            }
            let result = self.next.handle(call).await;
            let unsent = matches!(&result, Err(error) if error.retryable() == Retryable::Unsent);
            let wanted = unsent || policy.on.iter().any(|on| calls_for(*on, &result));
            let repeatable = wanted && !last && may_repeat(call, &result);
            if repeatable && call.retrying.is_none() {
                call.retrying = cluster.limits.retry();
            }
            let over_limit = repeatable && call.retrying.is_none();
            if repeatable && !over_limit {
                call.note(|_| Step::Retry);
                call.tried
                    .extend(call.endpoint.take().map(|endpoint| endpoint.id));
                continue;
            }
            let outcome = match wanted {
                true if policy.attempts == 1 => return result,
                true if last => RetryOutcome::Exhausted,
                true if over_limit => RetryOutcome::OverLimit,
                true => RetryOutcome::Unreplayable,
                false if call.attempts == 1 => return result,
                false if matches!(&result, Ok(response) if !response.status().is_server_error()) => {
                    RetryOutcome::Success
                }
                false => RetryOutcome::Failure,
            };
            cluster.metrics.retry(outcome);
            return result;
        }
    }
}

/// Whether a policy that retries `on` this means `result`.
fn calls_for(on: RetryOn, result: &Result<Response<Body>, Error>) -> bool {
    match (on, result) {
        (RetryOn::ServerError, Ok(response)) => response.status().is_server_error(),
        (RetryOn::GatewayError, Ok(response)) => matches!(response.status().as_u16(), 502..=504),
        (RetryOn::ConnectFailure, Err(error)) => {
            matches!(
                error,
                Error::Connect(_) | Error::ConnectTimeout | Error::Protocol(_)
            )
        }
        (RetryOn::RefusedStream, Err(error)) => matches!(error, Error::RefusedStream),
        (RetryOn::Reset, Err(error)) => matches!(error, Error::Reset(_)),
        (RetryOn::AttemptTimeout, Err(error)) => matches!(error, Error::AttemptTimeout),
        _ => false,
    }
}

/// Whether it is safe to send the request again, and possible.
fn may_repeat(call: &mut Call, result: &Result<Response<Body>, Error>) -> bool {
    let safe = match result.as_ref().map_err(Error::retryable) {
        Ok(_) | Err(Retryable::IfSafe) => call.method().is_idempotent(),
        Err(Retryable::Unsent) => true,
        Err(Retryable::Never) => false,
    };
    safe && call.restore()
}

//! A route's `retry`, ready for use.

use std::time::Duration;

use http::{Method, Response};
use outrigger_config::model;

use super::conditions::Conditions;
use crate::{
    body::Body,
    error::{Error, Retryable},
};

/// When another attempt is made, and how.
#[derive(Clone, Debug)]
pub struct Policy {
    /// Attempts in all.
    pub attempts: u32,
    /// What calls for another one.
    pub on: Conditions,
    /// Whether anything of `on` may have been processed, so that the request has to be kept to be sent again.
    pub keeps: bool,
    /// How long it waits.
    pub backoff: model::Backoff,
    /// The longest `retry-after` that is waited for.
    pub max_retry_after: Duration,
    /// The largest body that is kept.
    pub body_limit: usize,
    non_idempotent: bool,
}

impl Policy {
    /// Of what the file says.
    pub fn new(retry: &model::Retry) -> Self {
        let on = Conditions::new(&retry.on);
        Self {
            attempts: retry.attempts,
            keeps: retry.attempts > 1 && on.beyond_unsent(),
            on,
            backoff: retry.backoff,
            max_retry_after: retry.max_retry_after,
            body_limit: retry.body_limit,
            non_idempotent: retry.non_idempotent,
        }
    }

    /// Whether a request that may have been processed may be sent again.
    pub fn repeatable(&self, method: &Method) -> bool {
        self.non_idempotent || method.is_idempotent()
    }

    /// Whether another attempt is called for. What was never sent is tried again whatever `on` says.
    pub fn wants(&self, result: &Result<Response<Body>, Error>, grpc: bool) -> bool {
        match result {
            Ok(response) => self.on.response(response, grpc),
            Err(error) => unsent(result) || self.on.error(error),
        }
    }

    /// Whether it is safe after `result`.
    pub fn safe(&self, result: &Result<Response<Body>, Error>, method: &Method) -> bool {
        match result.as_ref().map_err(Error::retryable) {
            Ok(_) | Err(Retryable::IfSafe) => self.repeatable(method),
            Err(Retryable::Unsent) => true,
            Err(Retryable::Never) => false,
        }
    }
}

/// Whether nothing was processed.
pub fn unsent(result: &Result<Response<Body>, Error>) -> bool {
    matches!(result, Err(error) if error.retryable() == Retryable::Unsent)
}

/// Whether nobody was reached: there was no connection.
pub fn unmade(result: &Result<Response<Body>, Error>) -> bool {
    matches!(
        result,
        Err(Error::Connect(_) | Error::ConnectTimeout | Error::Tls(_))
    )
}

//! Track: an endpoint's in-flight count, latency and outcome.
//!
//! Right below Balance, which reads what is written here; above Dispatch, whose stale connections are not seen. An
//! attempt is in flight until its response's body ends. Its latency, for the balancer, ends with the head: how long a
//! body takes is as much the client's doing, and a stream of an hour would say nothing of the endpoint. The metrics
//! have it to the body's end.

use std::{sync::Arc, time::Duration};

use http::Response;

use super::Handle;
use crate::{
    body::{Body, Progress},
    call::Call,
    clock,
    endpoint::load::Outcome,
    error::{Blame, Error},
    snapshot::{Cluster, Endpoint},
    telemetry::{metrics::AttemptResult, trail::Step},
};

/// See the module.
pub struct Track<S> {
    next: S,
}

impl<S> Track<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for Track<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let (Some(cluster), Some(endpoint)) = (call.cluster.clone(), call.endpoint.clone()) else {
            return Err(Error::NoEndpoint);
        };
        let mut tracked = Tracked::begin(cluster, endpoint, call.now);
        let result = self.next.handle(call).await;
        call.now = clock::now();
        match result {
            Ok(mut response) => {
                let failed = response.status().is_server_error();
                tracked.observe(call.now, failed);
                call.note(|_| Step::Status(response.status()));
                tracked.result = if failed {
                    AttemptResult::Failure
                } else {
                    AttemptResult::Success
                };
                response.body_mut().track(tracked);
                Ok(response)
            }
            Err(error) => {
                // What the downstream or the proxy itself did is not held against the endpoint.
                if error.blame() == Blame::Upstream {
                    tracked.observe(call.now, true);
                }
                call.note(|_| Step::Error(error.reason()));
                tracked.result = outcome(&error);
                Err(error)
            }
        }
    }
}

/// An attempt under way; it ends when dropped.
pub struct Tracked {
    cluster: Arc<Cluster>,
    endpoint: Arc<Endpoint>,
    /// In microseconds.
    began: u64,
    ended: Option<u64>,
    /// What it would be if it ended now.
    result: AttemptResult,
}

impl Tracked {
    fn begin(cluster: Arc<Cluster>, endpoint: Arc<Endpoint>, began: u64) -> Self {
        endpoint.load.begin();
        Self {
            cluster,
            endpoint,
            began,
            ended: None,
            result: AttemptResult::Cancelled,
        }
    }

    fn observe(&self, now: u64, failed: bool) {
        let outcome = if failed {
            Outcome::Failure
        } else {
            Outcome::Success
        };
        self.endpoint
            .load
            .observe(now, self.took(now), outcome, self.cluster.decay);
    }

    fn took(&self, now: u64) -> Duration {
        Duration::from_micros(now.saturating_sub(self.began))
    }

    /// The response's body has ended, at `now`.
    pub fn end(mut self, progress: Progress, now: u64) {
        self.ended = Some(now);
        if progress == Progress::Broken {
            self.observe(now, true);
            self.result = AttemptResult::Reset;
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.endpoint.load.end();
        let ended = self.ended.unwrap_or_else(clock::now);
        self.cluster.metrics.attempt(self.result, self.took(ended));
    }
}

fn outcome(error: &Error) -> AttemptResult {
    match error {
        Error::Connect(_) | Error::OutOfSockets(_) | Error::NoEndpoint => {
            AttemptResult::ConnectFailure
        }
        Error::ConnectTimeout => AttemptResult::ConnectTimeout,
        Error::RefusedStream => AttemptResult::Refused,
        Error::Reset(_) | Error::Protocol(_) | Error::UnaskedUpgrade => AttemptResult::Reset,
        Error::AttemptTimeout | Error::DeadlineExceeded => AttemptResult::Timeout,
        Error::BadRequest(_)
        | Error::TunnelRefused
        | Error::NoRoute
        | Error::NotImplemented(_)
        | Error::RequestBody(_) => AttemptResult::Cancelled,
    }
}

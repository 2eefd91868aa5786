//! Track: an endpoint's in-flight count, latency and outcome.
//!
//! Right below Balance, which reads what is written here; above Dispatch, whose stale connections are not seen. An
//! attempt is in flight until its response's body ends. Its latency, for the balancer, ends with the head: how long a
//! body takes is as much the client's doing, and a stream of an hour would say nothing of the endpoint. The metrics
//! have it to the body's end.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, Response};

use super::Handle;
use crate::{
    body::{Body, Progress},
    call::{Call, Wait},
    clock,
    endpoint::load::Outcome,
    error::{Blame, Error},
    snapshot::{Cluster, Endpoint},
    telemetry::{metrics::AttemptResult, trail::Step},
};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

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
        let mut tracked = Tracked::begin(cluster, endpoint, call);
        let result = self.next.handle(call).await;
        call.now = clock::now();
        match result {
            Ok(mut response) => {
                call.note(|_| Step::Status(response.status()));
                tracked.answered(&response, call);
                response.body_mut().track(tracked);
                Ok(response)
            }
            Err(error) => {
                call.note(|_| Step::Error(error.reason()));
                tracked.failed(&error, call.now);
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
    /// When its time is up, or the whole request's.
    until: u64,
    wait: Wait,
    ended: Option<u64>,
    /// What came of it, once anything has.
    result: Option<AttemptResult>,
}

impl Tracked {
    fn begin(cluster: Arc<Cluster>, endpoint: Arc<Endpoint>, call: &mut Call) -> Self {
        endpoint.load.begin();
        call.wait = match cluster.limits.may_wait() {
            true => Wait::possible(call.now),
            false => Wait::default(),
        };
        Self {
            wait: call.wait.clone(),
            cluster,
            endpoint,
            began: call.now,
            until: call.until,
            ended: None,
            result: None,
        }
    }

    /// The response's head is there.
    fn answered(&mut self, response: &Response<Body>, call: &Call) {
        let failed = response.status().is_server_error();
        // With `expect: 100-continue` the client's upload is in the time.
        if failed {
            self.observe(call.now, Outcome::Failure);
        } else if !call.survey.expect {
            self.observe(call.now, Outcome::Success);
        }
        self.result = Some(if failed {
            AttemptResult::Failure
        } else {
            AttemptResult::Success
        });
        if call.survey.grpc {
            self.trailers(response.headers(), call.now);
        }
    }

    /// What the downstream or the proxy itself did is not held against the endpoint.
    fn failed(&mut self, error: &Error, now: u64) {
        if error.blame() == Blame::Upstream {
            self.observe(now, Outcome::Failure);
        }
        self.result = Some(outcome(error));
    }

    /// A gRPC status that is the server's own failure, as a 5xx would be, is one.
    pub fn trailers(&mut self, trailers: &HeaderMap, now: u64) {
        const UNKNOWN: &[u8] = b"2";
        const DEADLINE_EXCEEDED: &[u8] = b"4";
        const INTERNAL: &[u8] = b"13";
        const UNAVAILABLE: &[u8] = b"14";
        const DATA_LOSS: &[u8] = b"15";
        let failures = [UNKNOWN, DEADLINE_EXCEEDED, INTERNAL, UNAVAILABLE, DATA_LOSS];
        if trailers
            .get(GRPC_STATUS)
            .is_some_and(|status| failures.contains(&status.as_bytes()))
        {
            self.observe(now, Outcome::Failure);
            self.result = Some(AttemptResult::Failure);
        }
    }

    /// The response's body has ended, at `now`.
    pub fn end(mut self, progress: Progress, now: u64) {
        self.ended = Some(now);
        if progress == Progress::Broken {
            self.observe(now, Outcome::Failure);
            self.result = Some(AttemptResult::Reset);
        }
    }

    fn observe(&self, now: u64, outcome: Outcome) {
        self.endpoint
            .load
            .observe(now, self.took(now), outcome, self.cluster.decay);
    }

    fn took(&self, now: u64) -> Duration {
        let asked = self.wait.asked(self.began).unwrap_or(now);
        Duration::from_micros(now.saturating_sub(asked))
    }

    /// Whether its time is up because of the endpoint: of which most was not spent waiting here.
    fn late(&self, now: u64, asked: u64) -> bool {
        now >= self.until && asked - self.began <= self.until.saturating_sub(asked)
    }
}

/// Dropped before anything came of it: its time is up, which is the endpoint's doing, or the client went away, which is
/// not, though the endpoint is known to be at least this slow.
impl Drop for Tracked {
    fn drop(&mut self) {
        self.endpoint.load.end();
        // It waited in vain for a connection: no attempt was made.
        let Some(asked) = self.wait.asked(self.began) else {
            return;
        };
        let now = self.ended.unwrap_or_else(clock::now);
        let result = self.result.unwrap_or_else(|| {
            let late = self.late(now, asked);
            self.observe(
                now,
                if late {
                    Outcome::Failure
                } else {
                    Outcome::Abandoned
                },
            );
            if late {
                AttemptResult::Timeout
            } else {
                AttemptResult::Cancelled
            }
        });
        self.cluster.metrics.attempt(result, self.took(now));
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
        | Error::RateLimited { .. }
        | Error::Overloaded(_)
        | Error::LimitReached(_)
        | Error::CircuitOpen { .. }
        | Error::RequestBody(_) => AttemptResult::Cancelled,
    }
}

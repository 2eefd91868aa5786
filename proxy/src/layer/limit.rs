//! Limit: how many requests may be in flight in the call's cluster at once.
//!
//! Below AttemptTimeout, since each attempt is one in flight; above Balance, so that what is refused costs no pick and is
//! charged to no endpoint. What is let through counts to the end of its response's body. A cluster without `requests`
//! and `adaptive` is not asked.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, Response};

use super::Handle;
use crate::{
    body::Body,
    call::Call,
    clock,
    error::Error,
    limits::{adaptive::Adaptive, gradient::Sample},
    telemetry::{metrics::Label as _, trail::Step},
};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// See the module.
pub struct Limit<S> {
    next: S,
}

impl<S> Limit<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for Limit<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let Some(cluster) = call
            .cluster
            .as_ref()
            .filter(|cluster| cluster.limits.asks())
        else {
            return self.next.handle(call).await;
        };
        let cluster = Arc::clone(cluster);
        let admitted = cluster
            .limits
            .admit()
            .inspect_err(|limit| call.note(|_| Step::Refused(limit.as_str())))?;
        let (adaptive, in_flight) = admitted.adaptive.unzip();
        let trial = cluster.limits.adaptive.as_deref().zip(in_flight);
        let trial = trial.map(|(adaptive, in_flight)| Trial::begin(adaptive, in_flight, call));
        let result = self.next.handle(call).await;
        if let Some(trial) = trial {
            trial.end(&result, call);
        }
        let mut response = result?;
        for permit in [admitted.request, adaptive].into_iter().flatten() {
            response.body_mut().hold(permit);
        }
        Ok(response)
    }
}

/// An attempt from whose latency the adaptive limit learns.
struct Trial<'a> {
    adaptive: &'a Adaptive,
    began: u64,
    /// When its time is up.
    until: u64,
    in_flight: u32,
    /// It has told.
    told: bool,
}

impl<'a> Trial<'a> {
    fn begin(adaptive: &'a Adaptive, in_flight: u32, call: &mut Call) -> Self {
        // Backoff may have passed since something last happened.
        call.now = clock::now();
        Self {
            adaptive,
            began: call.now,
            until: call.until,
            in_flight,
            told: false,
        }
    }

    /// The head of its response is there, or there will be none.
    fn end(mut self, result: &Result<Response<Body>, Error>, call: &Call) {
        self.told = true;
        match result {
            // With `expect: 100-continue` the client's upload is in the time.
            Ok(_) if call.survey.expect => {}
            Ok(response) if !failed(response) => {
                // The time that it waited here for a connection is another limit's.
                let asked = call.wait.asked(self.began).unwrap_or(call.now);
                self.tell(call.now, call.now.saturating_sub(asked), false);
            }
            Err(Error::ConnectTimeout) => self.late(call.now),
            // To refuse is quick.
            Ok(_) | Err(_) => {}
        }
    }

    fn late(&self, now: u64) {
        self.tell(now, now.saturating_sub(self.began), true);
    }

    fn tell(&self, now: u64, latency: u64, timed_out: bool) {
        let sample = Sample {
            began: self.began,
            latency,
            in_flight: self.in_flight,
            timed_out,
        };
        self.adaptive.observe(now, sample);
    }
}

/// Dropped before it had told: its time is up, or the client went away, which says nothing.
impl Drop for Trial<'_> {
    fn drop(&mut self) {
        let now = clock::now();
        if !self.told && now >= self.until {
            self.late(now);
        }
    }
}

/// As an answer, not what it says.
fn failed(response: &Response<Body>) -> bool {
    response.status().is_server_error() || grpc_failed(response.headers())
}

/// A head that is all there is, with a status other than OK.
fn grpc_failed(headers: &HeaderMap) -> bool {
    headers
        .get(GRPC_STATUS)
        .is_some_and(|status| status.as_bytes() != b"0")
}

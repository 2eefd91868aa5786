//! Track: an endpoint's in-flight count, latency, and the verdict on each attempt.
//!
//! Right below Balance, which reads what is written here; above Dispatch, whose stale connections are not seen. An
//! attempt is in flight until its response's body ends. Its latency, for the balancer, ends with the head: how long a
//! body takes is as much the client's doing, and a stream of an hour would say nothing of the endpoint. The metrics
//! have it to the body's end. The verdict is given once, as soon as it is certain: of gRPC, whose status comes last, at
//! the end; of all else at the head, to be taken back only if the body breaks off.

use std::{sync::Arc, time::Duration};

use http::{HeaderMap, HeaderName, Response};

use super::Handle;
use crate::{
    body::{Body, Progress},
    call::{Call, Wait},
    circuit_breaker::Permit,
    clock,
    error::Error,
    idle_timeout::Silent,
    outlier_detection::{Failure, InARow, Judgement, Verdict},
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
    /// It has far less time than the route gives an attempt: the client allowed no more, or others used it up.
    hurried: bool,
    wait: Wait,
    ended: Option<u64>,
    /// It is to see whether an ejected endpoint is well again.
    probe: bool,
    stage: Stage,
    /// What came of it, once anything has.
    result: Option<AttemptResult>,
    /// Of the cluster's circuit breaker, if it has one.
    permit: Option<Box<Permit>>,
}

/// How far an attempt has come.
enum Stage {
    /// No head yet.
    Waiting,
    /// A gRPC call whose status is still to come.
    Answered,
    /// A success, as far as the head.
    Succeeded {
        /// The failures in a row that it ended.
        wiped: InARow,
    },
    /// The verdict is final.
    Judged,
}

impl Tracked {
    fn begin(cluster: Arc<Cluster>, endpoint: Arc<Endpoint>, call: &mut Call) -> Self {
        endpoint.load.begin();
        let route = call.route.as_ref().map(|route| &route.config);
        let usual = route.and_then(|route| route.attempt_timeout.or(route.timeout));
        call.wait = match cluster.limits.may_wait() {
            true => Wait::possible(call.now),
            false => {
                // Who may have to wait for a connection first has not asked yet, and is no sign of silence.
                endpoint.load.ask(call.now, cluster.decay);
                Wait::default()
            }
        };
        Self {
            wait: call.wait.clone(),
            cluster,
            endpoint,
            began: call.now,
            until: call.until,
            hurried: call.until.saturating_sub(call.now)
                < usual.map_or(u64::MAX, clock::micros) / 2,
            ended: None,
            probe: call.probe,
            stage: Stage::Waiting,
            result: None,
            permit: call.permit.take(),
        }
    }

    /// The response's head is there.
    fn answered(&mut self, response: &Response<Body>, call: &Call) {
        self.endpoint.load.answer(self.began, call.now);
        let verdict = Verdict::of_status(response.status());
        let succeeded = verdict == Verdict::Success;
        self.result = Some(match succeeded {
            true => AttemptResult::Success,
            false => AttemptResult::Failure,
        });
        // With `expect: 100-continue` the client's upload is in the time.
        let took = (!succeeded || !call.survey.expect).then(|| self.took(call.now));
        if succeeded && call.survey.grpc {
            let judgement = self.judgement(verdict, took);
            self.cluster.answered(&self.endpoint, call.now, judgement);
            if let Some(permit) = &mut self.permit {
                permit.answer(took);
            }
            self.stage = Stage::Answered;
            self.trailers(response.headers(), call.now);
            return;
        }
        let wiped = self.endpoint.strikes.load();
        self.judge(call.now, verdict, took);
        if succeeded {
            self.stage = Stage::Succeeded { wiped };
        }
    }

    /// No response came.
    fn failed(&mut self, error: &Error, now: u64) {
        let verdict = Verdict::of_error(error);
        let took = (verdict != Verdict::Abandoned).then(|| self.took(now));
        self.judge(now, verdict, took);
        self.endpoint.load.give_up(self.began);
        self.result = Some(outcome(error));
    }

    /// A gRPC call has its status: one that is the server's own failure, as a 5xx would be, is one.
    pub fn trailers(&mut self, trailers: &HeaderMap, now: u64) {
        let status = trailers.get(GRPC_STATUS);
        if let (Stage::Answered, Some(status)) = (&self.stage, status) {
            let verdict = Verdict::of_grpc(status.as_bytes());
            self.judge(now, verdict, None);
            if verdict != Verdict::Success {
                self.result = Some(AttemptResult::Failure);
            }
        }
    }

    /// The response's body has ended, at `now`.
    pub fn end(mut self, progress: Progress, now: u64) {
        self.ended = Some(now);
        let (verdict, result) = match progress {
            Progress::Broken => (self.broke(Failure::Reset), Some(AttemptResult::Reset)),
            Progress::Idle(Silent::Upstream) => {
                (self.broke(Failure::Timeout), Some(AttemptResult::Timeout))
            }
            Progress::Complete => (Verdict::Success, None),
            Progress::Partial | Progress::Idle(Silent::Downstream | Silent::Both) => {
                (Verdict::Abandoned, None)
            }
        };
        // Unless it is final already: at the head, or with the trailers.
        match &self.stage {
            Stage::Answered => {}
            Stage::Succeeded { .. } if result.is_some() => {}
            _ => return,
        }
        self.judge(now, verdict, None);
        self.result = result.or(self.result);
    }

    /// The verdict on a body that did not come to its end.
    fn broke(&self, failure: Failure) -> Verdict {
        match self.stage {
            Stage::Succeeded { wiped } => Verdict::BrokenOff { wiped },
            _ => Verdict::Failure(failure),
        }
    }

    fn judge(&mut self, now: u64, verdict: Verdict, took: Option<Duration>) {
        self.stage = Stage::Judged;
        let judgement = self.judgement(verdict, took);
        self.cluster.judge(&self.endpoint, now, judgement);
        if let Some(permit) = &mut self.permit {
            permit.judge(now, verdict, took);
        }
    }

    fn judgement(&self, verdict: Verdict, took: Option<Duration>) -> Judgement {
        Judgement {
            verdict,
            took,
            probe: self.probe,
        }
    }

    /// Whether the endpoint could have answered in the time it had. If not, that is no verdict on it.
    fn fair(&self, now: u64) -> bool {
        /// Of what its recent answers took at least.
        const ENOUGH: f32 = 0.5;
        let known = self.endpoint.load.latency().map_or(0.0, |range| range.low);
        !self.hurried || self.took(now).as_secs_f32() >= known * ENOUGH
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
        let now = self.ended.unwrap_or_else(clock::now);
        let Some(asked) = self.wait.asked(self.began) else {
            // It waited in vain for a connection: no attempt was made.
            return self.judge(now, Verdict::Abandoned, None);
        };
        let result = self.result.unwrap_or_else(|| {
            let late = self.late(now, asked);
            let verdict = match late && self.fair(now) {
                true => Verdict::Failure(Failure::Timeout),
                false => Verdict::Abandoned,
            };
            self.judge(now, verdict, Some(self.took(now)));
            self.endpoint.load.give_up(self.began);
            match late {
                true => AttemptResult::Timeout,
                false => AttemptResult::Cancelled,
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
        Error::Tls(_) | Error::TlsUnready => AttemptResult::TlsFailure,
        Error::RefusedStream => AttemptResult::Refused,
        Error::Reset(_) | Error::Protocol(_) | Error::UnaskedUpgrade => AttemptResult::Reset,
        Error::AttemptTimeout | Error::DeadlineExceeded | Error::IdleTimeout => {
            AttemptResult::Timeout
        }
        Error::BadRequest(_)
        | Error::TunnelRefused
        | Error::Misdirected
        | Error::Denied
        | Error::NoRoute
        | Error::NoCluster
        | Error::ControlSilent
        | Error::NotImplemented(_)
        | Error::RateLimited { .. }
        | Error::Overloaded(_)
        | Error::LimitReached(_)
        | Error::CircuitOpen { .. }
        | Error::Fault(_)
        | Error::RequestBody(_)
        | Error::RequestIdle => AttemptResult::Cancelled,
    }
}

//! Retry: tries again, elsewhere, what is safe to try again.
//!
//! Above all that belongs to one attempt; below Deadline, so that no attempt outlives the request. In order: does the
//! result call for it (`policy.rs`, `conditions.rs`), is it safe and possible (`replay.rs`), is there time for the wait
//! (`backoff.rs`, `retry_after.rs`), does the cluster bear it (`budget.rs`). What is not made passes the result on that
//! there is. A slow attempt may get company, see [`hedge`](crate::hedge).
//!
//! A client that goes away drops the request's future, and with it the attempts and waits under way.

pub mod allowance;
pub mod backoff;
pub mod budget;
mod conditions;
mod policy;
mod replay;
pub mod retry_after;

use std::{
    pin::Pin,
    rc::Rc,
    time::{Duration, SystemTime},
};

use http::{Response, header};
use http_body_util::BodyExt;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

pub use allowance::Allowance;
pub use policy::Policy;
pub use replay::Replay;

use crate::{
    body::Body,
    call::Call,
    clock,
    error::Error,
    hedge::Race,
    layer::Handle,
    snapshot::Cluster,
    telemetry::{metrics::RetryOutcome, trail::Step},
    worker::Worker,
};

/// How long the head of a gRPC response waits for its first frame, to be judged with it: a stream that has nothing to
/// say yet begins so much later.
const PEEK: Duration = Duration::from_secs(1);

/// What is read at most of a response that nobody will see, so that its connection can be used again.
const DRAIN: usize = 64 * 1024;

/// See the module.
pub struct Retry<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S: Handle> Retry<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }

    /// One attempt, to where it can be judged: its head; `peek`: of a gRPC call, its first frame.
    async fn attempt(&self, call: &mut Call, peek: bool) -> Result<Response<Body>, Error> {
        let mut result = self.next.handle(call).await;
        if peek
            && call.survey.grpc
            && let Ok(response) = &mut result
            && !conditions::says_its_code(response)
            // A client that is still sending may be waiting for the head.
            && call.kept_whole()
        {
            let peeked = Box::pin(timeout(PEEK, response.body_mut().peek()));
            // Whatever has not come by then is not waited for.
            let _ = peeked.await;
        }
        result
    }

    /// The wait before another attempt after `result` of the one that `began` then, if there is to be one.
    fn again(
        &self,
        began: u64,
        call: &mut Call,
        cluster: &Cluster,
        policy: &Policy,
        result: &Result<Response<Body>, Error>,
    ) -> Result<Duration, RetryOutcome> {
        if call.attempts >= policy.attempts {
            return Err(RetryOutcome::Exhausted);
        }
        if !policy.safe(result, call.method()) || !call.restorable() {
            return Err(RetryOutcome::Unreplayable);
        }
        let now = clock::now();
        // Nobody has processed it, and somebody has not been asked yet.
        let fresh = policy::unsent(result) && cluster.endpoints.untried_or_ejected(&call.tried);
        let wait = match fresh {
            true => Some(Duration::ZERO),
            false => self.wait(call, policy, result),
        };
        // The next answer may take as long as this one. A failure says nothing of that.
        let answer = result.as_ref().map_or(0, |_| now.saturating_sub(began));
        let end = |wait: Duration| now.saturating_add(clock::micros(wait) + answer);
        let wait = wait.filter(|wait| end(*wait) < call.until);
        let wait = wait.ok_or(RetryOutcome::TooLate)?;
        match fresh && policy::unmade(result) {
            true => allowed(call, cluster, || {
                cluster.retries.charge(now);
                true
            })?,
            false => permit(call, cluster, now)?,
        }
        match call.restore() {
            true => Ok(wait),
            false => Err(RetryOutcome::Unreplayable),
        }
    }

    /// The backoff, on top of what the endpoint asks for. `None`: it asks for too much.
    fn wait(
        &self,
        call: &Call,
        policy: &Policy,
        result: &Result<Response<Body>, Error>,
    ) -> Option<Duration> {
        let asked = result
            .as_ref()
            .ok()
            .and_then(retry_after)
            .unwrap_or_default();
        if asked > policy.max_retry_after {
            return None;
        }
        let rng = &mut self.worker.rng.borrow_mut();
        Some(asked + backoff::wait(policy.backoff, call.attempts, rng))
    }
}

impl<S: Handle> Handle for Retry<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let (Some(route), Some(cluster)) = (call.route.clone(), call.cluster.clone()) else {
            return Err(Error::NoEndpoint);
        };
        let policy = &route.retry;
        cluster.retries.request();
        let mut hedge = route.hedge.as_ref();
        loop {
            call.attempts += 1;
            let began = call.now;
            let last = call.attempts >= policy.attempts;
            if policy.keeps && !last && policy.repeatable(call.method()) {
                call.keep_body();
            }
            let delay = hedge.and_then(|hedge| hedge.delay(call, &cluster, policy));
            let result = match delay {
                None => self.attempt(call, policy.on.codes() && !last).await,
                Some(delay) => {
                    let race = Race {
                        delay,
                        attempt: async |call: &mut Call| {
                            self.attempt(call, policy.on.codes()).await
                        },
                        usable: |result: &Result<_, _>, grpc| !policy.wants(result, grpc),
                    };
                    // Its two attempts are twice the size of one.
                    let (result, hedged) = Box::pin(race.run(call, &cluster)).await;
                    hedge = hedge.filter(|_| !hedged);
                    result
                }
            };
            let wanted = policy.wants(&result, call.survey.grpc);
            if policy.attempts == 1 || (!wanted && call.attempts == 1) {
                return result;
            }
            let outcome = if wanted {
                let failed = call.endpoint.as_ref().map(|endpoint| endpoint.id);
                call.tried.extend(failed);
                match self.again(began, call, &cluster, policy, &result) {
                    Ok(wait) => {
                        pause(call, result, wait).await;
                        continue;
                    }
                    Err(outcome) => outcome,
                }
            } else if result
                .as_ref()
                .is_ok_and(|response| !response.status().is_server_error())
            {
                RetryOutcome::Success
            } else {
                RetryOutcome::Failure
            };
            if let Some(policy) = refused(outcome) {
                call.note(|_| Step::Refused(policy));
            }
            cluster.metrics.retry(outcome);
            return result;
        }
    }
}

/// Whether the cluster bears one more attempt than it has requests: a retry, or a hedge. Counted if so.
pub fn permit(call: &mut Call, cluster: &Cluster, now: u64) -> Result<(), RetryOutcome> {
    allowed(call, cluster, || {
        cluster.retries.withdraw(now, &cluster.config.name)
    })
}

/// The limit of retries at once holds for all of them; what else is asked is `affordable`.
fn allowed(
    call: &mut Call,
    cluster: &Cluster,
    affordable: impl FnOnce() -> bool,
) -> Result<(), RetryOutcome> {
    let retrying = match call.retrying.take() {
        Some(retrying) => retrying,
        None => cluster.limits.retry().ok_or(RetryOutcome::OverLimit)?,
    };
    if !affordable() {
        return Err(RetryOutcome::OverBudget);
    }
    call.retrying = Some(retrying);
    Ok(())
}

/// The policy that kept a retry from being made, in the words of the Trail.
fn refused(outcome: RetryOutcome) -> Option<&'static str> {
    match outcome {
        RetryOutcome::OverBudget => Some("budget"),
        RetryOutcome::OverLimit => Some("limit"),
        RetryOutcome::TooLate => Some("too_late"),
        RetryOutcome::Success
        | RetryOutcome::Failure
        | RetryOutcome::Exhausted
        | RetryOutcome::Unreplayable => None,
    }
}

/// What `response` asks for.
fn retry_after(response: &Response<Body>) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?;
    retry_after::parse(value.as_bytes(), SystemTime::now())
}

/// Lets the failed attempt end and the time pass until the next one.
async fn pause(call: &mut Call, failed: Result<Response<Body>, Error>, wait: Duration) {
    call.endpoint = None;
    call.note(|_| Step::Retry);
    if wait.is_zero() {
        return;
    }
    call.note(|_| Step::Backoff(wait));
    let end = Instant::now() + wait;
    Box::pin(async {
        if let Ok(response) = failed {
            let _ = timeout_at(end, drain(response.into_body())).await;
        }
        sleep_until(end).await;
    })
    .await;
    call.now = clock::now();
}

/// Reads a response that nobody will see, if it is small.
async fn drain(mut body: Body) {
    let mut read = 0;
    while let Some(Ok(frame)) = Pin::new(&mut body).frame().await {
        read += frame.data_ref().map_or(0, bytes::Bytes::len);
        if read > DRAIN {
            return;
        }
    }
}

//! Hedging: a slow attempt gets company, and the first usable answer wins.
//!
//! A part of Retry, because both make attempts beyond a request's first and share the budget for them. The second attempt
//! goes to another endpoint; there is one at most for a request, and only for what may be sent twice: a request that is
//! safe to repeat (or whose route says so), and whose body is all here. The one that did not win is dropped where it
//! stands, which its endpoint is not blamed for.

pub mod digest;
pub mod latency;

use std::{pin::pin, sync::Arc, time::Duration};

use http::{Method, Response};
use outrigger_config::model::{self, HedgeAfter};
use tokio::{select, time::timeout};

pub use latency::{Latency, Percentile};

use crate::{
    body::Body,
    call::Call,
    clock,
    error::Error,
    retry::{self, Policy},
    snapshot::Cluster,
    telemetry::{
        metrics::{HedgeOutcome, RetryOutcome},
        trail::Step,
    },
};

/// What an attempt came to.
type Answer = Result<Response<Body>, Error>;

/// A route's `hedge`, ready for use.
pub struct Plan {
    after: After,
}

enum After {
    Time(Duration),
    /// Of each of the route's clusters, in the order of their addresses: by host there may be thousands.
    Percentile(Vec<(Arc<Cluster>, Arc<Percentile>)>),
}

impl Plan {
    /// Of a route to these clusters.
    pub fn new(hedge: model::Hedge, clusters: &[Arc<Cluster>]) -> Self {
        let after = match hedge.after {
            HedgeAfter::Time(time) => After::Time(time),
            HedgeAfter::Percentile(share) => {
                let asked = clusters.iter();
                let asked = asked.map(|cluster| (Arc::clone(cluster), cluster.latency.ask(share)));
                let mut asked: Vec<_> = asked.collect();
                asked.sort_unstable_by_key(|(cluster, _)| Arc::as_ptr(cluster));
                After::Percentile(asked)
            }
        };
        Self { after }
    }

    /// How long the next attempt of `call` may take alone; `None`: as long as it likes.
    pub fn delay(&self, call: &Call, cluster: &Arc<Cluster>, policy: &Policy) -> Option<Duration> {
        let repeatable = policy.repeatable(call.method())
            && call.upgrade.is_none()
            && *call.method() != Method::CONNECT;
        if !repeatable {
            return None;
        }
        match &self.after {
            After::Time(time) => Some(*time),
            After::Percentile(asked) => {
                let own = Arc::as_ptr(cluster);
                let place = asked.binary_search_by_key(&own, |(asked, _)| Arc::as_ptr(asked));
                asked[place.ok()?].1.latency()
            }
        }
    }
}

/// An attempt that may get company.
pub struct Race<A, U> {
    /// How long it may take alone.
    pub delay: Duration,
    /// Makes an attempt.
    pub attempt: A,
    /// Whether an answer ends the race; the flag says that it is to a gRPC call.
    pub usable: U,
}

/// How a race ended.
enum End {
    /// The first attempt was done in time, or could have no company.
    Alone,
    /// It could have had company, but the cluster does not bear it.
    Refused(HedgeOutcome),
    /// The second attempt was there first.
    Won,
    /// It was not; whether it had come to anything.
    Lost { answered: bool },
}

impl<A, U> Race<A, U>
where
    A: AsyncFn(&mut Call) -> Answer,
    U: Fn(&Answer, bool) -> bool,
{
    /// Makes an attempt, and another one beside it if it takes long; the answer, and whether there were two.
    pub async fn run(self, call: &mut Call, cluster: &Arc<Cluster>) -> (Answer, bool) {
        let (mut fork, grpc, until) = (call.fork(), call.survey.grpc, call.until);
        let usable = |answer: &Answer| (self.usable)(answer, grpc);
        let (answer, end) = {
            let mut first = pin!((self.attempt)(call));
            match timeout(self.delay, &mut first).await {
                Ok(answer) => (answer, End::Alone),
                Err(_) => match begin(&mut fork, cluster) {
                    Err(end) => (first.await, end),
                    Ok(()) => {
                        let mut second = pin!((self.attempt)(&mut fork));
                        select! {
                            biased;
                            answer = &mut first => match usable(&answer) {
                                true => (answer, End::Lost { answered: false }),
                                false => match second.await {
                                    other if usable(&other) => (other, End::Won),
                                    _ => (answer, End::Lost { answered: true }),
                                },
                            },
                            other = &mut second => match usable(&other) {
                                true => (other, End::Won),
                                false => (first.await, End::Lost { answered: true }),
                            },
                        }
                    }
                },
            }
        };
        // An attempt that is dropped leaves its own limit behind.
        call.until = until;
        let hedged = settle(call, &fork, cluster, &end);
        (answer, hedged)
    }
}

/// Makes `fork` ready to be sent, if there is where to, and the cluster bears it.
fn begin(fork: &mut Call, cluster: &Cluster) -> Result<(), End> {
    fork.now = clock::now();
    fork.avoid_twin();
    if !fork.kept_whole() || !cluster.endpoints.untried(&fork.tried) {
        return Err(End::Alone);
    }
    let now = fork.now;
    retry::permit(fork, cluster, now).map_err(|outcome| {
        End::Refused(match outcome {
            RetryOutcome::OverLimit => HedgeOutcome::OverLimit,
            _ => HedgeOutcome::OverBudget,
        })
    })?;
    match fork.restore() {
        true => Ok(()),
        false => Err(End::Alone),
    }
}

/// Writes down how it ended; whether there were two attempts.
fn settle(call: &mut Call, fork: &Call, cluster: &Cluster, end: &End) -> bool {
    match end {
        End::Alone => return false,
        End::Refused(outcome) => {
            cluster.metrics.hedge(*outcome);
            call.note_before_last([Step::Refused(match outcome {
                HedgeOutcome::OverLimit => "limit",
                _ => "budget",
            })]);
            return false;
        }
        End::Won => {
            cluster.metrics.hedge(HedgeOutcome::Won);
            call.join(fork);
        }
        End::Lost { answered } => {
            cluster.metrics.hedge(HedgeOutcome::Lost);
            call.outran(fork);
            if *answered && let Some(endpoint) = &fork.endpoint {
                call.tried.push(endpoint.id);
            }
        }
    }
    true
}

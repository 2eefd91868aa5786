//! From a cluster to a connection to one of its endpoints: the layers of an attempt, for bytes.
//!
//! CircuitBreaker, Limit (of connections), Balance, Track and Retry as `stack.rs` has them, around one connect. That is all
//! of an attempt here: nothing has been sent when it fails, so it may always be made again, elsewhere. How long it took
//! is what is known of an endpoint's latency; in flight is a connection to its end.

use std::{rc::Rc, sync::Arc, time::Duration};

use bytes::BytesMut;
use outrigger_config::model::{Balancer, HashKey};
use smallvec::SmallVec;
use tokio::{io::AsyncReadExt, time::timeout};

use crate::{
    balance,
    circuit_breaker::Permit,
    clock,
    cluster::Cluster,
    downstream::Connection,
    endpoint::{Endpoint, Picked},
    error::{Error, Retryable},
    limits::connections::{Opening, Slot},
    outlier_detection::{Judgement, Verdict},
    proxy_protocol::{self, Addresses},
    snapshot::Fallback,
    stream::Stream,
    telemetry::{
        metrics::{AttemptResult, Label as _, OpenConnection, RetryOutcome, Side},
        trail::{Step, Trail},
    },
    tls::Offer,
    transparent::Meant,
    upstream,
    worker::Worker,
};

/// What is read of a greeting at once.
const GREETING: usize = 1024;

/// A connection to an endpoint, in flight there until dropped.
pub struct Connected {
    /// The connection.
    pub stream: Stream,
    /// Read before it was known what is done with it.
    pub first: BytesMut,
    _in_flight: Rc<InFlight>,
    _slot: Slot,
    _open: OpenConnection,
}

impl Connected {
    /// Waits until the endpoint says something, or ends it.
    pub async fn hear(&mut self) {
        self.first.reserve(GREETING);
        // What is wrong is met again when bytes are carried.
        let _heard = self.stream.read_buf(&mut self.first).await;
    }
}

/// A caller's way to an endpoint.
pub(super) struct Connecting<'a> {
    worker: &'a Rc<Worker>,
    ends: Addresses,
    /// What was decided, if anybody wants to know.
    pub(super) trail: Option<Trail>,
}

impl<'a> Connecting<'a> {
    /// Of the caller on `connection`; `logged`: somebody wants to know what was decided.
    pub(super) fn of(connection: &Connection, worker: &'a Rc<Worker>, logged: bool) -> Self {
        Self {
            worker,
            ends: connection.ends(),
            trail: logged.then(Trail::default),
        }
    }

    pub(super) fn note(&mut self, step: impl FnOnce() -> Step) {
        if let Some(trail) = &mut self.trail {
            trail.record(step());
        }
    }

    /// A connection to one of the endpoints of the cluster that is meant, of which so many are tried at most, or to the
    /// very one that is.
    pub(super) async fn connect(
        &mut self,
        meant: &Meant,
        attempts: u32,
    ) -> Result<Connected, Error> {
        let Meant { cluster, endpoint } = meant;
        let attempts = match endpoint {
            Some(_) => 1,
            None => attempts,
        };
        cluster.retries.request();
        let mut tried = SmallVec::<[u64; 2]>::new();
        let mut retrying = None;
        loop {
            let result = self.attempt(meant, &mut tried).await;
            let made = tried.len() as u32;
            let outcome = match &result {
                Ok(_) => RetryOutcome::Success,
                Err(error) if error.retryable() != Retryable::Unsent => return result,
                Err(_) if made >= attempts || !cluster.endpoints.untried(&tried) => {
                    RetryOutcome::Exhausted
                }
                Err(_) => {
                    retrying = retrying.or_else(|| cluster.limits.retry());
                    match retrying {
                        None => RetryOutcome::OverLimit,
                        Some(_) => {
                            cluster.retries.charge(clock::now());
                            self.note(|| Step::Retry);
                            continue;
                        }
                    }
                }
            };
            // What went well at once, or was never to be retried, is none.
            if attempts > 1 && (result.is_err() || retrying.is_some()) {
                cluster.metrics.retry(outcome);
            }
            return result;
        }
    }

    async fn attempt(
        &mut self,
        meant: &Meant,
        tried: &mut SmallVec<[u64; 2]>,
    ) -> Result<Connected, Error> {
        let (cluster, permit) = self.admit(&meant.cluster)?;
        let (endpoint, probe) = match &meant.endpoint {
            Some(endpoint) if Arc::ptr_eq(&cluster, &meant.cluster) => {
                self.note(|| pick(endpoint, false));
                (Arc::clone(endpoint), false)
            }
            _ => self.pick(&cluster, tried)?,
        };
        tried.push(endpoint.id);
        let slot = self.slot(&cluster, &endpoint).await?;
        let mut attempt = Attempt::begin(&cluster, &endpoint, probe, permit);
        let header = proxy_protocol::header(&cluster.config, self.ends);
        let made = upstream::connect::connect(
            endpoint.address,
            cluster.origin(Some(self.ends.source.ip())),
            header.as_deref(),
            cluster.tls.as_deref(),
            Offer::Nothing,
            cluster.config.connect_timeout,
        );
        match made.await {
            Ok((stream, _)) => {
                self.note(|| Step::Connected);
                Ok(Connected {
                    stream,
                    first: BytesMut::new(),
                    _in_flight: attempt.succeeded(),
                    _slot: slot,
                    _open: self.worker.metrics().connection(Side::Upstream),
                })
            }
            Err(error) => {
                self.note(|| Step::Error(error.reason()));
                attempt.failed(&error);
                Err(error)
            }
        }
    }

    /// The cluster, or the one that stands in for it while its circuit breaker is open.
    fn admit(
        &mut self,
        cluster: &Arc<Cluster>,
    ) -> Result<(Arc<Cluster>, Option<Box<Permit>>), Error> {
        let Some(breaker) = &cluster.circuit_breaker else {
            return Ok((Arc::clone(cluster), None));
        };
        let retry_after = match breaker.admit(clock::now()) {
            Ok(permit) => return Ok((Arc::clone(cluster), Some(permit))),
            Err(retry_after) => retry_after,
        };
        self.note(|| Step::Refused("circuit_breaker"));
        let name = &cluster.config.name;
        let fallback = self
            .worker
            .with_snapshot(|snapshot| snapshot.clusters.fallback(name).map(Arc::clone));
        let Some(Fallback::Cluster(other)) = fallback.as_deref() else {
            return Err(Error::CircuitOpen { retry_after });
        };
        self.note(|| Step::Fallback(Arc::clone(&other.config.name)));
        // Nothing stands in for one that stands in itself.
        let permit = other
            .circuit_breaker
            .as_ref()
            .map(|it| it.admit(clock::now()));
        match permit.transpose() {
            Ok(permit) => Ok((Arc::clone(other), permit)),
            Err(retry_after) => Err(Error::CircuitOpen { retry_after }),
        }
    }

    fn pick(&mut self, cluster: &Cluster, tried: &[u64]) -> Result<(Arc<Endpoint>, bool), Error> {
        let hash = match &cluster.config.balancer {
            Balancer::RingHash {
                key: HashKey::SourceAddress,
            }
            | Balancer::Maglev {
                key: HashKey::SourceAddress,
            } => Some(balance::hash_address(self.ends.source.ip())),
            // There is no header and no cookie.
            _ => None,
        };
        let rng = &mut self.worker.rng.borrow_mut();
        let picked = cluster.endpoints.pick(clock::now(), hash, tried, rng);
        let Picked {
            endpoint,
            locality,
            panic,
            probe,
        } = picked.ok_or(Error::NoEndpoint)?;
        if let Some(locality) = locality {
            cluster.metrics.zone(locality);
        }
        if panic {
            self.note(|| Step::Panic);
        }
        self.note(|| pick(&endpoint, probe));
        Ok((endpoint, probe))
    }

    /// A place among the connections of the cluster. One that has to wait does so for as long as a connect may take.
    async fn slot(&mut self, cluster: &Cluster, endpoint: &Endpoint) -> Result<Slot, Error> {
        let place = upstream::pool::place_outside(endpoint);
        let opening = cluster.limits.connections.open(place, clock::now());
        let slot = match opening {
            Opening::Slot(slot) => Some(slot),
            Opening::Wait(mut waiting) => timeout(cluster.config.connect_timeout, waiting.slot())
                .await
                .ok(),
            Opening::Refused => None,
        };
        slot.ok_or_else(|| {
            let limit = cluster.limits.no_connection();
            self.note(|| Step::Refused(limit.as_str()));
            limit.into()
        })
    }
}

/// A connect under way. Dropped before it has its verdict, it says nothing of the endpoint.
struct Attempt {
    at: Rc<InFlight>,
    judged: bool,
    permit: Option<Box<Permit>>,
    /// In microseconds.
    began: u64,
    probe: bool,
}

impl Attempt {
    fn begin(
        cluster: &Arc<Cluster>,
        endpoint: &Arc<Endpoint>,
        probe: bool,
        permit: Option<Box<Permit>>,
    ) -> Self {
        let began = clock::now();
        endpoint.load.begin();
        endpoint.load.ask(began, cluster.decay);
        Self {
            at: Rc::new(InFlight {
                cluster: Arc::clone(cluster),
                endpoint: Arc::clone(endpoint),
            }),
            judged: false,
            permit,
            began,
            probe,
        }
    }

    fn succeeded(&mut self) -> Rc<InFlight> {
        self.at.endpoint.load.answer(self.began, clock::now());
        self.judge(Verdict::Success, AttemptResult::Success);
        Rc::clone(&self.at)
    }

    fn failed(&mut self, error: &Error) {
        self.judge(Verdict::of_error(error), label(error));
        self.at.endpoint.load.give_up(self.began);
    }

    fn judge(&mut self, verdict: Verdict, result: AttemptResult) {
        self.judged = true;
        let InFlight { cluster, endpoint } = &*self.at;
        let now = clock::now();
        let took = Duration::from_micros(now.saturating_sub(self.began));
        let judgement = Judgement {
            verdict,
            took: (verdict != Verdict::Abandoned).then_some(took),
            probe: self.probe,
        };
        cluster.judge(endpoint, now, judgement);
        if let Some(permit) = &mut self.permit {
            permit.judge(now, verdict, judgement.took);
        }
        cluster.metrics.attempt(result, took);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.judged {
            self.judge(Verdict::Abandoned, AttemptResult::Cancelled);
            self.at.endpoint.load.give_up(self.began);
        }
    }
}

fn pick(endpoint: &Endpoint, probe: bool) -> Step {
    let estimate = endpoint.load.latency();
    Step::Pick {
        endpoint: endpoint.address,
        estimate: estimate.map(|range| Duration::from_secs_f32(range.high)),
        probe,
    }
}

fn label(error: &Error) -> AttemptResult {
    match error {
        Error::ConnectTimeout => AttemptResult::ConnectTimeout,
        _ => AttemptResult::ConnectFailure,
    }
}

/// Counts as in flight at its endpoint.
struct InFlight {
    cluster: Arc<Cluster>,
    endpoint: Arc<Endpoint>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.endpoint.load.end();
    }
}

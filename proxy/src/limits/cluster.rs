//! The limits of a cluster.

use std::sync::{Arc, Mutex, PoisonError};

use outrigger_config::model::{self, ConnectionLimit};

use super::{
    News, Notice,
    adaptive::Adaptive,
    connections::Connections,
    gate::{Gate, Permit},
};
use crate::{
    error::Error,
    telemetry::metrics::{ClusterLimit, ClusterLimitMetrics, Label as _, Registry},
};

/// See the module.
pub struct Limits {
    cluster: Arc<str>,
    pending: Option<ConnectionLimit>,
    requests: Option<Arc<Gate>>,
    retries: Option<Arc<Gate>>,
    /// The cap that follows latency.
    pub adaptive: Option<Arc<Adaptive>>,
    /// Counted with or without a cap: it may get one.
    pub connections: Arc<Connections>,
    metrics: ClusterLimitMetrics,
    notices: Arc<Mutex<[Notice; ClusterLimit::ALL.len()]>>,
}

/// What a request that was let through holds to its end.
pub struct Admitted {
    /// Of `requests`.
    pub request: Option<Permit>,
    /// Of `adaptive`, and how many there were with it.
    pub adaptive: Option<(Permit, u32)>,
}

/// What a retry that may be made holds to its end.
pub struct Retrying(pub Option<Permit>);

impl Limits {
    /// What is under way of `before` stays counted.
    pub fn new(
        config: &model::ClusterLimits,
        before: Option<&Self>,
        cluster: &Arc<str>,
        registry: &Registry,
    ) -> Self {
        let gate = Gate::carry_over;
        let adaptive = config.adaptive.map(|bounds| {
            let before = before.and_then(|before| before.adaptive.clone());
            let adaptive = before.unwrap_or_else(|| Adaptive::new(bounds));
            adaptive.set(bounds);
            adaptive
        });
        let connections = match before {
            Some(before) => {
                before.connections.set(config.connections);
                Arc::clone(&before.connections)
            }
            None => Connections::new(config.connections),
        };
        Self {
            cluster: Arc::clone(cluster),
            pending: config.connections,
            requests: gate(config.requests, before.and_then(|b| b.requests.as_ref())),
            retries: gate(config.retries, before.and_then(|b| b.retries.as_ref())),
            adaptive,
            connections,
            metrics: ClusterLimitMetrics::new(registry, Arc::clone(cluster)),
            notices: before.map_or_else(Arc::default, |before| Arc::clone(&before.notices)),
        }
    }

    /// Whether a request has to ask to be let through.
    pub fn asks(&self) -> bool {
        self.requests.is_some() || self.adaptive.is_some()
    }

    /// Whether a request may have to wait for a connection.
    pub fn may_wait(&self) -> bool {
        self.pending.is_some()
    }

    /// Lets a request through, or says which limit keeps it out.
    pub fn admit(&self) -> Result<Admitted, ClusterLimit> {
        let request = self.enter(self.requests.as_ref(), ClusterLimit::Requests)?;
        let adaptive = match &self.adaptive {
            None => None,
            Some(adaptive) => Some(
                adaptive
                    .enter()
                    .ok_or_else(|| self.refused(ClusterLimit::Adaptive))?,
            ),
        };
        Ok(Admitted { request, adaptive })
    }

    /// Lets a retry be made, or not.
    pub fn retry(&self) -> Option<Retrying> {
        let permit = self.enter(self.retries.as_ref(), ClusterLimit::Retries);
        permit.ok().map(Retrying)
    }

    /// There is no connection to be had, and too many wait for one.
    pub fn no_connection(&self) -> ClusterLimit {
        self.refused(match self.pending {
            Some(limit) if limit.pending > 0 => ClusterLimit::Pending,
            _ => ClusterLimit::Connections,
        })
    }

    /// Shows what is in use, and tells of limits that were reached. `now` in microseconds.
    pub fn tend(&self, now: u64) {
        if let Some(adaptive) = &self.adaptive {
            adaptive.tend(now);
            self.metrics.concurrency(adaptive.gate().cap());
        }
        for (limit, in_use, _) in self.in_use() {
            self.metrics.in_use(limit, in_use);
        }
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        for (limit, _, cap) in self.in_use() {
            let refused = self.metrics.refusals(limit).value();
            let (cluster, limit_name) = (&*self.cluster, limit.as_str());
            match notices[limit.index()].tend(now, refused) {
                Some(News::Begins(refused)) => {
                    tracing::warn!(
                        cluster,
                        limit = limit_name,
                        cap,
                        refused,
                        "a limit is reached"
                    );
                }
                Some(News::Over(refused)) => {
                    tracing::info!(
                        cluster,
                        limit = limit_name,
                        cap,
                        refused,
                        "a limit is free again"
                    );
                }
                None => {}
            }
        }
    }

    /// Each limit that there is, how many there are of what it bounds, and how many there may be.
    pub fn in_use(&self) -> impl Iterator<Item = (ClusterLimit, usize, u32)> {
        let (open, waiting) = match self.pending {
            Some(_) => self.connections.in_use(),
            None => (0, 0),
        };
        let gate = |gate: Option<&Gate>| gate.map(|gate| (gate.held() as usize, gate.cap()));
        let limits = [
            (
                ClusterLimit::Connections,
                self.pending.map(|limit| (open, limit.open)),
            ),
            (
                ClusterLimit::Pending,
                self.pending.map(|limit| (waiting, limit.pending)),
            ),
            (ClusterLimit::Requests, gate(self.requests.as_deref())),
            (ClusterLimit::Retries, gate(self.retries.as_deref())),
            (
                ClusterLimit::Adaptive,
                gate(self.adaptive.as_ref().map(|adaptive| adaptive.gate())),
            ),
        ];
        limits
            .into_iter()
            .filter_map(|(limit, counts)| counts.map(|(in_use, cap)| (limit, in_use, cap)))
    }

    fn enter(
        &self,
        gate: Option<&Arc<Gate>>,
        limit: ClusterLimit,
    ) -> Result<Option<Permit>, ClusterLimit> {
        match gate {
            None => Ok(None),
            Some(gate) => gate.enter().map(Some).ok_or_else(|| self.refused(limit)),
        }
    }

    fn refused(&self, limit: ClusterLimit) -> ClusterLimit {
        self.metrics.refusals(limit).increment();
        limit
    }
}

impl From<ClusterLimit> for Error {
    fn from(limit: ClusterLimit) -> Self {
        Self::LimitReached(limit.as_str())
    }
}

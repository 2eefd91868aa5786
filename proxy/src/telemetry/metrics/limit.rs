//! What limits and overload protection refuse, and how near to it things are.

use std::sync::Arc;

use super::{
    Counter, Gauge, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// A limit of a cluster.
    pub enum ClusterLimit {
        /// Connections to its endpoints.
        Connections = "connections",
        /// Requests that wait for one.
        Pending = "pending",
        /// Requests in flight.
        Requests = "requests",
        /// Retries among them.
        Retries = "retries",
        /// Requests in flight, by the cap that follows latency.
        Adaptive = "adaptive",
    }
}

labels! {
    /// A limit of a listener.
    pub enum ListenerLimit {
        /// Connections from callers.
        Connections = "connections",
        /// Requests in flight.
        Requests = "requests",
    }
}

labels! {
    /// What there was too much of.
    pub enum OverloadReason {
        /// Resident memory.
        Memory = "memory",
        /// Time that work waits for its worker.
        QueueingDelay = "queueing_delay",
    }
}

/// Of a cluster. Series are made when first used.
#[derive(Debug)]
pub struct ClusterLimitMetrics {
    registry: Registry,
    cluster: Arc<str>,
    refusals: ByLabel<ClusterLimit, Counter>,
    in_use: ByLabel<ClusterLimit, Gauge>,
    concurrency: std::sync::OnceLock<Gauge>,
}

impl ClusterLimitMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, cluster: Arc<str>) -> Self {
        Self {
            registry: registry.clone(),
            cluster,
            refusals: ByLabel::new(),
            in_use: ByLabel::new(),
            concurrency: std::sync::OnceLock::new(),
        }
    }

    /// Refusals by this limit.
    pub fn refusals(&self, limit: ClusterLimit) -> &Counter {
        let labels = |limit| [&*self.cluster, limit];
        self.refusals.get(limit, |limit| {
            self.registry
                .handle(&families::LIMIT_REFUSALS, labels(limit))
        })
    }

    /// How many there are now of what this limit bounds.
    pub fn in_use(&self, limit: ClusterLimit, count: usize) {
        let register = |limit| {
            self.registry
                .handle(&families::LIMIT_IN_USE, [&*self.cluster, limit])
        };
        self.in_use.get(limit, register).set(count as f64);
    }

    /// The cap that follows latency, as it is now.
    pub fn concurrency(&self, limit: u32) {
        let register = || {
            self.registry
                .handle(&families::CONCURRENCY_LIMIT, [&*self.cluster])
        };
        self.concurrency.get_or_init(register).set(f64::from(limit));
    }
}

/// Of a listener. Series are made when first used.
#[derive(Debug)]
pub struct ListenerLimitMetrics {
    registry: Registry,
    listener: Arc<str>,
    refusals: ByLabel<ListenerLimit, Counter>,
}

impl ListenerLimitMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, listener: Arc<str>) -> Self {
        Self {
            registry: registry.clone(),
            listener,
            refusals: ByLabel::new(),
        }
    }

    /// Refusals by this limit.
    pub fn refusals(&self, limit: ListenerLimit) -> &Counter {
        self.refusals.get(limit, |limit| {
            let labels = [&*self.listener, limit];
            self.registry.handle(&families::LISTENER_REFUSALS, labels)
        })
    }
}

/// Of the process.
#[derive(Debug)]
pub struct OverloadMetrics {
    registry: Registry,
    refusals: ByLabel<OverloadReason, Counter>,
    delay: Gauge,
}

impl OverloadMetrics {
    /// Shows the delay from the start.
    pub fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            refusals: ByLabel::new(),
            delay: registry.handle(&families::WORKER_DELAY, []),
        }
    }

    /// Refusals for this reason.
    pub fn refusals(&self, reason: OverloadReason) -> &Counter {
        self.refusals.get(reason, |reason| {
            self.registry.handle(&families::OVERLOAD_REFUSALS, [reason])
        })
    }

    /// How late the latest worker is, in seconds.
    pub fn delay(&self, seconds: f64) {
        self.delay.set(seconds);
    }
}

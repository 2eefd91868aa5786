//! What filters did to requests, by the route that has them; of a listener's own rate limit, by the listener.

use std::sync::{Arc, OnceLock};

use super::{
    Counter, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// What a fault did.
    pub enum FaultKind {
        /// It held a request up.
        Delay = "delay",
        /// It ended a request.
        Abort = "abort",
    }
}

/// Series are made when first used: what refuses nobody is none.
#[derive(Debug)]
pub struct FilterMetrics {
    registry: Registry,
    /// The listener's name.
    pub listener: Arc<str>,
    /// The route's; empty for the listener itself.
    pub route: Arc<str>,
    rate_limited: OnceLock<Counter>,
    faults: ByLabel<FaultKind, Counter>,
}

impl FilterMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, listener: Arc<str>, route: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            registry: registry.clone(),
            listener,
            route,
            rate_limited: OnceLock::new(),
            faults: ByLabel::new(),
        })
    }

    /// A request was refused by a rate limit.
    pub fn rate_limited(&self) {
        let labels = [&*self.listener, &*self.route];
        let register = || self.registry.handle(&families::RATE_LIMITED, labels);
        self.rate_limited.get_or_init(register).increment();
    }

    /// A request met trouble made on purpose.
    pub fn fault(&self, kind: FaultKind) {
        let register = |label| {
            let labels = [&*self.listener, &*self.route, label];
            self.registry.handle(&families::FAULTS, labels)
        };
        self.faults.get(kind, register).increment();
    }
}

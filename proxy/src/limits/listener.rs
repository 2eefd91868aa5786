//! The limits of a listener.

use std::sync::{Arc, Mutex, PoisonError};

use outrigger_config::model;

use super::{
    News, Notice,
    gate::{Gate, Permit},
};
use crate::telemetry::metrics::{Label as _, ListenerLimit, ListenerLimitMetrics, Registry};

/// See the module.
pub struct ListenerLimits {
    listener: Arc<str>,
    connections: Option<Arc<Gate>>,
    requests: Option<Arc<Gate>>,
    metrics: ListenerLimitMetrics,
    notices: Arc<Mutex<[Notice; ListenerLimit::ALL.len()]>>,
}

impl ListenerLimits {
    /// What is under way of `before` stays counted.
    pub fn new(
        config: &model::ListenerLimits,
        before: Option<&Self>,
        listener: &Arc<str>,
        registry: &Registry,
    ) -> Self {
        Self {
            listener: Arc::clone(listener),
            connections: Gate::carry_over(
                config.connections,
                before.and_then(|before| before.connections.as_ref()),
            ),
            requests: Gate::carry_over(
                config.requests,
                before.and_then(|before| before.requests.as_ref()),
            ),
            metrics: ListenerLimitMetrics::new(registry, Arc::clone(listener)),
            notices: before.map_or_else(Arc::default, |before| Arc::clone(&before.notices)),
        }
    }

    /// Lets a connection in, or not.
    pub fn connect(&self) -> Result<Option<Permit>, ListenerLimit> {
        self.enter(self.connections.as_ref(), ListenerLimit::Connections)
    }

    /// Lets a request in, or not.
    pub fn request(&self) -> Result<Option<Permit>, ListenerLimit> {
        self.enter(self.requests.as_ref(), ListenerLimit::Requests)
    }

    /// Tells of limits that were reached. `now` in microseconds.
    pub fn tend(&self, now: u64) {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        for (limit, gate) in [
            (ListenerLimit::Connections, &self.connections),
            (ListenerLimit::Requests, &self.requests),
        ] {
            let Some(gate) = gate else { continue };
            let refused = self.metrics.refusals(limit).value();
            let (listener, cap) = (&*self.listener, gate.cap());
            let limit_name = limit.as_str();
            match notices[limit.index()].tend(now, refused) {
                Some(News::Begins(refused)) => {
                    tracing::warn!(
                        listener,
                        limit = limit_name,
                        cap,
                        refused,
                        "a limit is reached"
                    );
                }
                Some(News::Over(refused)) => {
                    tracing::info!(
                        listener,
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

    fn enter(
        &self,
        gate: Option<&Arc<Gate>>,
        limit: ListenerLimit,
    ) -> Result<Option<Permit>, ListenerLimit> {
        match gate {
            None => Ok(None),
            Some(gate) => gate.enter().map(Some).ok_or_else(|| {
                self.metrics.refusals(limit).increment();
                limit
            }),
        }
    }
}

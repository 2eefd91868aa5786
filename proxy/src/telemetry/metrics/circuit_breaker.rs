//! What a cluster's circuit breaker does.

use std::sync::Arc;

use super::{
    Counter, Gauge, Label, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// What a breaker does with requests.
    pub enum BreakerState {
        /// Lets all through.
        Closed = "closed",
        /// Lets none through.
        Open = "open",
        /// Lets some through, to see.
        HalfOpen = "half_open",
    }
}

/// Of one cluster that has a breaker.
#[derive(Debug)]
pub struct CircuitBreakerMetrics {
    registry: Registry,
    cluster: Arc<str>,
    states: Vec<Gauge>,
    transitions: ByLabel<BreakerState, Counter>,
    refusals: Counter,
}

impl CircuitBreakerMetrics {
    /// Shown from the start: that a breaker is closed is an answer, too.
    pub fn new(registry: &Registry, cluster: Arc<str>) -> Self {
        let states = BreakerState::ALL.iter().map(|state| {
            registry.handle(&families::CIRCUIT_BREAKER_STATE, [&cluster, state.as_str()])
        });
        Self {
            registry: registry.clone(),
            states: states.collect(),
            transitions: ByLabel::new(),
            refusals: registry.handle(&families::CIRCUIT_BREAKER_REFUSALS, [&cluster]),
            cluster,
        }
    }

    /// It is in this state.
    pub fn state(&self, now: BreakerState) {
        for (&state, gauge) in BreakerState::ALL.iter().zip(&self.states) {
            gauge.set(if state == now { 1.0 } else { 0.0 });
        }
    }

    /// It came to this state from another.
    pub fn changed(&self, to: BreakerState) {
        self.state(to);
        let register = |label| {
            self.registry.handle(
                &families::CIRCUIT_BREAKER_TRANSITIONS,
                [&self.cluster, label],
            )
        };
        self.transitions.get(to, register).increment();
    }

    /// It did not let an attempt through.
    pub fn refused(&self) {
        self.refusals.increment();
    }
}

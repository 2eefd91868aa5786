//! Whom rules let in and whom not, by where the rules stand.

use std::sync::Arc;

use super::{
    Counter, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// What became of a caller.
    pub enum Decision {
        /// It was let in.
        Allowed = "allowed",
        /// It was refused.
        Denied = "denied",
        /// It was let in, and would be refused but for `dry_run`.
        DryRunDenied = "dry_run_denied",
    }
}

/// Series are made when first used.
#[derive(Debug)]
pub struct AuthorizationMetrics {
    registry: Registry,
    /// The listener's name.
    pub listener: Arc<str>,
    /// The route's; empty for the listener itself.
    pub route: Arc<str>,
    decisions: ByLabel<Decision, Counter>,
}

impl AuthorizationMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, listener: Arc<str>, route: Arc<str>) -> Self {
        Self {
            registry: registry.clone(),
            listener,
            route,
            decisions: ByLabel::new(),
        }
    }

    /// This was decided.
    pub fn decided(&self, decision: Decision) {
        let register = |label| {
            let labels = [&*self.listener, &*self.route, label];
            self.registry.handle(&families::AUTHORIZATION, labels)
        };
        self.decisions.get(decision, register).increment();
    }
}

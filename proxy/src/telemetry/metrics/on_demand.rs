//! Hosts that the table has no cluster for, and what the control plane says to them.

use super::{
    Counter, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// What a request for such a host was told. The better an answer, the later it stands.
    pub enum Answer {
        /// There is no such cluster.
        Denied = "denied",
        /// Too many others are being asked for.
        Full = "full",
        /// None in time.
        Silent = "silent",
        /// There is one, and it is in the table now.
        Found = "found",
    }
}

/// One for the process, if it has a control plane.
#[derive(Debug)]
pub struct OnDemandMetrics {
    registry: Registry,
    answers: ByLabel<Answer, Counter>,
}

impl OnDemandMetrics {
    /// Nothing is shown before the first such host.
    pub fn new(registry: &Registry) -> Self {
        Self {
            registry: registry.clone(),
            answers: ByLabel::new(),
        }
    }

    /// A request was told this.
    pub fn answer(&self, answer: Answer) {
        let register = |label| self.registry.handle(&families::ON_DEMAND, [label]);
        self.answers.get(answer, register).increment();
    }
}

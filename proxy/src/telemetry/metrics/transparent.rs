//! What transparent listeners turn away.

use std::sync::Arc;

use super::{
    Counter, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// Why a connection is not taken.
    pub enum Refusal {
        /// It was meant for the listener itself: no rule sent it there.
        Direct = "direct",
        /// The proxy itself had made it.
        Loop = "loop",
        /// The port is none that may be called.
        Port = "port",
        /// No cluster is meant by its address or host.
        Unknown = "unknown",
    }
}

impl Refusal {
    /// For the log: what it says of the rules, or of the table.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Direct => "nobody is meant to call this listener by its own address",
            Self::Loop => {
                "the proxy's own connections come back to it; does it run as the user that `outrigger init` was told?"
            }
            Self::Port => "the port is not among `ports`",
            Self::Unknown => "no cluster is meant, and `unknown` is `refuse`",
        }
    }
}

/// Of a listener. Series are made when first used.
#[derive(Debug)]
pub struct TransparentMetrics {
    registry: Registry,
    listener: Arc<str>,
    refusals: ByLabel<Refusal, Counter>,
}

impl TransparentMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, listener: Arc<str>) -> Self {
        Self {
            registry: registry.clone(),
            listener,
            refusals: ByLabel::new(),
        }
    }

    /// Connections that were refused for this.
    pub fn refused(&self, refusal: Refusal) -> &Counter {
        self.refusals.get(refusal, |reason| {
            let labels = [&*self.listener, reason];
            self.registry
                .handle(&families::TRANSPARENT_REFUSALS, labels)
        })
    }
}

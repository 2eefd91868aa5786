//! What the client has to do with the process it is in.

use std::sync::Arc;

use outrigger_config::model::{Listener, Transparent};

use super::resources::Admit;
use crate::{
    downstream::accept::{bind, may_take},
    handover::Reserved,
    worker::Shared,
};

/// The table in force, and those who wait for another.
#[derive(Clone)]
pub struct Here {
    /// With the workers.
    pub shared: Arc<Shared>,
    /// Addresses that were bound for this process by another.
    pub reserved: Reserved,
}

impl Here {
    /// All of it.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether a cluster is in the table.
    pub fn has(&self, cluster: &str) -> bool {
        self.shared
            .snapshot
            .load()
            .clusters
            .named(cluster)
            .is_some()
    }

    /// Whether a cluster was used since the last time that this was asked; `None`: it is not in the table.
    pub fn used(&self, cluster: &str) -> Option<bool> {
        let snapshot = self.shared.snapshot.load();
        let cluster = snapshot.clusters.named(cluster)?;
        Some(cluster.was_used_by_host())
    }

    /// The control plane has said whether there is such a cluster; if there is, it is in the table.
    pub fn answered(&self, cluster: &str, found: bool) {
        if let Some(on_demand) = &self.shared.on_demand {
            on_demand.answered(cluster, found);
        }
    }
}

impl Admit for Here {
    /// A control plane hears at once of an address that can't be had: tried here, bound when the table comes into force.
    fn admit(&self, listener: &Listener) -> Result<(), String> {
        let address = listener.address;
        let capture = listener.transparent.as_ref().map(Transparent::by);
        let held = self.shared.snapshot.load().listener(address).is_some();
        if held || self.reserved.has(address) {
            return may_take(capture).map_err(|error| error.to_string());
        }
        let bound = bind(address, 1, capture).map(drop);
        bound.map_err(|error| error.to_string())
    }
}

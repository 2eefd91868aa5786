//! What the client has to know of the process it is in.

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;

use super::resources::Admit;
use crate::{downstream::accept::bind, snapshot::Snapshot};

/// The table in force.
pub struct Here(pub Arc<ArcSwap<Snapshot>>);

impl Here {
    /// How many attempts at a cluster have begun so far; `None`: it is not in the table.
    pub fn uses(&self, cluster: &str) -> Option<u64> {
        let snapshot = self.0.load();
        Some(snapshot.cluster(cluster)?.attempts_begun())
    }
}

impl Admit for Here {
    /// A control plane hears at once of an address that can't be had: tried here, bound when the table comes into force.
    fn admit(&self, address: SocketAddr) -> Result<(), String> {
        if self.0.load().listener(address).is_some() {
            return Ok(());
        }
        let bound = bind(address, 1).map(drop);
        bound.map_err(|error| error.to_string())
    }
}

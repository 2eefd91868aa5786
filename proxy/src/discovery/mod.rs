//! Where tables and endpoints come from, and how changes are noticed. All of it runs on the control thread.

pub mod answer;
#[cfg(feature = "dns")]
mod dns;
pub mod file;

use std::sync::Arc;

use outrigger_config::model::Endpoints;
use tokio::task::AbortHandle;

use crate::{
    snapshot::{Cluster, Snapshot},
    status::Status,
};

/// Follows the names of the clusters that have their endpoints from DNS.
#[derive(Default)]
pub struct Discovery {
    following: Vec<(Arc<Cluster>, Abort)>,
}

/// Ends a task when dropped.
struct Abort(AbortHandle);

impl Drop for Abort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Discovery {
    /// Follows the clusters of this snapshot, and no others. One that did not change is followed on.
    pub fn follow(&mut self, snapshot: &Snapshot, status: &Arc<Status>) {
        let named = |cluster: &&Arc<Cluster>| matches!(cluster.config.endpoints, Endpoints::Dns(_));
        let mut before = std::mem::take(&mut self.following);
        for cluster in snapshot.clusters.iter().filter(named) {
            let kept = before
                .iter()
                .position(|(known, _)| Arc::ptr_eq(known, cluster));
            let following = match kept {
                Some(kept) => before.swap_remove(kept),
                None => (Arc::clone(cluster), start(cluster, status)),
            };
            self.following.push(following);
        }
    }
}

#[cfg(feature = "dns")]
fn start(cluster: &Arc<Cluster>, status: &Arc<Status>) -> Abort {
    let first = status.resolving();
    Abort(tokio::spawn(dns::follow(Arc::clone(cluster), first)).abort_handle())
}

#[cfg(not(feature = "dns"))]
fn start(cluster: &Arc<Cluster>, _: &Arc<Status>) -> Abort {
    tracing::error!(cluster = %cluster.config.name, "built without DNS: the cluster has no endpoints");
    Abort(tokio::spawn(async {}).abort_handle())
}

//! The proxy as a client of a control plane: tables by xDS, in place of a file or on top of it.
//!
//! ```text
//! connect -> stream -> session -> resources -> assembly -> table -> (app: the table in force)
//!                                     ^            |          \-> last_good: the disk
//! on_demand -> demand ----------------+---- wanted -
//! ```
//!
//! All of it runs on the control thread. `session`, `resources`, `assembly`, `demand` and `failover` are sans-IO: what came
//! and what time it is is passed in. [`client`] is the task that drives them. What the proxy serves never depends on the
//! control plane being there: it has the last table in memory, and on the disk for the next start.

mod assembly;
mod client;
mod connect;
mod demand;
mod failover;
mod here;
mod last_good;
pub mod node;
pub mod on_demand;
mod resources;
mod server;
mod session;
mod standing;
mod stream;
mod table;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use crate::{
    snapshot::Snapshot,
    telemetry::metrics::{ControlMetrics, Registry},
};
use client::Client;
use on_demand::{OnDemand, Wanted};

pub use node::Node;
pub use server::Server;
pub use standing::Standing;
pub use table::{Merged, Table};

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// In the order in which they are tried at first; never empty.
    pub servers: Vec<Server>,
    /// Who we are.
    pub node: Node,
    /// Where the last table is kept; `None`: nowhere.
    pub cache: Option<PathBuf>,
    /// How long a cluster is kept that no route names and nobody uses.
    pub keep_unused: Duration,
}

/// Tables as they come.
pub struct Control {
    /// The last one.
    pub tables: watch::Receiver<Arc<Table>>,
    /// How things stand.
    pub standing: Arc<Standing>,
}

/// The table that was kept, if there is one and it is unhurt. Says in the log why not.
pub fn last_good(cache: Option<&Path>) -> Table {
    let Some(path) = cache.map(last_good::path) else {
        return Table::default();
    };
    match last_good::load(&path) {
        Ok(Some(table)) => {
            tracing::info!(path = %path.display(), version = %table.version, "begins with the table on the disk");
            table
        }
        Ok(None) => Table::default(),
        Err(error) => {
            tracing::error!(path = %path.display(), "the table on the disk is not used: {error}");
            Table::default()
        }
    }
}

impl Control {
    /// Begins to live from control planes. `begin` is the table to begin with, `snapshot` the table in force.
    pub fn start(
        options: Options,
        begin: Table,
        snapshot: Arc<ArcSwap<Snapshot>>,
        on_demand: (Arc<OnDemand>, Wanted),
        registry: &Registry,
    ) -> Self {
        let Options { servers, node, cache, keep_unused } = options;
        let standing = Arc::new(Standing::new(servers.iter().map(ToString::to_string)));
        let metrics = ControlMetrics::new(registry);
        let assembly = assembly::Assembly::of(&begin);
        let mut demand = demand::Demand::new(keep_unused);
        for name in assembly.unnamed() {
            demand.want(name, crate::clock::now());
        }
        let version = Arc::clone(&begin.version);
        let (sender, tables) = watch::channel(Arc::new(begin));
        if let Some(cache) = cache {
            let path = last_good::path(&cache);
            tokio::spawn(last_good::follow(path, sender.subscribe()));
        }
        let (on_demand, wanted) = on_demand;
        let client = Client {
            failover: failover::Failover::new(servers.len()),
            servers,
            node,
            here: here::Here(snapshot),
            on_demand,
            wanted,
            demand,
            standing: Arc::clone(&standing),
            metrics,
            assembly,
            tables: sender,
            resources: resources::Resources::default(),
            habits: client::Habits::default(),
            uses: std::collections::HashMap::new(),
            version,
            pace: client::Pace::default(),
        };
        tokio::spawn(client.run());
        Self { tables, standing }
    }
}

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
mod last_words;
pub mod node;
pub mod on_demand;
mod report;
mod resources;
mod server;
mod session;
mod standing;
mod stream;
mod table;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use outrigger_entrance::Caller;
use tokio::sync::watch;

use crate::telemetry::metrics::ControlMetrics;
use client::Client;
use on_demand::Wanted;

pub use here::Here;
pub use node::Node;
pub use report::Counts;
pub use server::Server;
pub use standing::Standing;
pub use table::{Merged, Table};

/// What the command line says.
#[derive(Clone, Debug)]
pub struct Options {
    /// In the order in which they are tried at first; never empty.
    pub servers: Vec<Server>,
    /// What they are shown, and who vouches for them.
    pub caller: Caller,
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
    standing: Arc<Standing>,
    metrics: ControlMetrics,
    here: Here,
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
    /// Begins to live from control planes, with this table.
    pub fn start(
        options: Options,
        begin: Table,
        wanted: Wanted,
        here: Here,
        standing: &Arc<Standing>,
    ) -> Self {
        let metrics = ControlMetrics::new(&here.shared().telemetry.registry);
        let (tables, received) = watch::channel(Arc::new(begin));
        if let Some(directory) = &options.cache {
            let path = last_good::path(directory);
            tokio::spawn(last_good::follow(path, tables.subscribe()));
        }
        let client = Client::new(options, wanted, tables, Arc::clone(standing), here.clone());
        tokio::spawn(client.run());
        Self {
            tables: received,
            standing: Arc::clone(standing),
            metrics,
            here,
        }
    }

    /// A table is in force, but for what is left out, a sentence each.
    pub fn in_force(&self, table: &Table, left_out: &[String]) {
        if self.standing.in_force(table, left_out) {
            for why in left_out {
                tracing::warn!("left out of what the control plane says: {why}");
            }
        }
        if let Some(since) = table.since {
            self.metrics.table(&table.version, since);
        }
        let here = &self.here;
        for name in table.on_demand.iter().filter(|name| here.has(name)) {
            here.answered(name, true);
        }
    }
}

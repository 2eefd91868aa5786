//! The control plane under a fleet: real ADS streams of a thousand proxies, a change, and the time until all have it.
//!
//! The proxies here are streams and no more: they ask and acknowledge as a proxy does, and note when what arrives. They
//! share the machine with the control plane, so the times are upper bounds.

mod client;
mod fleet;
mod ledger;
mod page;
mod server;
mod tables;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use tokio::{
    task::LocalSet,
    time::{interval, sleep},
};

use crate::process::tree;
use fleet::Fleet;
use ledger::{Arrivals, Ledger};
use page::Outcome;
use server::Server;
pub use server::program;
use tables::Tables;

/// Between two changes that have the fleet for themselves.
const QUIET: Duration = Duration::from_millis(250);

/// How long the last change of a phase may take to everybody.
const LIMIT: Duration = Duration::from_secs(30);

/// What `outrigger-bench control` takes.
#[derive(clap::Args, Clone)]
pub struct Arguments {
    /// Proxies that are connected
    #[arg(long, default_value_t = 1000)]
    proxies: usize,
    /// Clusters of the tables
    #[arg(long, default_value_t = 1000)]
    clusters: usize,
    /// Endpoints of each cluster
    #[arg(long, default_value_t = 10)]
    endpoints: usize,
    /// Clusters that each proxy uses
    #[arg(long, default_value_t = 10)]
    uses: usize,
    /// Every proxy takes everything
    #[arg(long)]
    wildcard: bool,
    /// Files that the clusters are spread over
    #[arg(long, default_value_t = 100)]
    files: usize,
    /// Changes that are measured one by one
    #[arg(long, default_value_t = 40)]
    changes: u32,
    /// Changes a second of the busy time
    #[arg(long, default_value_t = 100)]
    rate: u32,
    /// How long that lasts
    #[arg(long, value_parser = humantime::parse_duration, default_value = "10s")]
    busy: Duration,
    /// Write the page that shows the figures, of proxies that use some and of those that take everything
    #[arg(long, value_name = "FILE", num_args = 0..=1,
          default_missing_value = concat!(env!("CARGO_MANIFEST_DIR"), "/CONTROL.md"))]
    page: Option<PathBuf>,
}

/// Measures, and prints what came out.
pub async fn run(arguments: Arguments) -> Result<()> {
    let Some(path) = &arguments.page else {
        let outcome = LocalSet::new().run_until(measure(&arguments)).await?;
        println!("{}", page::text(&arguments, &outcome));
        return Ok(());
    };
    let mut page = page::head(&arguments)?;
    for wildcard in [false, true] {
        let arguments = Arguments {
            wildcard,
            ..arguments.clone()
        };
        let outcome = LocalSet::new().run_until(measure(&arguments)).await?;
        let text = page::text(&arguments, &outcome);
        println!("{text}");
        page.push_str(&text);
    }
    fs::write(path, page).with_context(|| format!("writing `{}`", path.display()))
}

async fn measure(arguments: &Arguments) -> Result<Outcome> {
    let ledger = Ledger::default();
    let mut tables = Tables::new(arguments.clusters, arguments.endpoints, arguments.files)?;
    let server = Server::start(tables.directory()).await?;
    let idle = tree::resident(server.id()?)?;
    let fleet = Fleet::connect(arguments, server.xds, &ledger).await?;
    let connected = ledger.bytes();
    let memory = tree::resident(server.id()?)?;

    let mut quiet = Vec::new();
    for _ in 0..arguments.changes {
        sleep(QUIET).await;
        quiet.push(change(&mut tables, &fleet, &ledger)?);
    }
    let quiet = ledger.arrivals(&quiet, LIMIT).await;

    let before = tree::cpu(server.id()?)?;
    let mut busy = Vec::new();
    let mut beat = interval(Duration::from_secs(1) / arguments.rate.max(1));
    for _ in 0..(arguments.busy.as_secs_f64() * f64::from(arguments.rate)) as u32 {
        beat.tick().await;
        busy.push(change(&mut tables, &fleet, &ledger)?);
    }
    let busy = ledger.arrivals(&busy, LIMIT).await;
    let spent = tree::cpu(server.id()?)? - before;
    Ok(Outcome {
        idle,
        memory,
        after: tree::resident(server.id()?)?,
        all_connected: fleet.took(),
        connected,
        quiet,
        busy,
        cpu: (spent.user() + spent.system()) / 1e6 / arguments.busy.as_secs_f64(),
    })
}

/// One endpoint of the next cluster moves. The serial number of the change is its new port.
fn change(tables: &mut Tables, fleet: &Fleet, ledger: &Ledger) -> Result<u32> {
    let (serial, cluster) = tables.next();
    ledger.expect(serial, cluster, fleet.users(cluster));
    tables.write(cluster)?;
    Ok(serial)
}

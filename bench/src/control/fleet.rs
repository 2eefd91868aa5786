//! A fleet: real ADS streams of a thousand proxies, a change, and the time until all have it.
//!
//! The proxies here are streams and no more: they ask and acknowledge as a proxy does, and note when what arrives. They
//! share the machine with the control plane, so the times are upper bounds.

mod client;
mod ledger;
mod streams;
mod tables;
mod text;

use std::time::Duration;

use anyhow::Result;
use tokio::time::{interval, sleep};

use super::{
    page::{Page, Section},
    server::Server,
};
use crate::process::tree;
use ledger::{Arrivals, Ledger};
use streams::Fleet;
use tables::Tables;
use text::Outcome;

/// Between two changes that have the fleet for themselves.
const QUIET: Duration = Duration::from_millis(250);

/// How long the last change of a phase may take to everybody.
const LIMIT: Duration = Duration::from_secs(30);

/// What `outrigger-bench control fleet` takes.
#[derive(clap::Args, Clone)]
pub(super) struct Arguments {
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
    /// First some that use a few, then some that take everything
    #[arg(long, conflicts_with = "wildcard")]
    both: bool,
    #[command(flatten)]
    page: Page,
}

/// Measures.
pub(super) async fn run(arguments: Arguments) -> Result<()> {
    let entry = arguments.page.begin(Section::Fleet)?;
    let mut text = text::head(&arguments);
    let forms = match arguments.both {
        true => vec![false, true],
        false => vec![arguments.wildcard],
    };
    for wildcard in forms {
        let arguments = Arguments {
            wildcard,
            ..arguments.clone()
        };
        let outcome = measure(&arguments).await?;
        text.push_str(&text::of(&arguments, &outcome));
    }
    entry.end(&text)
}

async fn measure(arguments: &Arguments) -> Result<Outcome> {
    let ledger = Ledger::default();
    let mut tables = Tables::new(arguments.clusters, arguments.endpoints, arguments.files)?;
    let mut server = Server::new(&tables.directory())?;
    server.start()?;
    server.serves().await?;
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

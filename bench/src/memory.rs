//! What the proxies hold: at rest, for each connection at rest, for readers that are slow, and after a crowd has left.
//!
//! Private memory is what counts a connection by: resident memory has pages of the program in it, which come in as code first
//! runs, and which other processes may share. What the kernel holds for sockets is in neither.

mod footprint;
mod hold;
mod page;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use rustix::process::{Resource, getrlimit};
use tokio::task::LocalSet;

use crate::{
    compare,
    peer::{PEERS, Peer},
    stand::{Endpoints, Stand},
};
use hold::Rest;
use page::Row;

/// Descriptors of a process that are not those of its callers: endpoints, files, and what HAProxy counts for its own.
const OTHERS: u64 = 500;

/// What `outrigger-bench memory` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Whom to measure, such as `outrigger,nginx`; all by default
    #[arg(long, value_delimiter = ',')]
    proxies: Vec<Peer>,
    /// Connections at rest, of each kind
    #[arg(long, default_value_t = 4000)]
    connections: usize,
    /// How long they rest before it is looked at memory
    #[arg(long, value_parser = humantime::parse_duration, default_value = "8s")]
    rest: Duration,
    /// Connections that come and go together; fewer where descriptors are
    #[arg(long, default_value_t = 10_000)]
    crowd: usize,
    /// How long after they have left it is looked at memory
    #[arg(long, value_parser = humantime::parse_duration, default_value = "60s")]
    later: Duration,
    /// Readers that are slow
    #[arg(long, default_value_t = 500)]
    readers: usize,
    /// Where the page goes that shows it; written when all were measured
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/MEMORY.md"))]
    page: PathBuf,
}

impl Arguments {
    /// A proxy has a descriptor for each caller, and one for an endpoint as long as it asks that; HAProxy wants both
    /// beforehand.
    fn crowd(&self) -> usize {
        let most = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let most = most.saturating_sub(OTHERS) / 2;
        self.crowd.min(usize::try_from(most).unwrap_or(usize::MAX))
    }
}

/// Measures one proxy after the other, and writes what came out.
pub async fn run(arguments: Arguments) -> Result<()> {
    let peers = compare::wanted(&PEERS, &arguments.proxies)?;
    let is_whole = peers.len() == PEERS.len();
    let head = page::head(&peers, &arguments)?;
    let measured = async {
        let endpoints = Endpoints::start(&[&["--name", "a"], &["--name", "b"]]).await?;
        let mut rows = Vec::new();
        for &(peer, _) in &peers {
            let row = measure(peer, &endpoints, &arguments).await;
            rows.push(row.with_context(|| format!("measuring {}", peer.name()))?);
        }
        anyhow::Ok(rows)
    };
    let rows = LocalSet::new().run_until(Box::pin(measured)).await?;
    let tables = page::tables(&rows, &arguments);
    println!("{tables}");
    if is_whole {
        let path = &arguments.page;
        fs::write(path, head + &tables).with_context(|| format!("writing `{}`", path.display()))?;
    }
    Ok(())
}

async fn measure(peer: Peer, endpoints: &Endpoints, arguments: &Arguments) -> Result<Row> {
    let start = async |job| Stand::start(peer, &job, &endpoints.addresses, &[]).await;
    let rest = arguments.rest;
    let mut at_rest = Vec::new();
    for kind in Rest::ALL {
        let stand = start(kind.job(arguments.connections)).await?;
        let held = hold::at_rest(stand, arguments.connections, rest).await?;
        eprintln!("  {}, {}: {held}", peer.name(), kind.name());
        at_rest.push(held);
    }
    let readers = start(Rest::Http1.job(arguments.readers)).await?;
    let readers = hold::by_readers(readers, arguments.readers, rest).await?;
    eprintln!("  {}, readers: {readers}", peer.name());
    let crowd = start(Rest::Http1.job(arguments.crowd())).await?;
    let crowd = hold::after_a_crowd(crowd, arguments.crowd(), arguments.later).await?;
    eprintln!("  {}, crowd: {crowd}", peer.name());
    Ok(Row {
        peer,
        at_rest,
        readers,
        crowd,
    })
}

//! On demand: the memory of a proxy follows what it uses of a table, and not what there is.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use tokio::time::sleep;

use super::{
    page::{Page, Section},
    proxy::Proxy,
    server::Server,
    tables,
};
use crate::{
    job::SMALL_GET,
    load::{Fleet, Pace, Plan},
    stand::{Endpoints, scratch},
};

/// Endpoints of each cluster. All clusters have the same.
const ENDPOINTS: usize = 10;

/// Requests to each cluster that is used.
const REQUESTS: u64 = 50;

/// On so many connections.
const CONNECTIONS: usize = 4;

/// What `outrigger-bench control memory` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Clusters of the table
    #[arg(long, default_value_t = 1000)]
    clusters: usize,
    /// Clusters that are used, one measure after another
    #[arg(long, value_delimiter = ',', default_value = "1,10,100")]
    uses: Vec<usize>,
    /// How long the proxy is left alone before its memory is looked at
    #[arg(long, value_parser = humantime::parse_duration, default_value = "5s")]
    settle: Duration,
    #[command(flatten)]
    page: Page,
}

/// KiB of a process.
#[derive(Clone, Copy)]
struct Resident {
    /// All of it.
    all: u64,
    /// What it allocated: without pages of the program, which come in as code first runs.
    own: u64,
}

/// Measures.
pub(super) async fn run(arguments: Arguments) -> Result<()> {
    let entry = arguments.page.begin(Section::Memory)?;
    let directory = scratch()?;
    let endpoints = Endpoints::start(&[&[] as &[&str]; ENDPOINTS]).await?;
    let path = directory.path().join("tables");
    let mut server = Server::new(&path)?;
    let mut proxy = Proxy::new("sidecar", server.xds, directory.path())?;
    write(&path, &proxy, &arguments, &endpoints)?;
    server.start()?;
    server.serves().await?;
    proxy.start()?;
    proxy.becomes_ready().await?;
    sleep(arguments.settle).await;
    let idle = Resident::of(proxy.id()?)?;

    let mut text = format!(
        "A sidecar's listener sends each request to the cluster of its host's name, of {} clusters with {ENDPOINTS} endpoints \
         each. The same proxy uses more and more of them, {REQUESTS} requests to each. Resident memory, {:?} after the last \
         request, with the connections that are kept to the endpoints; its own is what it allocated, the rest is pages of the \
         program, which come in as code first runs.\n\n\
         | clusters used | resident KiB | over idle | its own KiB | over idle |\n|---|--:|--:|--:|--:|\n\
         | none | {} | | {} | |\n",
        arguments.clusters, arguments.settle, idle.all, idle.own
    );
    let mut used = 0;
    for &upto in &arguments.uses {
        for cluster in used..upto.min(arguments.clusters) {
            call(&proxy, &tables::name(cluster)).await?;
        }
        used = upto;
        sleep(arguments.settle).await;
        let now = Resident::of(proxy.id()?)?;
        text.push_str(&format!(
            "| {upto} | {} | {} | {} | {} |\n",
            now.all,
            now.all.saturating_sub(idle.all),
            now.own,
            now.own.saturating_sub(idle.own)
        ));
    }
    entry.end(&text)
}

/// Writes the tables.
fn write(path: &Path, proxy: &Proxy, arguments: &Arguments, endpoints: &Endpoints) -> Result<()> {
    fs::create_dir(path)?;
    let listener = format!(
        "listeners: [{{ name: out, address: {} }}]\nclusters: {{}}\n",
        proxy.listens
    );
    fs::write(path.join("out.yaml"), listener)?;
    let clusters = tables::many(arguments.clusters, &endpoints.addresses);
    Ok(fs::write(path.join("clusters.yaml"), clusters)?)
}

/// Sends requests to a cluster.
async fn call(proxy: &Proxy, cluster: &str) -> Result<()> {
    let target = SMALL_GET.target(proxy.listens)?.host(cluster)?;
    let fleet = Fleet::connect(target, CONNECTIONS).await?;
    let plan = Plan {
        pace: Pace::Closed,
        duration: Duration::from_secs(30),
        requests: Some(REQUESTS),
    };
    let report = fleet.run(plan).await?;
    ensure!(report.failed() == 0, "`{cluster}`: {report}");
    Ok(())
}

impl Resident {
    fn of(id: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            kib.with_context(|| format!("no `{name}` of process {id}"))
        };
        Ok(Self {
            all: field("VmRSS:")?,
            own: field("RssAnon:")?,
        })
    }
}

//! Without a control plane: how soon a proxy serves from the table on its disk, and how soon it is back at a control
//! plane that returns.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::{net::TcpStream, task::JoinSet, time::sleep};

use super::{
    page::{Page, Section},
    proxy::Proxy,
    server::Server,
    tables::Tables,
};
use crate::stand::{Endpoints, scratch};

/// How long a table may take to the disk.
const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks whether the port of the control plane is open.
const POLL: Duration = Duration::from_millis(1);

/// What `outrigger-bench control start` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Starts that are measured, of each table
    #[arg(long, default_value_t = 20)]
    starts: usize,
    /// Clusters of the larger table, each with a route and three endpoints
    #[arg(long, default_value_t = 1000)]
    clusters: usize,
    /// Proxies that look for the control plane
    #[arg(long, default_value_t = 10)]
    proxies: usize,
    /// How often it goes and returns
    #[arg(long, default_value_t = 4)]
    returns: usize,
    /// How long it is away each time
    #[arg(long, value_parser = humantime::parse_duration, default_value = "30s")]
    away: Duration,
    #[command(flatten)]
    page: Page,
}

/// Measures.
pub(super) async fn run(arguments: Arguments) -> Result<()> {
    let entry = arguments.page.begin(Section::Start)?;
    let mut text = format!(
        "**From the disk.** The control plane is away; from the start of the proxy's process to its first 200, {} times.\n\n\
         | table | median ms | max ms |\n|---|--:|--:|\n",
        arguments.starts
    );
    for clusters in [0, arguments.clusters] {
        let times = from_disk(arguments.starts, clusters).await?;
        text.push_str(&format!(
            "| {} clusters | {:.1} | {:.1} |\n",
            clusters + 2,
            milliseconds(&times, 0.5),
            milliseconds(&times, 1.0)
        ));
    }
    let times = returns(&arguments).await?;
    text.push_str(&format!(
        "\n**Back at the control plane.** It was killed, away for {:?}, and started again, {} times; {} proxies looked for \
         it. From when its port was open until the stream of each was up: median {:.0} ms, max {:.0} ms.\n",
        arguments.away,
        arguments.returns,
        arguments.proxies,
        milliseconds(&times, 0.5),
        milliseconds(&times, 1.0)
    ));
    entry.end(&text)
}

/// How long each start took, in order.
async fn from_disk(starts: usize, clusters: usize) -> Result<Vec<Duration>> {
    let directory = scratch()?;
    let endpoints = Endpoints::start(&[&[], &[], &[]]).await?;
    let path = directory.path().join("tables");
    let mut server = Server::new(&path)?;
    let mut proxy = Proxy::new("edge", server.xds, directory.path())?;
    let tables = Tables::new(path, proxy.listens, &endpoints.addresses, clusters)?;
    server.start()?;
    proxy.start()?;
    proxy.serves().await?;
    kept(&proxy, &tables).await?;
    server.kill().await?;
    let mut times = Vec::new();
    for _ in 0..starts {
        proxy.kill().await?;
        let begun = Instant::now();
        proxy.start()?;
        proxy.serves().await?;
        times.push(begun.elapsed());
    }
    times.sort();
    Ok(times)
}

/// Waits until the whole table lies on the disk of the proxy.
async fn kept(proxy: &Proxy, tables: &Tables) -> Result<()> {
    let (begun, path) = (Instant::now(), proxy.cache.join("table.yaml"));
    let last = tables.last_cluster();
    while !fs::read_to_string(&path).is_ok_and(|text| text.contains(&last)) {
        ensure!(begun.elapsed() < LIMIT, "no table at `{}`", path.display());
        sleep(POLL).await;
    }
    Ok(())
}

/// How long the proxies took to be back each time, in order.
async fn returns(arguments: &Arguments) -> Result<Vec<Duration>> {
    let directory = scratch()?;
    let path = directory.path().join("tables");
    fs::create_dir(&path)?;
    let mut server = Server::new(&path)?;
    let mut proxies = Vec::new();
    for place in 0..arguments.proxies {
        let role = format!("proxy-{place}");
        let mut proxy = Proxy::new(&role, server.xds, directory.path())?;
        let table = format!(
            "proxies: {{ role: {role} }}\nlisteners: [{{ name: out, address: {} }}]\nclusters: {{}}\n",
            proxy.listens
        );
        fs::write(path.join(format!("{role}.yaml")), table)?;
        proxy.start()?;
        proxies.push(proxy);
    }
    server.start()?;
    let mut times = Vec::new();
    for _ in 0..=arguments.returns {
        let begun = opened(server.xds).await?;
        times.push(back(&mut proxies, begun).await?);
        server.kill().await?;
        sleep(arguments.away).await;
        server.start()?;
    }
    // The first time it did not return: it came.
    let mut times = times.split_off(1).concat();
    times.sort();
    Ok(times)
}

/// How long each took until its stream was up.
async fn back(proxies: &mut Vec<Proxy>, begun: Instant) -> Result<Vec<Duration>> {
    let mut waiting = JoinSet::new();
    for proxy in proxies.drain(..) {
        waiting.spawn_local(async move {
            proxy.is_connected().await?;
            anyhow::Ok((proxy, begun.elapsed()))
        });
    }
    let mut times = Vec::new();
    while let Some(found) = waiting.join_next().await {
        let (proxy, time) = found??;
        proxies.push(proxy);
        times.push(time);
    }
    Ok(times)
}

/// When the port was open.
async fn opened(address: SocketAddr) -> Result<Instant> {
    let begun = Instant::now();
    while TcpStream::connect(address).await.is_err() {
        ensure!(begun.elapsed() < LIMIT, "the control plane does not return");
        sleep(POLL).await;
    }
    Ok(Instant::now())
}

fn milliseconds(times: &[Duration], share: f64) -> f64 {
    let place = (times.len() as f64 * share).ceil() as usize;
    let time = times.get(place.saturating_sub(1));
    time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}

//! Pushes under load: what the requests notice that pass while tables change.
//!
//! Both ways alternate in one run, a slice each, so that whatever else the machine does meets both alike.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use tokio::time::{interval, sleep, sleep_until};

use super::{
    page::{Page, Section},
    proxy::Proxy,
    server::Server,
    tables::Tables,
};
use crate::{
    job::SMALL_GET,
    metrics::Metrics,
    scenario::client::{Client, Sent},
    stand::{Endpoints, scratch},
};

/// Before the first slice: pools fill, and all clusters are there.
const WARM_UP: Duration = Duration::from_secs(3);

/// How long the last pushes may take to be in force.
const LIMIT: Duration = Duration::from_secs(10);

/// What `outrigger-bench control push` takes.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Requests a second, open loop
    #[arg(long, default_value_t = 1000)]
    load: u32,
    /// Pushes a second
    #[arg(long, default_value_t = 10)]
    rate: u32,
    /// Slices with pushes, each after one without
    #[arg(long, default_value_t = 12)]
    slices: u32,
    /// How long a slice is
    #[arg(long, value_parser = humantime::parse_duration, default_value = "5s")]
    slice: Duration,
    /// Clusters that the table has beside those that change
    #[arg(long, default_value_t = 100)]
    clusters: usize,
    #[command(flatten)]
    page: Page,
}

/// Measures.
pub(super) async fn run(arguments: Arguments) -> Result<()> {
    let entry = arguments.page.begin(Section::Push)?;
    let directory = scratch()?;
    let names = [["--name", "a"], ["--name", "b"], ["--name", "c"]];
    let endpoints = Endpoints::start(&names.each_ref().map(|it| &it[..])).await?;
    let path = directory.path().join("tables");
    let mut server = Server::new(&path)?;
    let mut proxy = Proxy::new("edge", server.xds, directory.path())?;
    let listens = proxy.listens;
    let mut tables = Tables::new(path, listens, &endpoints.addresses, arguments.clusters)?;
    server.start()?;
    proxy.start()?;
    proxy.serves().await?;

    let before = applied(&proxy).await?;
    let start = Instant::now() + WARM_UP;
    let end = start + arguments.slice * arguments.slices * 2;
    let mut client = Client::new(SMALL_GET.target(listens)?, start);
    let (sent, pushed) = tokio::join!(
        client.send(arguments.load, end),
        push(&arguments, start, &mut tables)
    );
    sent?;
    let pushes = pushed?;
    let sent = client.finish().await;

    tables.settle_on(endpoints.addresses[0])?;
    let settled = Instant::now();
    // More than one answer: the weights may name another.
    for _ in 0..20 {
        while proxy.serves().await?.trim() != "a" {
            ensure!(settled.elapsed() < LIMIT, "the last push is not in force");
            sleep(Duration::from_millis(20)).await;
        }
    }
    let applied = applied(&proxy).await? - before;
    entry.end(&text(&arguments, &sent, pushes, applied))
}

/// Pushes in every second slice; returns how often.
async fn push(arguments: &Arguments, start: Instant, tables: &mut Tables) -> Result<u32> {
    let mut pushes = 0;
    for slice in 0..arguments.slices {
        sleep_until((start + arguments.slice * (2 * slice + 1)).into()).await;
        let mut beat = interval(Duration::from_secs(1) / arguments.rate.max(1));
        for _ in 0..(arguments.slice.as_secs_f64() * f64::from(arguments.rate)) as u32 {
            beat.tick().await;
            tables.change()?;
            pushes += 1;
        }
    }
    Ok(pushes)
}

/// Tables that the proxy has put in force so far.
async fn applied(proxy: &Proxy) -> Result<f64> {
    let metrics = Metrics::scrape(proxy.admin).await?;
    Ok(metrics.sum("outrigger_config_reloads_total", |labels| {
        labels.contains("applied")
    }))
}

fn text(arguments: &Arguments, sent: &[Sent], pushes: u32, applied: f64) -> String {
    let mut text = format!(
        "{} requests a second, open loop, for {:?} without pushes and {:?} with {} a second, in slices of {:?} that \
         alternate. In turn an endpoint moves, weights shift, and a route comes and another goes; the table has {} more \
         clusters with a route each. {pushes} pushes; the proxy put {applied} tables in force.\n\n\
         | | requests | failed | p50 ms | p99 ms | p99.9 ms |\n|---|--:|--:|--:|--:|--:|\n",
        arguments.load,
        arguments.slice * arguments.slices,
        arguments.slice * arguments.slices,
        arguments.rate,
        arguments.slice,
        arguments.clusters,
    );
    let slice = |sent: &Sent| (sent.due.as_secs_f64() / arguments.slice.as_secs_f64()) as u32;
    let mut p99s = [0.0; 2];
    for (with, name) in [(0, "without pushes"), (1, "with pushes")] {
        let of = || sent.iter().filter(|sent| slice(sent) % 2 == with);
        let succeeded = of().filter(|sent| sent.outcome.is_ok());
        let mut took: Vec<f64> = succeeded
            .map(|sent| sent.took.as_secs_f64() * 1e3)
            .collect();
        took.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (took.len() as f64 * share).ceil() as usize;
            took.get(place.saturating_sub(1))
                .copied()
                .unwrap_or(f64::NAN)
        };
        p99s[with as usize] = at(0.99);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {:.2} | {:.2} | {:.2} |",
            of().count(),
            of().count() - took.len(),
            at(0.5),
            at(0.99),
            at(0.999)
        );
    }
    let [without, with] = p99s;
    let _ = writeln!(
        text,
        "\nThe p99 with pushes is {:.2} times that without.",
        with / without
    );
    text
}

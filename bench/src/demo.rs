//! A proxy at work, for people: three endpoints of which one is slow, five seconds of traffic, and what the
//! proxy made of it.

mod metrics;

use std::{fs, io::IsTerminal, net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use tokio::{signal::ctrl_c, task::LocalSet};

use crate::{
    job::SMALL_GET,
    load::{Fleet, Pace, Plan, Report},
    peer::Peer,
    stand::{Endpoints, Stand},
};
use metrics::Metrics;

/// Requests a second: plenty to see the shares, little enough for any machine.
const RATE: u32 = 1000;

/// The endpoints, as flags of `outrigger-bench endpoint`.
const ENDPOINTS: &[&[&str]] = &[
    &["--name", "a"],
    &["--name", "b"],
    &["--name", "slow", "--delay", "50ms"],
];

/// What `outrigger-bench demo` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long traffic is sent
    #[arg(long = "for", value_parser = humantime::parse_duration, default_value = "5s")]
    duration: Duration,
    /// Keep serving until Ctrl-C, if this is a terminal
    #[arg(long)]
    stay: bool,
}

/// Shows it; ends early, leaving nothing behind, on Ctrl-C.
pub async fn run(arguments: Arguments) -> Result<()> {
    let local = LocalSet::new();
    tokio::select! {
        shown = local.run_until(show(arguments)) => shown,
        pressed = ctrl_c() => Ok(pressed?),
    }
}

async fn show(arguments: Arguments) -> Result<()> {
    let endpoints = Endpoints::start(ENDPOINTS).await?;
    let stand = Stand::start(Peer::Outrigger, &SMALL_GET, &endpoints.addresses, &[]).await?;
    println!("The configuration, {}:\n", stand.config.display());
    let config = fs::read_to_string(&stand.config).context("reading the configuration")?;
    println!("{}", indented(&config));

    let milliseconds = stand.start_time.as_millis();
    println!(
        "Served {milliseconds} ms after its start. Sending {RATE} requests a second for {:?} ...\n",
        arguments.duration
    );
    let target = SMALL_GET.target(stand.address)?;
    let plan = Plan {
        pace: Pace::Fixed(RATE),
        duration: arguments.duration,
        requests: None,
    };
    let report = Fleet::connect(target, 16).await?.run(plan).await?;
    print_shares(&report);
    print_metrics(stand.admin).await?;

    let stay = arguments.stay && std::io::stdout().is_terminal();
    if stay {
        println!("It goes on serving until Ctrl-C. Try it, from another terminal:\n");
    } else {
        println!(
            "It ends here. With `--stay`, in a terminal, it would go on serving, and you could try:\n"
        );
    }
    println!("  curl -i http://{}/", stand.address);
    println!("  curl http://{}/clusters", stand.admin);
    for ((flags, address), id) in ENDPOINTS
        .iter()
        .zip(&endpoints.addresses)
        .zip(endpoints.ids()?)
    {
        let name = flags[1];
        println!("  kill {id:7}  # endpoint `{name}` at {address}: the others take over");
    }
    if stay {
        std::future::pending::<()>().await;
    }
    Ok(())
}

/// Who answered, and how fast, as the client saw it.
fn print_shares(report: &Report) {
    println!(
        "What the client saw: {} requests, {} failed\n",
        report.requests(),
        report.failed()
    );
    println!("  endpoint     share   answers        p50        p99");
    for (name, share) in &report.endpoints {
        let part = 100.0 * share.succeeded as f64 / report.succeeded.max(1) as f64;
        println!(
            "  {name:10} {part:5.1} % {:9} {:7.2} ms {:7.2} ms",
            share.succeeded,
            share.microseconds.p50 / 1000.0,
            share.microseconds.p99 / 1000.0,
        );
    }
    println!(
        "\n  `slow` waits for 50 ms before each answer. Nobody told the proxy: it measured.\n"
    );
}

/// What the proxy says of itself: traffic, errors, latency.
async fn print_metrics(admin: SocketAddr) -> Result<()> {
    let metrics = Metrics::scrape(admin).await?;
    let requests = metrics.sum("outrigger_requests_total", |_| true);
    let errors = metrics.sum("outrigger_requests_total", |labels| {
        labels.contains("status=\"5")
    });
    let duration = |quantile| {
        let seconds = metrics.quantile("outrigger_request_duration_seconds", quantile);
        seconds.map_or_else(
            || "-".to_owned(),
            |seconds| format!("{:.2} ms", seconds * 1000.0),
        )
    };
    println!("What the proxy measured, http://{admin}/metrics:\n");
    println!("  requests     {requests:.0}, the one included that saw it serve first");
    println!(
        "  success rate {:.2} %",
        100.0 * (1.0 - errors / requests.max(1.0))
    );
    println!(
        "  latency      p50 {}, p99 {}\n",
        duration(0.5),
        duration(0.99)
    );
    Ok(())
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

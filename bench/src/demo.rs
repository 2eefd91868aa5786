//! A mesh at work, for people: two proxies that live from a control plane, a canary from v1 to v2 under steady traffic,
//! and the control plane killed in the middle of it.

mod stage;
mod tables;
mod traffic;

use std::{future::ready, io::IsTerminal, net::SocketAddr, time::Duration};

use anyhow::{Result, ensure};
use tokio::{signal::ctrl_c, task::LocalSet};

use crate::metrics::Metrics;
use stage::Stage;
use traffic::{HEADING, RATE, Traffic};

/// What `outrigger-bench demo` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long traffic is watched after each step
    #[arg(long = "for", value_parser = humantime::parse_duration, default_value = "2s")]
    duration: Duration,
    /// Keep serving until Ctrl-C, if this is a terminal
    #[arg(long)]
    stay: bool,
}

/// Shows it; ends early, leaving nothing behind, on Ctrl-C.
pub async fn run(arguments: Arguments) -> Result<()> {
    let local = LocalSet::new();
    tokio::select! {
        shown = local.run_until(Box::pin(show(arguments))) => shown,
        pressed = ctrl_c() => Ok(pressed?),
    }
}

async fn show(arguments: Arguments) -> Result<()> {
    let mut stage = Stage::build().await?;
    let tables = stage.addresses.tables(100);
    println!("The tables of the control plane, a file each:\n");
    for (name, text) in &tables {
        println!("  {name}\n{}", indented(text));
    }
    stage.start_proxies()?;
    println!(
        "Two proxies are started. They know where a control plane would be, and nothing else."
    );
    let served = stage.start_control(&tables).await?.as_millis();
    println!("The control plane is started. Both proxies serve {served} ms later.\n");

    let failed = canary(&mut stage, arguments.duration).await?;
    for admin in [stage.edge.admin, stage.sidecar.admin] {
        print_metrics(admin).await?;
    }
    ensure!(failed == 0, "{failed} requests failed");
    stay(&arguments, &stage).await;
    Ok(())
}

/// Moves the traffic, then takes the control plane away; returns how many requests failed.
async fn canary(stage: &mut Stage, duration: Duration) -> Result<u64> {
    println!(
        "{RATE} requests a second go through each of them, for {duration:?} after each step.\n"
    );
    let traffic = Traffic::connect(&stage.addresses).await?;
    println!("{HEADING}");
    let first = traffic.watch(duration, ready(Ok(()))).await?;
    println!("{}", first.row("100 / 0"));
    let mut failed = first.failed;
    let mut said = String::new();
    for share in [90, 50, 0] {
        let tables = stage.addresses.tables(share);
        let pushed = traffic.watch(duration, stage.push(&tables)).await?;
        println!("{}", pushed.row(&format!("{share} / {}", 100 - share)));
        failed += pushed.failed;
        said = pushed.said;
    }
    let versions = stage.ask(&["versions"]).await?;
    let proxies = stage.ask(&["proxies"]).await?;

    stage.control.kill().await?;
    let alone = traffic.watch(duration, ready(Ok(()))).await?;
    println!("{}", alone.row("0 / 100, control plane killed"));
    let served = stage.restart_sidecar().await?.as_millis();
    let restarted = traffic.watch(duration, ready(Ok(()))).await?;
    println!("{}", restarted.row("0 / 100, sidecar restarted"));
    failed += alone.failed + restarted.failed;

    println!(
        "\nThe last push, `outrigger-control push`, said:\n\n{}",
        indented(&said)
    );
    println!("`outrigger-control versions`:\n\n{}", indented(&versions));
    println!("`outrigger-control proxies`:\n\n{}", indented(&proxies));
    println!(
        "The control plane was killed with SIGKILL: the proxies go on with the table that they have."
    );
    println!(
        "The sidecar, killed and started while it was away, served {served} ms later from its disk.\n"
    );
    Ok(failed)
}

/// What a proxy says of itself: traffic, errors, latency.
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
    println!(
        "http://{admin}/metrics: {requests:.0} requests, {:.2} % of them successful, p50 {}, p99 {}",
        100.0 * (1.0 - errors / requests.max(1.0)),
        duration(0.5),
        duration(0.99)
    );
    Ok(())
}

async fn stay(arguments: &Arguments, stage: &Stage) {
    if !(arguments.stay && std::io::stdout().is_terminal()) {
        println!("\nIt ends here. With `--stay`, in a terminal, the proxies would go on serving.");
        return;
    }
    println!("\nThe proxies go on serving until Ctrl-C. Try it, from another terminal:\n");
    println!("  curl -i http://{}/", stage.addresses.edge);
    println!("  curl http://{}/config", stage.edge.admin);
    println!("  curl http://{}/clusters", stage.sidecar.admin);
    std::future::pending::<()>().await;
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

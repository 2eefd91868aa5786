//! Failure scenarios: what goes wrong around a proxy, and how little of it the client sees, beside the peers.
//!
//! Real processes and real sockets. Endpoints turn bad and good again while they run, by a timeline that is data; the
//! client sends in an open loop and keeps the fate of each request; figures, plots and verdicts are read from that
//! afterwards. Where `simulate` shows what the policies decide, this shows what users get.

mod bar;
mod catalogue;
pub(crate) mod client;
mod contestant;
mod endpoint;
mod measure;
mod outcome;
mod page;
mod picture;
mod run;
mod series;
mod table;
mod timeline;

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::task::LocalSet;

use crate::{
    compare,
    peer::{PEERS, Peer},
};
use catalogue::Scenario;
use outcome::Outcome;

/// A short run has its timeline shrunk to this part: enough to see that all works, too short to compare.
const SHORT: f64 = 0.4;

/// What `outrigger-bench scenario` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Run this scenario; may be repeated, all by default
    #[arg(long = "only", value_name = "NAME")]
    only: Vec<String>,
    /// Whom to run, such as `outrigger,envoy`; all by default
    #[arg(long, value_delimiter = ',')]
    proxies: Vec<Peer>,
    /// Requests a second, instead of each scenario's own; `overload` keeps to its capacity
    #[arg(long)]
    rate: Option<u32>,
    /// Everything in less than half the time: to try it, not to compare
    #[arg(long)]
    short: bool,
    /// Where pictures and numbers go
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/results/scenarios"))]
    output: PathBuf,
    /// Where the page goes that shows them; written when everything was run
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/SCENARIOS.md"))]
    page: PathBuf,
}

/// Plays the scenarios one by one, to each proxy in turn, and writes what came out.
pub async fn run(arguments: Arguments) -> Result<()> {
    let peers = compare::wanted(&PEERS, &arguments.proxies)?;
    let is_whole = arguments.only.is_empty() && peers.len() == PEERS.len() && !arguments.short;
    let mut page = page::head(&peers)?;
    for scenario in wanted(&arguments)? {
        eprintln!("{}: {}", scenario.name, scenario.about());
        let peers: Vec<Peer> = peers.iter().map(|(peer, _)| *peer).collect();
        let (outcomes, skipped) = LocalSet::new().run_until(play(&scenario, &peers)).await;
        let table = table::markdown(&scenario, &outcomes, &skipped);
        println!("\n{}: {}\n\n{table}", scenario.name, scenario.about());
        page::write(&arguments.output, &scenario, &outcomes)?;
        page.push_str(&page::section(&scenario, &table, "results/scenarios"));
    }
    if is_whole {
        let path = &arguments.page;
        fs::write(path, page).with_context(|| format!("writing `{}`", path.display()))?;
    }
    Ok(())
}

fn wanted(arguments: &Arguments) -> Result<Vec<Scenario>> {
    let all = catalogue::all();
    for name in &arguments.only {
        let names: Vec<&str> = all.iter().map(|scenario| scenario.name).collect();
        ensure!(
            names.contains(&name.as_str()),
            "no scenario `{name}`; there are {}",
            names.join(", ")
        );
    }
    let only = &arguments.only;
    let wanted = all
        .into_iter()
        .filter(|scenario| only.is_empty() || only.iter().any(|name| name == scenario.name));
    let shaped = wanted.map(|scenario| {
        let scenario = match arguments.rate {
            Some(rate) => scenario.at_rate(rate),
            None => scenario,
        };
        match arguments.short {
            true => scenario.scaled(SHORT),
            false => scenario,
        }
    });
    Ok(shaped.collect())
}

/// The outcomes, and who has none for what reason: named at once, and in the table.
async fn play(scenario: &Scenario, peers: &[Peer]) -> (Vec<Outcome>, Vec<(String, String)>) {
    let (mut outcomes, mut skipped) = (Vec::new(), Vec::new());
    for contestant in scenario.versus.contestants(peers) {
        let name = contestant.name();
        match run::run(scenario, contestant).await {
            Ok(record) => {
                let outcome = Outcome::new(scenario, contestant, &record);
                let figures = &outcome.figures;
                eprintln!(
                    "  {name}: {} of {} failed",
                    figures.failed, figures.requests
                );
                outcomes.push(outcome);
            }
            Err(error) => {
                eprintln!("  SKIPPED {name}: {error:#}");
                skipped.push((name, format!("{error:#}")));
            }
        }
    }
    (outcomes, skipped)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

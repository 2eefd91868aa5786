//! The proxies side by side: same job, same core, one run.
//!
//! CPU time a request is what is compared, because on one core the requests a second also contain the
//! client and the endpoints. Machines drift by 10 to 15 % within minutes, so the peers take turns within
//! each round, the median of the rounds counts, and only ratios within one run mean something.

mod machine;
mod sample;
mod syscalls;
mod table;

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result};
use clap::ValueEnum;
use tokio::task::LocalSet;

use crate::{
    callgrind,
    load::Pace,
    peer::Peer,
    process::core,
    scenario::{self, Scenario},
    stand::Endpoints,
};
use sample::Sample;
use table::{Row, Table};

/// What `outrigger-bench compare` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// What to run; may be repeated
    #[arg(long = "scenario", value_parser = scenario::find, default_values = scenario::DEFAULT)]
    scenarios: Vec<Scenario>,
    /// Run all scenarios
    #[arg(long)]
    all: bool,
    /// Whom to compare; may be repeated, all by default
    #[arg(long = "peer")]
    peers: Vec<Peer>,
    /// Rounds, of which the medians are shown
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each proxy is loaded in a round
    #[arg(long, value_parser = humantime::parse_duration, default_value = "3s")]
    duration: Duration,
    /// Leave out callgrind, which takes the longest
    #[arg(long)]
    no_instructions: bool,
    /// Where the tables go, besides standard output
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/RESULTS.md"))]
    output: PathBuf,
}

/// Measures everybody and writes the tables.
pub async fn run(arguments: Arguments) -> Result<()> {
    let core = core::pin_to_one()?;
    let peers = runnable(&arguments.peers);
    let scenarios = if arguments.all {
        scenario::SCENARIOS
    } else {
        &arguments.scenarios
    };
    let measurements = async {
        let endpoints =
            Endpoints::start(&[&["--name", "a"], &["--name", "b"], &["--name", "c"]]).await?;
        let mut text = machine::heading(core, &peers, arguments.rounds, arguments.duration)?;
        for scenario in scenarios {
            eprintln!("{}: {}", scenario.name, scenario.about);
            let table = compare(scenario, &peers, &endpoints, &arguments).await;
            text.push_str(&table.to_string());
        }
        anyhow::Ok(text)
    };
    let text = LocalSet::new().run_until(measurements).await?;
    println!("{text}");
    let output = &arguments.output;
    fs::write(output, text).with_context(|| format!("writing `{}`", output.display()))
}

/// Those asked for that can be run here, with their versions; the others are named loudly.
fn runnable(asked: &[Peer]) -> Vec<(Peer, String)> {
    let all = if asked.is_empty() {
        Peer::value_variants()
    } else {
        asked
    };
    let runnable = all.iter().filter_map(|&peer| match peer.version() {
        Ok(version) => Some((peer, version)),
        Err(error) => {
            eprintln!("SKIPPED {}: {error:#}", peer.name());
            None
        }
    });
    runnable.collect()
}

async fn compare(
    scenario: &Scenario,
    peers: &[(Peer, String)],
    endpoints: &Endpoints,
    arguments: &Arguments,
) -> Table {
    let mut table = Table::new(*scenario);
    let mut samples: BTreeMap<Peer, Vec<Sample>> = BTreeMap::new();
    for round in 1..=arguments.rounds {
        for &(peer, _) in peers {
            if let Some(reason) = peer.refuses(scenario.upstream) {
                table.skip(peer, reason);
                continue;
            }
            match sample::take(peer, scenario, &endpoints.addresses, arguments.duration).await {
                Ok(sample) => {
                    eprintln!("  round {round} {:9} {sample}", peer.name());
                    samples.entry(peer).or_default().push(sample);
                }
                Err(error) => table.skip(peer, format!("{error:#}")),
            }
        }
    }
    for (peer, samples) in samples {
        let mut row = Row::new(peer, &samples);
        if peer != Peer::Direct && scenario.pace == Pace::Closed && !arguments.no_instructions {
            let count =
                callgrind::instructions_a_request(peer, scenario, &endpoints.addresses).await;
            match count {
                Ok(count) => row.instructions = Some(count),
                Err(error) => table.skip(peer, format!("no instruction count: {error:#}")),
            }
        }
        table.rows.push(row);
    }
    table
}

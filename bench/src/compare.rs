//! The proxies side by side: same job, same core, one run.
//!
//! CPU time a request is what is compared, because on one core the requests a second also contain the
//! client and the endpoints. Machines drift by 10 to 15 % within minutes, so the peers take turns within
//! each round, the median of the rounds counts, and only ratios within one run mean something.

mod sample;
mod syscalls;
mod table;

use std::{collections::BTreeMap, fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use tokio::task::LocalSet;

use crate::{
    callgrind,
    job::{self, Job, Way},
    load::Pace,
    machine,
    peer::Peer,
    process::core,
    stand::Endpoints,
};
use sample::Sample;
use table::{Row, Table};

/// What `outrigger-bench compare` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// What to run; may be repeated
    #[arg(long = "job", value_parser = job::find, default_values = job::DEFAULT)]
    jobs: Vec<Job>,
    /// Run all jobs
    #[arg(long)]
    all: bool,
    /// Whom to compare; may be repeated, all by default
    #[arg(long = "peer")]
    peers: Vec<Peer>,
    /// Workers of each proxy
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Cores for proxy, client and endpoints together
    #[arg(long, default_value_t = 1)]
    cores: usize,
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
    let cores = core::pin_to(arguments.cores)?;
    let peers = runnable(&arguments.peers);
    let jobs = if arguments.all {
        job::JOBS
    } else {
        &arguments.jobs
    };
    let measurements = async {
        let endpoints =
            Endpoints::start(&[&["--name", "a"], &["--name", "b"], &["--name", "c"]]).await?;
        let mut text = heading(&cores, &peers, &arguments)?;
        for job in jobs {
            eprintln!("{}: {}", job.name, job.about);
            let job = Job {
                workers: arguments.workers,
                ..*job
            };
            let table = compare(&job, &peers, &endpoints, &arguments).await;
            text.push_str(&table.to_string());
        }
        anyhow::Ok(text)
    };
    let text = LocalSet::new().run_until(measurements).await?;
    println!("{text}");
    let output = &arguments.output;
    fs::write(output, text).with_context(|| format!("writing `{}`", output.display()))
}

fn heading(cores: &[usize], peers: &[(Peer, String)], arguments: &Arguments) -> Result<String> {
    let Arguments {
        rounds,
        duration,
        workers,
        ..
    } = arguments;
    let numbers: Vec<_> = cores.iter().map(ToString::to_string).collect();
    let numbers = numbers.join(" and ");
    let on = match cores {
        [_] => format!("one core (core {numbers})"),
        _ => format!("{} cores ({numbers})", cores.len()),
    };
    let workers = match workers {
        1 => "one worker".to_owned(),
        _ => format!("{workers} workers"),
    };
    Ok(format!(
        "# Outrigger and its peers, measured\n\n\
         {machine}\n\n\
         Proxy, client and three endpoints on {on}; the same job for each: {workers}, keep-alive on \
         both sides, no access log. Medians of {rounds} interleaved runs of {duration:?}. CPU, memory and system calls \
         are those of the proxy's process tree; instructions are user instructions a request by callgrind. The machine \
         drifts by 10 to 15 %: only ratios within one table count.\n\n{versions}",
        machine = machine::sentence()?,
        versions = machine::versions(peers),
    ))
}

/// Those of `all` whom a command asks for, everyone if it names nobody, and who can be run here.
///
/// # Errors
/// When nobody was meant.
pub(crate) fn wanted(all: &[Peer], named: &[Peer]) -> Result<Vec<(Peer, String)>> {
    let mut asked = all.to_vec();
    asked.retain(|peer| named.is_empty() || named.contains(peer));
    ensure!(
        !asked.is_empty(),
        "none of these proxies takes part in this"
    );
    Ok(runnable(&asked))
}

/// Those asked for that can be run here, with their versions; the others are named loudly.
pub(crate) fn runnable(asked: &[Peer]) -> Vec<(Peer, String)> {
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
    job: &Job,
    peers: &[(Peer, String)],
    endpoints: &Endpoints,
    arguments: &Arguments,
) -> Table {
    let mut table = Table::new(*job);
    let mut samples: BTreeMap<Peer, Vec<Sample>> = BTreeMap::new();
    for round in 1..=arguments.rounds {
        for &(peer, _) in peers {
            if let Some(reason) = peer.refuses(job) {
                table.skip(peer, reason);
                continue;
            }
            match sample::take(peer, job, &endpoints.addresses, arguments.duration).await {
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
        let counts = job.pace == Pace::Closed && job.way != Way::Pair && !arguments.no_instructions;
        if peer != Peer::Direct && counts {
            let count = callgrind::instructions_a_request(peer, job, &endpoints.addresses).await;
            match count {
                Ok(count) => row.instructions = Some(count),
                Err(error) => table.skip(peer, format!("no instruction count: {error:#}")),
            }
        }
        table.rows.push(row);
    }
    table
}

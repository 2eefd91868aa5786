//! The proxy at all the work that it is compared by, so that a build that watches itself sees what it is for.

use std::time::Duration;

use anyhow::Result;
use rustix::process::Signal;
use tokio::task::LocalSet;

use crate::{
    job::JOBS,
    load::{Fleet, Pace, Plan},
    peer::Peer,
    stand::{Endpoints, Stand},
};

/// What `outrigger-bench train` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// How long for each kind of work
    #[arg(long, value_parser = humantime::parse_duration, default_value = "2s")]
    duration: Duration,
}

/// Loads the proxy with each job in turn and lets it end by itself: what it has seen is written then.
pub async fn run(arguments: Arguments) -> Result<()> {
    LocalSet::new().run_until(train(arguments.duration)).await
}

async fn train(duration: Duration) -> Result<()> {
    let endpoints = Endpoints::start(&[&["--name", "a"], &["--name", "b"]]).await?;
    for job in JOBS {
        let stand = Stand::start(Peer::Outrigger, job, &endpoints.addresses, &[]).await?;
        let fleet = Fleet::connect(stand.target()?, job.connections).await?;
        let plan = Plan {
            pace: Pace::Closed,
            duration,
            requests: None,
        };
        let report = fleet.run(plan).await?;
        eprintln!(
            "{}: {} requests, {} failed",
            job.name,
            report.requests(),
            report.failed()
        );
        drop(fleet);
        stand.stop(Signal::TERM).await?;
    }
    Ok(())
}

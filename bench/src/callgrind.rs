//! User instructions a request, counted by callgrind: free of noise, so a small growth shows.
//!
//! Two runs that differ only in their length are counted whole; the difference contains neither the start
//! nor the end of the process. Client and endpoints run natively, so the proxy, fifty times slower, always
//! finds work waiting, as on a saturated core.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::{
    job::Job,
    load::{Fleet, Pace, Plan},
    peer::Peer,
    stand::{Stand, scratch},
};

/// A bound for a run that hangs; the longest ordinary one takes a tenth.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// Counts for `peer`, alone, doing `job`.
pub async fn instructions_a_request(
    peer: Peer,
    job: &Job,
    endpoints: &[SocketAddr],
) -> Result<f64> {
    let (short, long) = (job.sample, job.sample * 3);
    let first = instructions(peer, job, endpoints, short).await?;
    let second = instructions(peer, job, endpoints, long).await?;
    Ok((second as f64 - first as f64) / (long - short) as f64)
}

/// The instructions of one process's whole life with so many requests in it.
async fn instructions(
    peer: Peer,
    job: &Job,
    endpoints: &[SocketAddr],
    requests: u64,
) -> Result<u64> {
    let directory = scratch()?;
    let counts = directory.path().join("callgrind.out");
    let wrapper = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        // Threads take turns in order, not by whoever wins the lock.
        "--fair-sched=yes".to_owned(),
        format!("--callgrind-out-file={}", counts.display()),
    ];
    let stand = Stand::start(peer, job, endpoints, &wrapper).await?;
    let fleet = Fleet::connect(stand.target()?, job.connections).await?;
    let plan = Plan {
        pace: Pace::Closed,
        duration: RUN_LIMIT,
        requests: Some(requests),
    };
    let report = fleet.run(plan).await?;
    ensure!(report.succeeded == requests, "not all succeeded: {report}");
    drop(fleet);
    stand.stop(Signal::TERM).await?;
    total(&counts)
}

/// Reads the count from callgrind's file: the line `totals: N`.
pub(crate) fn total(counts: &Path) -> Result<u64> {
    let text = fs::read_to_string(counts)
        .with_context(|| format!("callgrind left no `{}`", counts.display()))?;
    let line = text
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("totals:"));
    let total = line.context("callgrind's file has no totals")?.trim();
    Ok(total.parse()?)
}

//! The corpus of HTTP/1 (`tests/corpus/http1`), played to the proxies side by side: where they differ from us, and why.
//!
//! Between the same raw client and raw endpoint as in `make test`. Nothing is measured; what is compared is what got
//! through, and in what form.

mod page;
mod verdict;

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};
use outrigger_tests::corpus::{self, Case, FORBIDDEN, Stage};
use rustix::process::Signal;
use tokio::task::LocalSet;

use crate::{
    compare,
    job::{Job, SMALL_GET},
    peer::{PEERS, Peer},
    stand::Stand,
};
use verdict::Verdict;

/// A proxy that has said nothing for so long has nothing more to say: generous, for what comes later is taken for the next
/// case's.
const QUIET: Duration = Duration::from_millis(1500);

/// What `outrigger-bench corpus` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Play this group only; may be repeated, and the page is written by whole runs alone
    #[arg(long = "only", value_name = "GROUP")]
    only: Vec<String>,
    /// Where the page goes
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/CORPUS.md"))]
    page: PathBuf,
}

/// Plays all cases to each proxy, and writes where they differ.
pub async fn run(arguments: Arguments) -> Result<()> {
    let mut cases = corpus::all();
    cases.retain(|case| arguments.only.is_empty() || arguments.only.contains(&case.group));
    ensure!(!cases.is_empty(), "no such group");
    let peers = compare::runnable(&PEERS);
    let mut columns = Vec::new();
    for (peer, _) in &peers {
        eprintln!("{}: {} cases", peer.name(), cases.len());
        columns.push(LocalSet::new().run_until(play(*peer, &cases)).await?);
    }
    let text = page::text(&peers, &cases, &columns)?;
    if !arguments.only.is_empty() || peers.len() < PEERS.len() {
        println!("{text}");
        return Ok(());
    }
    let page = &arguments.page;
    fs::write(page, text).with_context(|| format!("writing `{}`", page.display()))
}

/// What comes of each case with this proxy.
async fn play(peer: Peer, cases: &[Case]) -> Result<Vec<Verdict>> {
    let stage = Stage::open().await;
    let job = Job {
        forbidden: Some(FORBIDDEN),
        ..SMALL_GET
    };
    let stand = Stand::start(peer, &job, &[stage.endpoint()], &[]).await?;
    let mut outcomes = Vec::new();
    for case in cases {
        outcomes.push(stage.play(stand.address, case, QUIET).await);
    }
    stand.stop(Signal::KILL).await?;
    let judged = cases.iter().zip(&outcomes);
    Ok(judged
        .map(|(case, outcome)| Verdict::of(case, outcome, &stage.seen(outcome.number)))
        .collect())
}

//! The gate: Outrigger's instructions a request on its main paths, against checked-in counts.
//!
//! Instructions and not time, because they repeat within a fraction of a percent on any machine, however
//! busy; time does not.

use std::{collections::BTreeMap, fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use tokio::task::LocalSet;

use crate::{
    callgrind,
    job::{Ask, Job, SMALL_GET, Version},
    peer::Peer,
    process::core,
    stand::Endpoints,
};

/// A count may grow by this much (3 %): five times what it differs by between runs.
const ALLOWED_GROWTH: f64 = 0.03;

/// One request at a time. How many of 64 connections are ready at once is chance, and so is the share of a
/// turn of the event loop that each pays: counts then differ by up to 2.5 % between runs.
const ONE_BY_ONE: Job = Job {
    connections: 1,
    streams: 1,
    ..SMALL_GET
};

/// The main paths through the proxy.
const PATHS: &[Job] = &[
    Job {
        name: "http1-get",
        ..ONE_BY_ONE
    },
    Job {
        name: "http1-post",
        path: "/discard",
        ask: Ask::Post(4096),
        ..ONE_BY_ONE
    },
    Job {
        name: "h2-to-http1",
        downstream: Version::Http2,
        ..ONE_BY_ONE
    },
    Job {
        name: "grpc",
        downstream: Version::Http2,
        upstream: Version::Http2,
        ask: Ask::Grpc,
        ..ONE_BY_ONE
    },
];

/// What `outrigger-bench check` takes.
#[derive(clap::Args)]
pub struct Arguments {
    /// Write the counts measured now to the file, instead of comparing with it
    #[arg(long)]
    update: bool,
    /// The checked-in counts
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions.json"))]
    counts: PathBuf,
    /// Whom to count; another than Outrigger only shows how well counts repeat
    #[arg(long, default_value = "outrigger")]
    peer: Peer,
}

/// Fails if a path costs more than it is allowed to.
pub async fn run(arguments: Arguments) -> Result<()> {
    core::pin_to_one()?;
    let measured = LocalSet::new().run_until(measure(arguments.peer)).await?;
    let file = &arguments.counts;
    if arguments.update {
        let text = serde_json::to_string_pretty(&measured)?;
        return fs::write(file, text + "\n")
            .with_context(|| format!("writing `{}`", file.display()));
    }
    if arguments.peer != Peer::Outrigger {
        return Ok(());
    }
    let text = fs::read_to_string(file)
        .with_context(|| format!("reading `{}`; `--update` writes it", file.display()))?;
    let accepted: BTreeMap<String, u64> = serde_json::from_str(&text)?;
    let grown = grown(&accepted, &measured);
    ensure!(
        grown.is_empty(),
        "more instructions a request than accepted: {}\nhint: if the feature is worth it, \
         `outrigger-bench check --update` accepts the new counts; say why in the commit",
        grown.join(", ")
    );
    println!(
        "no path has grown by more than {:.0} %",
        ALLOWED_GROWTH * 100.0
    );
    Ok(())
}

async fn measure(peer: Peer) -> Result<BTreeMap<String, u64>> {
    let endpoints = Endpoints::start(&[&["--name", "a"], &["--name", "b"]]).await?;
    let mut measured = BTreeMap::new();
    for path in PATHS {
        if let Some(reason) = peer.refuses(path) {
            println!("{:12} skipped: {reason}", path.name);
            continue;
        }
        let count = callgrind::instructions_a_request(peer, path, &endpoints.addresses)
            .await
            .with_context(|| format!("counting `{}`", path.name))?;
        println!("{:12} {count:8.0} user instructions a request", path.name);
        measured.insert(path.name.to_owned(), count.round() as u64);
    }
    Ok(measured)
}

/// What has grown too much, in words; a path that is accepted but was not measured counts as grown.
fn grown(accepted: &BTreeMap<String, u64>, measured: &BTreeMap<String, u64>) -> Vec<String> {
    let grown = accepted.iter().filter_map(|(path, &before)| {
        let Some(&now) = measured.get(path) else {
            return Some(format!("`{path}` was not measured"));
        };
        let (now, before) = (now as f64, before as f64);
        let growth = (now / before - 1.0) * 100.0;
        (now > before * (1.0 + ALLOWED_GROWTH))
            .then(|| format!("`{path}` {before:.0} -> {now:.0} ({growth:+.1} %)"))
    });
    grown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts
            .iter()
            .map(|&(path, count)| (path.to_owned(), count))
            .collect()
    }

    #[test]
    fn three_percent_more_is_accepted_and_more_is_not() {
        let accepted = counts(&[("a", 10_000)]);
        assert!(grown(&accepted, &counts(&[("a", 10_300)])).is_empty());
        assert_eq!(
            grown(&accepted, &counts(&[("a", 10_400)])),
            ["`a` 10000 -> 10400 (+4.0 %)"]
        );
    }

    #[test]
    fn a_path_that_is_no_longer_measured_fails() {
        assert_eq!(grown(&counts(&[("a", 1)]), &counts(&[])).len(), 1);
    }
}

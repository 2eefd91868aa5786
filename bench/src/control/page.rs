//! The figures, for people.

use std::{fmt::Write, time::Duration};

use anyhow::Result;

use super::{Arguments, Arrivals};
use crate::machine;

/// What came out of one fleet.
pub(super) struct Outcome {
    /// KiB of the control plane: with its tables read and nobody there; with the fleet; after the busy time.
    pub(super) idle: u64,
    pub(super) memory: u64,
    pub(super) after: u64,
    /// Until every proxy had all it asked for.
    pub(super) all_connected: Duration,
    /// Bytes of that.
    pub(super) connected: u64,
    /// Changes one by one.
    pub(super) quiet: Arrivals,
    /// Many changes a second.
    pub(super) busy: Arrivals,
    /// Cores that the control plane kept busy then.
    pub(super) cpu: f64,
}

/// What the page begins with.
pub(super) fn head(arguments: &Arguments) -> Result<String> {
    Ok(format!(
        "# The control plane under a fleet\n\n\
         {proxies} proxies are connected, each a delta ADS stream of its own on its own connection, to one control plane \
         with {clusters} clusters of {endpoints} endpoints in {files} files. A change moves one endpoint, by writing its \
         file anew; the time is that from before the write to the arrival at each proxy that uses the cluster. The \
         proxies share the machine with the control plane.\n\n\
         {machine}\n\n",
        proxies = arguments.proxies,
        clusters = arguments.clusters,
        endpoints = arguments.endpoints,
        files = arguments.files,
        machine = machine::sentence()?,
    ))
}

/// A section of it.
pub(super) fn text(arguments: &Arguments, outcome: &Outcome) -> String {
    let mut text = match arguments.wildcard {
        true => "## Every proxy takes everything\n\n".to_owned(),
        false => format!("## Every proxy uses {} clusters\n\n", arguments.uses),
    };
    let busy = format!(
        "{} changes a second for {:?}",
        arguments.rate, arguments.busy
    );
    text.push_str(
        "| | changes | arrivals | missing | p50 ms | p99 ms | max ms | bytes an arrival |\n|---|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (name, arrivals) in [
        ("one change at a time", &outcome.quiet),
        (&busy, &outcome.busy),
    ] {
        let milliseconds = |share| arrivals.quantile(share).as_secs_f64() * 1e3;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {} |",
            arrivals.changes,
            arrivals.times.len(),
            arrivals.missing,
            milliseconds(0.5),
            milliseconds(0.99),
            milliseconds(1.0),
            arrivals.bytes / arrivals.times.len().max(1) as u64,
        );
    }
    let _ = writeln!(
        text,
        "\nResident memory of the control plane: {} MiB with nobody connected, {} MiB with the fleet, {} MiB after the \
         changes. All proxies had all they asked for {:.1} s after the first connected, {} KiB each. The busy time took \
         {:.2} cores of the control plane.\n",
        outcome.idle / 1024,
        outcome.memory / 1024,
        outcome.after / 1024,
        outcome.all_connected.as_secs_f64(),
        outcome.connected / arguments.proxies.max(1) as u64 / 1024,
        outcome.cpu,
    );
    text
}

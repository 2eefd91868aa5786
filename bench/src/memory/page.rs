//! The page that shows it.

use anyhow::Result;

use super::{
    Arguments,
    footprint::Footprint,
    hold::{Held, Rest},
};
use crate::{machine, peer::Peer, table::aligned};

/// The explanation above the tables.
const PREFACE: &str = "\
Real processes on loopback, one worker each, two sample endpoints. Each figure is of a proxy that has just been started. *Resident* is all
of a proxy that is in memory, its program included; a connection is counted in *private* memory, which nobody shares: the
difference by the number of connections. What the kernel holds for sockets is in neither.
";

/// MiB that may be resident at rest.
const AT_REST: f64 = 8.0;

/// Bytes that a connection of HTTP/1.1 at rest may hold.
const A_CONNECTION: f64 = 2048.0;

/// What may be left when a crowd has gone, of what there was before.
const LEFT: f64 = 1.5;

/// All of one proxy.
pub(super) struct Row {
    pub(super) peer: Peer,
    /// By [`Rest::ALL`].
    pub(super) at_rest: Vec<Held>,
    pub(super) readers: Held,
    pub(super) crowd: Held,
}

/// What is above the tables.
pub(super) fn head(peers: &[(Peer, String)], arguments: &Arguments) -> Result<String> {
    let crowd = match arguments.crowd() {
        all if all == arguments.crowd => String::new(),
        fewer => format!(
            "\nThe machine's descriptors allow {fewer} connections in place of {}.\n",
            arguments.crowd
        ),
    };
    Ok(format!(
        "# Memory\n\n{}\n\n{}\n{PREFACE}{crowd}",
        machine::sentence()?,
        machine::versions(peers),
    ))
}

/// All tables, each with its bar.
pub(super) fn tables(rows: &[Row], arguments: &Arguments) -> String {
    let Arguments {
        connections,
        rest,
        later,
        readers,
        ..
    } = arguments;
    let crowd = arguments.crowd();
    let ours = rows.iter().find(|row| row.peer == Peer::Outrigger);
    let verdict = |bar: String, is_met: &dyn Fn(&Row) -> bool| {
        let verdict = |row| match is_met(row) {
            true => "met",
            false => "**not met**",
        };
        ours.map_or_else(String::new, |row| {
            format!("\nOutrigger's bar, {bar}: {}.\n", verdict(row))
        })
    };
    let http1 = |row: &Row| row.at_rest[0];
    let mut text = format!(
        "\n## At rest\n\nResident MiB, {rest:?} after the first request, and {rest:?} after some thousands more; then bytes for a \
         connection, of {connections} that have had a request each and rest for {rest:?}.\n\n"
    );
    let mut heads = vec!["", "started", "used"];
    heads.extend(Rest::ALL.map(Rest::name));
    text.push_str(&table(&heads, rows, |row| {
        let mut cells = vec![
            mib(http1(row).start.resident),
            mib(http1(row).idle.resident),
        ];
        let each = row.at_rest.iter().map(|held| format!("{:.0}", held.each()));
        cells.extend(each);
        cells
    }));
    text.push_str(&verdict(
        format!("at most {AT_REST} MiB when started"),
        &|row| in_mib(http1(row).start.resident) <= AT_REST,
    ));
    text.push_str(&verdict(
        format!("at most {A_CONNECTION} bytes for a connection of HTTP/1.1"),
        &|row| http1(row).each() <= A_CONNECTION,
    ));
    text.push_str(&format!(
        "\n## Come and gone\n\nResident MiB before, with, and {later:?} after {crowd} connections that come, ask once, and leave together.\n\n"
    ));
    text.push_str(&table(
        &["", "before", "with them", "after", "x before"],
        rows,
        |row| {
            let Held {
                idle, with, after, ..
            } = row.crowd;
            let [before, with, after] =
                [idle, with, after].map(|footprint: Footprint| mib(footprint.resident));
            vec![before, with, after, format!("{:.2}", row.crowd.left())]
        },
    ));
    text.push_str(&verdict(
        format!("at most {LEFT} x what there was before"),
        &|row| row.crowd.left() <= LEFT,
    ));
    text.push_str(&format!(
        "\n## Slow readers\n\n{readers} readers of 1 MiB, with the smallest window that the kernel gives, 4 KiB a second: resident MiB before and at \
         its highest, and bytes for each of them.\n\n"
    ));
    text.push_str(&table(&["", "before", "highest", "each"], rows, |row| {
        let Held { idle, with, .. } = row.readers;
        vec![
            mib(idle.resident),
            mib(with.resident),
            format!("{:.0}", row.readers.each()),
        ]
    }));
    text
}

fn table(heads: &[&str], rows: &[Row], cells: impl Fn(&Row) -> Vec<String>) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| [vec![row.peer.name().to_owned()], cells(row)].concat())
        .collect();
    aligned(heads, &rows)
}

fn in_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn mib(kib: u64) -> String {
    format!("{:.1}", in_mib(kib))
}

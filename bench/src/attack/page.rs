//! The page that shows what came of the attacks.

use anyhow::Result;

use super::{
    Arguments,
    catalogue::Attack,
    outcome::{Bar, Outcome},
};
use crate::{load::Report, machine, peer::Peer, table::aligned};

/// The explanation above the first table.
const PREFACE: &str = "\
Real processes on loopback: one proxy with one worker, two sample endpoints, a good client, and attackers. The client keeps its
connections and sends at a fixed rate whatever the answers do; latency counts from when a request was due. The attackers live in a
thread of the lowest priority: they get what the others leave of the machine, so that what the client sees is the proxy's doing. A
connection of theirs that ends is made again at once. All proxies are as they come, but for one worker, no logs, and room for
connections (`bench/src/peer/`).

- *p50*, *p99*: milliseconds, of the good client's requests that succeeded; *before* the attack, and during it. *failed*: those that did not.
- *MiB*: resident memory of the proxy before, at its highest, and 5 s after the attack. *of TCP*: the most that the kernel held in buffers
  of TCP, for all who took part.
- *a second*: how much of the attack was sent. To who cuts attackers off more is sent, for they are soon back; it is dropped unread.
- *the attackers*: how their connections ended, and how many of the last were open still.
";

/// What is above the sections.
pub(super) fn head(peers: &[(Peer, String)], arguments: &Arguments) -> Result<String> {
    Ok(format!(
        "# Attacks, and what a good client gets meanwhile\n\n{}\n\n{}\n{PREFACE}\nThe good client sends {} requests a second.\n",
        machine::sentence()?,
        machine::versions(peers),
        arguments.rate,
    ))
}

/// An attack's part of the page.
pub(super) fn section(
    attack: &Attack,
    outcomes: &[(Peer, Outcome)],
    skipped: &[(Peer, String)],
) -> String {
    let mut text = format!(
        "\n## {}\n\n{}.\n\n",
        attack.name,
        sentence_case(&attack.about)
    );
    if !outcomes.is_empty() {
        let rows: Vec<Vec<String>> = outcomes
            .iter()
            .map(|(peer, outcome)| row(*peer, outcome))
            .collect();
        let sent = format!("{} a second", attack.unit);
        text.push_str(&aligned(
            &[
                "",
                "p50 before",
                "during",
                "p99 before",
                "during",
                "failed",
                "MiB before",
                "highest",
                "after",
                "of TCP",
                &sent,
                "the attackers",
            ],
            &rows,
        ));
    }
    let ours = outcomes.iter().find(|(peer, _)| *peer == Peer::Outrigger);
    if let Some((_, outcome)) = ours {
        let verdict = |bar: &Bar| {
            let verdict = match bar.is_met(attack, outcome) {
                true => "met",
                false => "**not met**",
            };
            format!("{}: {verdict}", bar.words(attack))
        };
        let verdicts: Vec<String> = Bar::ALL.iter().map(verdict).collect();
        text.push_str(&format!("\nOutrigger's bars: {}.\n", verdicts.join("; ")));
    }
    for (peer, reason) in skipped {
        let reason = reason.trim_end_matches('.');
        text.push_str(&format!("\nWithout {}: {reason}.\n", peer.name()));
    }
    text
}

fn row(peer: Peer, outcome: &Outcome) -> Vec<String> {
    let (before, during) = (&outcome.before.microseconds, &outcome.during.microseconds);
    let milliseconds = |microseconds: f64| format!("{:.1}", microseconds / 1000.0);
    let attackers = &outcome.attackers;
    let mut cells = vec![
        peer.name().to_owned(),
        milliseconds(before.p50),
        milliseconds(during.p50),
        milliseconds(before.p99),
        milliseconds(during.p99),
        failed(&outcome.during),
    ];
    let mib = outcome
        .memory
        .map(|kib| format!("{:.1}", kib as f64 / 1024.0));
    cells.extend(mib);
    cells.push(outcome.buffers.to_string());
    cells.push(format!("{:.0}", attackers.sent as f64 / attackers.seconds));
    cells.push(attackers.to_string());
    cells
}

/// How many, and how if any.
fn failed(report: &Report) -> String {
    let kinds = report.failures.iter();
    let kinds: Vec<String> = kinds
        .map(|(kind, count)| format!("{kind} {count}"))
        .collect();
    match kinds.is_empty() {
        true => "0".to_owned(),
        false => kinds.join(", "),
    }
}

fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

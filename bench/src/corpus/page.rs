//! The page: counts, then the cases in which somebody differs from us.

use anyhow::Result;
use outrigger_tests::corpus::Case;

use super::verdict::{Kind, Verdict};
use crate::{machine, peer::Peer};

/// The explanation above the counts.
const PREFACE: &str = "\
What the proxies make of the hostile and odd messages of HTTP/1.1 in [tests/corpus/http1](../tests/corpus/http1/README.md), each between the same raw
client and raw endpoint. Generated: the reasons are those of the cases. Every proxy has what it does by default, one rule that answers `/admin` with 403, and
one for the rest; of what it could be told beyond that (HAProxy's `normalize-uri`, Envoy's `normalize_path`) nothing is.

- *passed on*: whole requests that the endpoint got, and what the client got for them. `GET /smuggled` is sent behind what ought to be refused: with
  a proxy that takes the first for a request, it is a second one, and no more than that.
- *garbage passed on*: the endpoint got bytes that a [strict reader](../tests/src/corpus/read.rs) takes for no request, and hung up.
- *refused*: nothing whole reached the endpoint. By which status, or by hanging up, counts as no difference.
- `=`: as Outrigger. What follows a semicolon is not as the case has it.
";

/// The whole page.
pub(super) fn text(
    peers: &[(Peer, String)],
    cases: &[Case],
    columns: &[Vec<Verdict>],
) -> Result<String> {
    let mut text = format!(
        "# Hostile and odd messages, beside the peers\n\n{}\n\n{}\n{PREFACE}\n{}",
        machine::sentence()?,
        machine::versions(peers),
        counts(peers, cases, columns),
    );
    let mut groups: Vec<&str> = cases.iter().map(|case| case.group.as_str()).collect();
    groups.dedup();
    for group in groups {
        let rows: Vec<String> = (0..cases.len())
            .filter(|at| cases[*at].group == group)
            .filter_map(|at| {
                row(
                    &cases[at],
                    &columns.iter().map(|column| &column[at]).collect::<Vec<_>>(),
                )
            })
            .collect();
        if !rows.is_empty() {
            text.push_str(&format!("\n## {group}\n\n{}{}", head(peers), rows.concat()));
        }
    }
    Ok(text)
}

fn head(peers: &[(Peer, String)]) -> String {
    let names: Vec<&str> = peers.iter().map(|(peer, _)| peer.name()).collect();
    format!(
        "| case | {} | why |\n|---|{}---|\n",
        names.join(" | "),
        "---|".repeat(names.len())
    )
}

/// A case in which somebody differs.
fn row(case: &Case, verdicts: &[&Verdict]) -> Option<String> {
    let (ours, others) = verdicts.split_first()?;
    if others.iter().all(|other| other.is_like(ours)) {
        return None;
    }
    let cells = others.iter().map(|other| match other.is_like(ours) {
        true => "=".to_owned(),
        false => escaped(&other.cell()),
    });
    let cells: Vec<String> = std::iter::once(escaped(&ours.cell()))
        .chain(cells)
        .collect();
    let (name, why) = (escaped(&case.name), escaped(&case.why));
    Some(format!("| {name} | {} | {why} |\n", cells.join(" | ")))
}

/// A bar would end the cell.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Whether theirs differs from ours in some way.
type Differs = fn(&Verdict, &Verdict) -> bool;

/// In what way a verdict differs from ours.
const WAYS: [(&str, Differs); 4] = [
    ("the same", |theirs, ours| theirs.is_like(ours)),
    ("pass on what we refuse", |theirs, ours| {
        !passes(ours) && passes(theirs)
    }),
    ("refuse what we pass on", |theirs, ours| {
        passes(ours) && !passes(theirs)
    }),
    ("do it otherwise", |theirs, ours| {
        passes(ours) == passes(theirs) && !theirs.is_like(ours)
    }),
];

fn passes(verdict: &Verdict) -> bool {
    matches!(verdict.kind, Kind::Forwarded(_) | Kind::Garbage)
}

fn counts(peers: &[(Peer, String)], cases: &[Case], columns: &[Vec<Verdict>]) -> String {
    let Some((ours, others)) = columns.split_first() else {
        return String::new();
    };
    let names: Vec<&str> = peers.iter().skip(1).map(|(peer, _)| peer.name()).collect();
    let mut text = format!(
        "| of {} cases | {} |\n|---|{}\n",
        cases.len(),
        names.join(" | "),
        "--:|".repeat(names.len())
    );
    for (way, counts) in WAYS {
        let numbers: Vec<String> = others
            .iter()
            .map(|theirs| {
                let pairs = theirs.iter().zip(ours);
                pairs
                    .filter(|(theirs, ours)| counts(theirs, ours))
                    .count()
                    .to_string()
            })
            .collect();
        text.push_str(&format!("| {way} | {} |\n", numbers.join(" | ")));
    }
    text
}

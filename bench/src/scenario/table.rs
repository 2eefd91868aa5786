//! A scenario's figures as a table.

use super::{
    catalogue::{Scenario, Watch},
    endpoint::Mode,
    outcome::Outcome,
    timeline::Change,
};
use crate::table::aligned;

/// Milliseconds by which the client itself may be late before the figures say something about it.
const TOO_LATE: f64 = 10.0;

/// Table and bars.
pub(super) fn markdown(
    scenario: &Scenario,
    outcomes: &[Outcome],
    skipped: &[(String, String)],
) -> String {
    let mut text = String::new();
    if !outcomes.is_empty() {
        let rows = outcomes.iter().map(|outcome| row(scenario, outcome));
        text.push_str(&aligned(&heads(&scenario.watch), &rows.collect::<Vec<_>>()));
    }
    let late: Vec<String> = outcomes.iter().filter_map(late).collect();
    if !late.is_empty() {
        text.push_str(&format!(
            "\nThe machine was busy: 1 % of the requests left late by as much as {}, or more.\n",
            late.join(", ")
        ));
    }
    let ours = outcomes.iter().find(|outcome| outcome.contestant.is_ours());
    let bars = ours
        .iter()
        .flat_map(|ours| scenario.bars.iter().map(move |bar| (bar, ours)));
    for (bar, ours) in bars {
        let verdict = match bar.is_met(&ours.figures) {
            true => "met",
            false => "**not met**",
        };
        text.push_str(&format!("\nOutrigger's bar, {bar}: {verdict}.\n"));
    }
    for (name, reason) in skipped {
        text.push_str(&format!(
            "\nSkipped {name}: {}.\n",
            reason.trim_end_matches('.')
        ));
    }
    text
}

fn late(outcome: &Outcome) -> Option<String> {
    let late = outcome.figures.late.filter(|&late| late > TOO_LATE)?;
    Some(format!("{late:.0} ms ({})", outcome.contestant.name()))
}

fn heads(watch: &Watch) -> Vec<&'static str> {
    let mut heads = vec!["", "requests", "failed", "p50 ms", "p99 ms", "p99.9 ms"];
    heads.extend(match watch {
        Watch::Bad(_) => &["share of the bad %", "off it s", "back s", "normal s"][..],
        Watch::Load => &["load x", "worst second x", "normal s"],
        Watch::Goodput(_) => &["goodput %", "p99 x before", "normal s"],
        Watch::New(_) => &[
            "first request ms",
            "to the last ms",
            "fair share s",
            "gone s",
        ],
    });
    heads.push("failed how");
    heads
}

fn row(scenario: &Scenario, outcome: &Outcome) -> Vec<String> {
    let figures = &outcome.figures;
    let mut cells = vec![
        outcome.contestant.name(),
        figures.requests.to_string(),
        figures.failed.to_string(),
        number(figures.p50, 1, "-"),
        number(figures.p99, 1, "-"),
        number(figures.p999, 1, "-"),
    ];
    let timeline = &scenario.timeline;
    let trouble = timeline.trouble();
    let during = format!("> {:.1}", (trouble.end - trouble.start).as_secs_f64());
    let after = format!("> {:.1}", (timeline.lasts - trouble.end).as_secs_f64());
    match &scenario.watch {
        Watch::Bad(_) => {
            let share = figures.share.map(|share| share * 100.0);
            cells.push(number(share, 2, "-"));
            cells.push(match leaves_no_trace(scenario) {
                true => "-".to_owned(),
                false => number(figures.detect, 1, &during),
            });
            cells.push(number(figures.back, 1, &after));
            cells.push(number(figures.normal, 1, &after));
        }
        Watch::Load => {
            cells.push(number(figures.load, 2, "-"));
            cells.push(number(figures.worst_load, 2, "-"));
            cells.push(number(figures.normal, 1, &after));
        }
        Watch::Goodput(_) => {
            let goodput = figures.goodput.map(|goodput| goodput * 100.0);
            cells.push(number(goodput, 0, "-"));
            cells.push(number(figures.slowdown, 1, "-"));
            cells.push(number(figures.normal, 1, &after));
        }
        Watch::New(_) => {
            for first in [figures.first, figures.last_first] {
                cells.push(number(first.map(|first| first * 1000.0), 0, "never"));
            }
            cells.push(number(figures.fair, 1, &during));
            cells.push(number(figures.gone, 1, "-"));
        }
    }
    let failures = figures.failures.iter();
    let failures: Vec<String> = failures
        .map(|(failure, count)| format!("{failure} {count}"))
        .collect();
    cells.push(failures.join(", "));
    cells
}

/// Attempts that end at a closed or silent port are no requests that an endpoint could count.
fn leaves_no_trace(scenario: &Scenario) -> bool {
    let mut events = scenario.timeline.events.iter();
    events.any(|event| matches!(event.change, Change::Mode(_, Mode::Refuses | Mode::Drops)))
}

fn number(value: Option<f64>, decimals: usize, absent: &str) -> String {
    value.map_or_else(|| absent.to_owned(), |value| format!("{value:.decimals$}"))
}

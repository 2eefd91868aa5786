//! A scenario's plot: latency, failures, and what it watches, over time, a curve a contestant.

use std::ops::Range;

use super::{
    catalogue::{Scenario, Watch},
    contestant::Contestant,
    outcome::Outcome,
    series::{STEP, Series},
};
use crate::{
    peer::{Balancer, Peer},
    plot::{Across, Figure, Panel, Scale, Style},
};

/// Steps in a second.
const A_SECOND: f64 = 1000.0 / STEP.as_millis() as f64;

/// Draws all that were run.
pub(super) fn svg(scenario: &Scenario, outcomes: &[Outcome]) -> String {
    let trouble = scenario.timeline.trouble();
    let legend = outcomes
        .iter()
        .map(|outcome| (outcome.contestant.name(), style(outcome.contestant)));
    let figure = Figure {
        title: scenario.name.to_owned(),
        about: format!("{}.", scenario.about()),
        across: Across::Seconds,
        time: 0.0..scenario.timeline.lasts.as_secs_f64(),
        shaded: trouble.start.as_secs_f64()..trouble.end.as_secs_f64(),
        legend: legend.collect(),
        panels: vec![
            Panel {
                title: "p99 of what succeeded, by when it was due".to_owned(),
                scale: Scale::Logarithmic,
                label: milliseconds,
                level: None,
                curves: curves(outcomes, |series, step| series.p99[step]),
            },
            Panel {
                title: "failed requests a second".to_owned(),
                scale: Scale::Linear,
                label: plain,
                level: None,
                curves: curves(outcomes, |series, step| {
                    Some(f64::from(series.all_failed(step)) * A_SECOND)
                }),
            },
            watched(scenario, outcomes),
        ],
    };
    figure.svg()
}

/// A curve a contestant, of a value that a step has.
fn curves(
    outcomes: &[Outcome],
    value: impl Fn(&Series, usize) -> Option<f64>,
) -> Vec<Vec<(f64, Option<f64>)>> {
    let curve = |series: &Series| {
        let steps = series.seconds.iter().enumerate();
        steps.map(|(step, &at)| (at, value(series, step))).collect()
    };
    outcomes
        .iter()
        .map(|outcome| curve(&outcome.series))
        .collect()
}

fn watched(scenario: &Scenario, outcomes: &[Outcome]) -> Panel {
    let share = |title, which: &Range<usize>| Panel {
        title: format!("share of the requests that reach endpoints, of the {title}"),
        scale: Scale::Linear,
        label: |value| format!("{:.0} %", value * 100.0),
        level: Some((
            which.len() as f64 / scenario.endpoints as f64,
            "fair".to_owned(),
        )),
        curves: curves(outcomes, |series, step| {
            series.share(which.clone(), step..step + 1)
        }),
    };
    match &scenario.watch {
        Watch::Bad(which) => share("bad one", which),
        Watch::New(which) => share("new ones", which),
        Watch::Load => Panel {
            title: "requests that reach endpoints, over those offered".to_owned(),
            scale: Scale::Linear,
            label: |value| format!("{value:.1} x"),
            level: Some((1.0, "offered".to_owned())),
            curves: curves(outcomes, |series, step| Some(series.load(step..step + 1))),
        },
        Watch::Goodput(capacity) => Panel {
            title: "requests answered a second, by when they were due".to_owned(),
            scale: Scale::Linear,
            label: plain,
            level: Some((*capacity, "capacity".to_owned())),
            curves: curves(outcomes, |series, step| {
                Some(f64::from(series.succeeded[step]) * A_SECOND)
            }),
        },
    }
}

fn plain(value: f64) -> String {
    format!("{value:.0}")
}

/// Colours that the colour-blind can tell apart (Okabe and Ito); ours is the boldest.
fn style(contestant: Contestant) -> Style {
    let thin = |color| Style {
        color,
        width: 1.5,
        dashes: None,
    };
    match (contestant.peer, contestant.balancer) {
        (Peer::Outrigger, Balancer::Default) => Style {
            width: 2.4,
            ..thin("#0072b2")
        },
        (Peer::Outrigger, Balancer::LeastRequest) => dashed("#0072b2"),
        (Peer::Outrigger, Balancer::RoundRobin) => dashed("#56b4e9"),
        (Peer::Outrigger, Balancer::Random) => dashed("#6e7781"),
        (Peer::Nginx, _) => thin("#009e73"),
        (Peer::Haproxy, _) => thin("#d55e00"),
        (Peer::Envoy, _) => thin("#cc79a7"),
        (Peer::Direct, _) => thin("#6e7781"),
    }
}

fn dashed(color: &'static str) -> Style {
    Style {
        color,
        width: 1.5,
        dashes: Some("5 3"),
    }
}

fn milliseconds(value: f64) -> String {
    if value >= 1000.0 {
        format!("{} s", value / 1000.0)
    } else {
        format!("{value} ms")
    }
}

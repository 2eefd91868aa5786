//! A scenario's plot: latency, failures and the load on the endpoints over time, a curve a row.

use super::{
    result::{BINS, Bin},
    scenario::Scenario,
    total::Total,
};
use crate::plot::{Across, Figure, Panel, Scale, Style};

/// Draws some rows of a scenario.
pub(super) fn svg(scenario: &Scenario, rows: &[(&str, &Total)]) -> String {
    let shaded = scenario.shaded();
    let legend = rows.iter().zip(STYLES.iter().cycle());
    let panel = |title: &str, scale, label, curves| Panel {
        title: title.to_owned(),
        scale,
        label,
        level: None,
        curves,
    };
    let figure = Figure {
        title: scenario.name.to_owned(),
        about: scenario.about.to_owned(),
        across: Across::Seconds,
        time: 0.0..scenario.lasts.as_secs_f64(),
        shaded: shaded.start.as_secs_f64()..shaded.end.as_secs_f64(),
        legend: legend
            .map(|((name, _), &style)| ((*name).to_owned(), style))
            .collect(),
        panels: vec![
            panel(
                "p99 of what succeeded, by when it was sent",
                Scale::Logarithmic,
                milliseconds,
                curves(scenario, rows, |bin| {
                    let p99 = bin.latency.value_at_quantile(0.99);
                    (p99 > 0).then_some(p99 as f64 / 1e6)
                }),
            ),
            panel(
                "failed requests",
                Scale::Linear,
                percent,
                curves(scenario, rows, |bin| share(bin.failed, bin)),
            ),
            panel(
                "attempts at endpoints, over requests",
                Scale::Linear,
                times,
                curves(scenario, rows, |bin| share(bin.attempts, bin)),
            ),
        ],
    };
    figure.svg()
}

type Curve = Vec<(f64, Option<f64>)>;

fn curves(
    scenario: &Scenario,
    rows: &[(&str, &Total)],
    value: impl Fn(&Bin) -> Option<f64>,
) -> Vec<Curve> {
    let width = scenario.lasts.as_secs_f64() / BINS as f64;
    let curve = |(_, total): &(&str, &Total)| {
        let bins = total.bins.iter().enumerate();
        bins.map(|(index, bin)| ((index as f64 + 0.5) * width, value(bin)))
            .collect()
    };
    rows.iter().map(curve).collect()
}

fn share(of: u64, bin: &Bin) -> Option<f64> {
    (bin.sent > 0).then(|| of as f64 / bin.sent as f64)
}

fn milliseconds(value: f64) -> String {
    format!("{value} ms")
}

fn percent(value: f64) -> String {
    format!("{} %", (value * 1e4).round() / 100.0)
}

fn times(value: f64) -> String {
    format!("{value:.1} x")
}

/// Colours that most eyes tell apart (Okabe and Ito), whole and then dashed; the default stands out.
const STYLES: [Style; 9] = [
    style("#d55e00", 2.5, None),
    style("#0072b2", 1.5, None),
    style("#009e73", 1.5, None),
    style("#cc79a7", 1.5, None),
    style("#e69f00", 1.5, None),
    style("#56b4e9", 1.5, None),
    style("#1b1f24", 1.5, Some("6 3")),
    style("#0072b2", 1.5, Some("6 3")),
    style("#009e73", 1.5, Some("2 3")),
];

const fn style(color: &'static str, width: f64, dashes: Option<&'static str>) -> Style {
    Style {
        color,
        width,
        dashes,
    }
}

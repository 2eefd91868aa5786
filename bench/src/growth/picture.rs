//! The plot: costs over sizes.

use super::{
    page,
    request::Request,
    table::Of,
    update::{Among, By, Update},
};
use crate::plot::{Across, Figure, Panel, Scale, Style};

type Curve = Vec<(f64, Option<f64>)>;

/// Draws both.
pub(super) fn svg(requests: &[Request], updates: &[Update]) -> String {
    let of_requests = Of::ALL.map(|of| {
        let of = requests.iter().filter(|it| it.of == of);
        curve(of.map(|it| (it.size, it.instructions)))
    });
    let kinds: Vec<(By, Among)> = By::ALL
        .into_iter()
        .flat_map(|by| Among::ALL.map(|among| (by, among)))
        .collect();
    let of_updates = |cost: fn(&Update) -> f64| -> Vec<Curve> {
        // The curves of requests come first in the legend.
        let none = Of::ALL.map(|_| Vec::new());
        let some = kinds.iter().map(|&(by, among)| {
            let of = updates.iter().filter(|it| it.by == by && it.among == among);
            curve(of.map(|it| (it.size, cost(it))))
        });
        none.into_iter().chain(some).collect()
    };
    let requests_of = |of: Of| format!("request among {}", of.name());
    let names = Of::ALL.map(requests_of).into_iter();
    let names = names.chain(kinds.iter().map(|&(by, among)| page::name(by, among)));
    let sizes = || requests.iter().map(|it| power(it.size));
    Figure {
        title: "growth".to_owned(),
        about: "What a request and an update cost as the table gets larger.".to_owned(),
        across: Across::Sizes("endpoints, routes, clusters"),
        time: sizes().fold(f64::INFINITY, f64::min)..sizes().fold(0.0, f64::max),
        shaded: 0.0..0.0,
        legend: names.zip(STYLES).collect(),
        panels: vec![
            Panel {
                title: "instructions a request".to_owned(),
                scale: Scale::Linear,
                label: |value| format!("{:.0} k", value / 1e3),
                level: None,
                curves: of_requests.into(),
            },
            Panel {
                title: "CPU time of the control thread an update, microseconds".to_owned(),
                scale: Scale::Logarithmic,
                label: |value| format!("{value}"),
                level: Some((1000.0, "1 ms".to_owned())),
                curves: of_updates(|update| update.control),
            },
            Panel {
                title: "most CPU time of the worker an update, microseconds".to_owned(),
                scale: Scale::Linear,
                label: |value| format!("{value}"),
                level: Some((100.0, "100 us".to_owned())),
                curves: of_updates(|update| update.worker.most.max(0.0)),
            },
        ],
    }
    .svg()
}

fn curve(points: impl Iterator<Item = (usize, f64)>) -> Curve {
    points
        .map(|(size, cost)| (power(size), Some(cost)))
        .collect()
}

fn power(size: usize) -> f64 {
    (size as f64).log10()
}

/// Colours that the colour-blind can tell apart (Okabe and Ito).
const STYLES: [Style; 7] = [
    solid("#0072b2"),
    solid("#009e73"),
    solid("#d55e00"),
    solid("#cc79a7"),
    dashed("#cc79a7"),
    solid("#56b4e9"),
    dashed("#56b4e9"),
];

const fn solid(color: &'static str) -> Style {
    Style {
        color,
        width: 2.0,
        dashes: None,
    }
}

const fn dashed(color: &'static str) -> Style {
    Style {
        dashes: Some("5 3"),
        ..solid(color)
    }
}

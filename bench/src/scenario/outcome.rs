//! What came out of a scenario for one contestant.

use serde_json::{Value, json};

use super::{
    catalogue::Scenario,
    contestant::Contestant,
    measure::{Figures, figures},
    run::Record,
    series::Series,
};

pub(super) struct Outcome {
    pub(super) contestant: Contestant,
    pub(super) figures: Figures,
    pub(super) series: Series,
}

impl Outcome {
    pub(super) fn new(scenario: &Scenario, contestant: Contestant, record: &Record) -> Self {
        let series = Series::of(record);
        Self {
            contestant,
            figures: figures(scenario, record, &series),
            series,
        }
    }
}

/// All of a scenario, for other programs.
pub(super) fn json(scenario: &Scenario, outcomes: &[Outcome]) -> Value {
    let outcomes: Vec<Value> = outcomes
        .iter()
        .map(|outcome| {
            json!({
                "proxy": outcome.contestant.name(),
                "figures": outcome.figures,
                "series": outcome.series,
            })
        })
        .collect();
    let trouble = scenario.timeline.trouble();
    json!({
        "scenario": scenario.name,
        "about": scenario.about(),
        "rate": scenario.rate,
        "trouble": [trouble.start.as_secs_f64(), trouble.end.as_secs_f64()],
        "outcomes": outcomes,
    })
}

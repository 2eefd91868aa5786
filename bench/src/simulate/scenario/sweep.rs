//! The defaults, varied: each in the situation that it is there for.

use std::time::Duration;

use outrigger_config::model::{Backoff, Balancer, OutlierDetection, RetryBudget};

use super::{Scenario, fleet};
use crate::simulate::policies::{BACKOFF, BUDGET, Policies, every_detector};

/// A fleet's scenario under another name, with these rows.
fn sweep(name: &'static str, fleet: &str, rows: Vec<Policies>) -> Option<Scenario> {
    let scenario = fleet::all().into_iter().find(|it| it.name == fleet)?;
    Some(Scenario {
        name,
        is_sweep: true,
        balancers: rows,
        variants: Vec::new(),
        ..scenario
    })
}

fn default() -> Policies {
    Policies::default_balancer().protected()
}

fn decays() -> Vec<Policies> {
    let row = |seconds| Policies {
        balancer: Balancer::PeakEwma {
            decay: Duration::from_secs(seconds),
        },
        ..default().named(&format!("decay {seconds} s"))
    };
    [1, 3, 10, 30, 100].into_iter().map(row).collect()
}

fn slow_starts() -> Vec<Policies> {
    let row = |seconds: u64| Policies {
        slow_start: (seconds > 0).then(|| Duration::from_secs(seconds)),
        ..default().named(&format!("slow start {seconds} s"))
    };
    [0, 1, 2, 5, 10].into_iter().map(row).collect()
}

fn outliers() -> Vec<Policies> {
    let with = |name: &str, policy| Policies {
        outliers: Some(policy),
        ..default().named(name)
    };
    let base = |millis| OutlierDetection {
        base_ejection_time: Duration::from_millis(millis),
        ..every_detector()
    };
    let most = |share| OutlierDetection {
        max_ejection_percent: share,
        ..every_detector()
    };
    let row = |count| OutlierDetection {
        consecutive_errors: Some(count),
        ..every_detector()
    };
    let connects = |count| OutlierDetection {
        consecutive_connect_failures: Some(count),
        ..every_detector()
    };
    vec![
        Policies {
            outliers: None,
            ..default().named("none")
        },
        with("default", every_detector()),
        with("base 0.25 s", base(250)),
        with("base 5 s", base(5000)),
        with("base 30 s", base(30_000)),
        with("at most 10 %", most(0.1)),
        with("at most 20 %", most(0.2)),
        with("at most 100 %", most(1.0)),
        with("2 errors in a row", row(2)),
        with("3 errors in a row", row(3)),
        with("1 connect failure", connects(1)),
    ]
}

fn budgets() -> Vec<Policies> {
    let row = |percent: f64, min_per_second| Policies {
        budget: Some(RetryBudget {
            percent,
            min_per_second,
            ..BUDGET
        }),
        ..default().named(&format!("{} %, {min_per_second} a second", percent * 100.0))
    };
    let rows = [
        (0.2, 10),
        (0.2, 3),
        (0.2, 1),
        (0.2, 0),
        (0.1, 1),
        (0.5, 1),
        (0.1, 10),
    ];
    let none = Policies {
        budget: None,
        ..default().named("none")
    };
    rows.into_iter()
        .map(|(percent, floor)| row(percent, floor))
        .chain([none])
        .collect()
}

fn backoffs() -> Vec<Policies> {
    let row = |millis| Policies {
        backoff: Some(Backoff {
            base: Duration::from_millis(millis),
            ..BACKOFF
        }),
        ..default().named(&format!("base {millis} ms"))
    };
    [0, 5, 25, 100, 250].into_iter().map(row).collect()
}

fn hedges() -> Vec<Policies> {
    let row = |percentile: f64| Policies {
        hedge: Some(percentile),
        ..default().named(&format!("p{}", percentile * 100.0))
    };
    let none = default().named("none");
    let rows = [0.9, 0.95, 0.99].into_iter().map(row);
    std::iter::once(none).chain(rows).collect()
}

/// In the order of the report.
pub(super) fn all() -> Vec<Scenario> {
    let sweeps = [
        sweep("sweep of decay, antagonists", "antagonists", decays()),
        sweep("sweep of slow_start, deploy", "deploy", slow_starts()),
        sweep("sweep of outlier_detection, crash", "crash", outliers()),
        sweep("sweep of outlier_detection, hang", "hang", outliers()),
        sweep("sweep of outlier_detection, mesh", "mesh", outliers()),
        sweep(
            "sweep of retry_budget, retry_storm",
            "retry_storm",
            budgets(),
        ),
        sweep("sweep of retry_budget, overload", "overload", budgets()),
        sweep("sweep of retry_budget, mesh", "mesh", budgets()),
        sweep("sweep of backoff, retry_storm", "retry_storm", backoffs()),
        sweep("sweep of backoff, crash", "crash", backoffs()),
        sweep("sweep of hedge, antagonists", "antagonists", hedges()),
        sweep("sweep of hedge, hang", "hang", hedges()),
        sweep("sweep of hedge, overload", "overload", hedges()),
    ];
    sweeps.into_iter().flatten().collect()
}

//! The defaults, varied: each in the situation that it is there for.

use std::time::Duration;

use outrigger_config::model::{Adaptive, Backoff, Balancer, OutlierDetection, RetryBudget};

use super::{Scenario, fleet};
use crate::simulate::{
    demand::Demand,
    policies::{ADAPTIVE, BACKOFF, Policies, every_detector},
};

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
    let row = |millis: u64| Policies {
        slow_start: (millis > 0).then(|| Duration::from_millis(millis)),
        ..default().named(&format!("{millis} ms"))
    };
    [0, 500, 1000, 2000, 5000].into_iter().map(row).collect()
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
    let row = |(percent, min_per_second, seconds): (f64, u32, u64)| Policies {
        budget: Some(RetryBudget {
            percent,
            min_per_second,
            window: Duration::from_secs(seconds),
        }),
        ..default().named(&format!(
            "{} %, {min_per_second} a second, over {seconds} s",
            percent * 100.0
        ))
    };
    let rows = [
        (0.2, 10, 10),
        (0.2, 3, 10),
        (0.2, 1, 10),
        (0.2, 0, 10),
        (0.2, 1, 2),
        (0.1, 1, 10),
        (0.1, 1, 2),
        (0.5, 1, 10),
    ];
    let none = Policies {
        budget: None,
        ..default().named("none")
    };
    rows.into_iter().map(row).chain([none]).collect()
}

fn attempt_timeouts() -> Vec<Policies> {
    let row = |millis: u64| Policies {
        attempt_timeout: Some(Duration::from_millis(millis)),
        ..default().named(&format!("{millis} ms"))
    };
    let none = Policies {
        attempt_timeout: None,
        ..default().named("none")
    };
    let rows = [100, 250, 500].into_iter().map(row);
    rows.chain([none]).collect()
}

/// Antagonists again, but who shares a machine does not stand together in the table.
fn scattered() -> Option<Scenario> {
    let name = "sweep of table order, antagonists";
    let balancers = Policies::each_balancer().into_iter();
    let rows = balancers.map(Policies::protected).collect();
    let mut scenario = sweep(name, "antagonists", rows)?;
    let hosts = scenario.endpoints.len() / fleet::NEIGHBOURS;
    for (index, plan) in scenario.endpoints.iter_mut().enumerate() {
        plan.host = index % hosts;
    }
    Some(scenario)
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

fn adaptive() -> Vec<Policies> {
    let row = |min| Policies {
        adaptive: Some(Adaptive { min, ..ADAPTIVE }),
        ..default().named(&format!("at least {min}"))
    };
    let none = default().named("none");
    std::iter::once(none).chain([1, 4, 10].map(row)).collect()
}

/// Antagonists again, but all proxies are quiet ones.
fn equals() -> Option<Scenario> {
    let name = "sweep of equal proxies, antagonists";
    let balancers = Policies::each_balancer().into_iter();
    let rows = balancers.map(Policies::protected).collect();
    let mut scenario = sweep(name, "antagonists", rows)?;
    if let Demand::Open(open) = &mut scenario.demand {
        open.skew = 0.0;
    }
    Some(scenario)
}

/// Gateways again, with too much to do.
fn busy_gateways() -> Option<Scenario> {
    let name = "sweep of adaptive, overloaded gateways";
    let scenario = sweep(name, "overload", adaptive())?;
    Some(Scenario {
        proxies: 20,
        ..scenario
    })
}

/// In the order of the report.
pub(super) fn all() -> Vec<Scenario> {
    let sweeps = [
        sweep("sweep of decay, antagonists", "antagonists", decays()),
        scattered(),
        equals(),
        sweep("sweep of attempt_timeout, mesh", "mesh", attempt_timeouts()),
        sweep("sweep of attempt_timeout, hang", "hang", attempt_timeouts()),
        sweep("sweep of slow_start, mesh", "mesh", slow_starts()),
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
        sweep("sweep of retry_budget, gateways", "gateways", budgets()),
        sweep(
            "sweep of outlier_detection, gateways",
            "gateways",
            outliers(),
        ),
        sweep("sweep of backoff, retry_storm", "retry_storm", backoffs()),
        sweep("sweep of backoff, crash", "crash", backoffs()),
        sweep("sweep of adaptive, overload", "overload", adaptive()),
        busy_gateways(),
        sweep("sweep of hedge, mesh", "mesh", hedges()),
        sweep("sweep of hedge, gateways", "gateways", hedges()),
        sweep("sweep of hedge, antagonists", "antagonists", hedges()),
        sweep("sweep of hedge, hang", "hang", hedges()),
        sweep("sweep of hedge, overload", "overload", hedges()),
    ];
    sweeps.into_iter().flatten().collect()
}

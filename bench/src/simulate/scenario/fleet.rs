//! A mesh: a thousand sidecars, a hundred endpoints, twenty-five machines, half busy.
//!
//! A request is at work for 11 ms in the mean, an endpoint does two at once: 177 a second at most, of which it is asked
//! 100. Each proxy sends ten a second, so that it meets each endpoint once in ten seconds: this is what makes a mesh
//! harder than a load balancer.

use std::{ops::Range, time::Duration};

use super::Scenario;
use crate::simulate::{
    demand::{Demand, Open},
    plan::{Cold, Kind, Plan, Service},
    policies::{ADAPTIVE, Policies},
    weather::Weather,
};

/// Requests a second for each endpoint: 56 % of what it can do.
const EACH: f64 = 100.0;

/// Endpoints that share a machine.
pub(super) const NEIGHBOURS: usize = 4;

/// Ten seconds of a mesh in which nothing happens.
fn calm(name: &'static str, about: &'static str) -> Scenario {
    Scenario {
        name,
        about,
        lasts: Duration::from_secs(10),
        proxies: 1000,
        demand: demand(EACH * 100.0, None),
        hop: Duration::from_micros(250),
        push_lag: Duration::from_millis(500),
        endpoints: endpoints(100),
        weather: Vec::new(),
        most_seeds: 50,
        is_sweep: false,
        balancers: Policies::each_balancer()
            .into_iter()
            .map(Policies::protected)
            .collect(),
        variants: variants(),
    }
}

/// The default balancer with other policies.
fn variants() -> Vec<Policies> {
    let default = || Policies::default_balancer().protected();
    vec![
        Policies::default_balancer()
            .out_of_the_box()
            .named("out of the box"),
        Policies {
            attempts: 1,
            ..default().named("no retries")
        },
        Policies {
            budget: None,
            ..default().named("no retry budget")
        },
        Policies {
            outliers: None,
            ..default().named("no outlier detection")
        },
        Policies {
            slow_start: None,
            ..default().named("no slow start")
        },
        Policies {
            hedge: Some(0.95),
            ..default().named("hedged at p95")
        },
        Policies {
            adaptive: Some(ADAPTIVE),
            ..default().named("adaptive limit")
        },
    ]
}

/// A few gateways, some busy services, and many that seldom ask: the busiest of a thousand proxies sends an eighth of
/// all requests, the middle one a fourthousandth.
fn demand(rate: f64, surge: Option<(Range<Duration>, f64)>) -> Demand {
    Demand::Open(Open {
        rate,
        skew: 1.0,
        surge,
    })
}

fn endpoints(count: usize) -> Vec<Plan> {
    let plan = |index| Plan {
        service: Service {
            median: Duration::from_millis(10),
            sigma: 0.5,
            hiccups: (0.0, Duration::ZERO),
        },
        host: index / NEIGHBOURS,
        cold: Cold {
            times: 4.0,
            requests: 100,
        },
        ..Plan::ordinary()
    };
    (0..count).map(plan).collect()
}

fn antagonists(a_second: f64) -> Weather {
    Weather::Antagonists {
        a_second,
        times: 2.0..8.0,
        lasts: Duration::from_secs(2),
    }
}

fn crashes(a_second: f64) -> Weather {
    Weather::Crashes {
        a_second,
        gone: Duration::from_secs(2),
    }
}

/// A tenth at a time, from 1 s to 9 s: quicker than anybody should, with endpoints that warm up quicker than most do.
fn deploy(endpoints: usize, grace: Duration) -> Weather {
    Weather::Deploy {
        from: Duration::from_secs(1),
        batch: endpoints / 10,
        every: Duration::from_millis(800),
        grace,
    }
}

fn trouble(share: f64, kind: Kind) -> Weather {
    Weather::Trouble {
        time: Duration::from_secs(3)..Duration::from_secs(6),
        share,
        kind,
    }
}

/// In the order of the report.
pub(super) fn all() -> Vec<Scenario> {
    let second = Duration::from_secs(1);
    vec![
        Scenario {
            weather: vec![deploy(100, second), antagonists(0.75), crashes(0.5)],
            most_seeds: u64::MAX,
            ..calm(
                "mesh",
                "All of it together: antagonists on 6 % of the machines, a crash every two seconds, and from 1 s to 9 s \
                 a rolling deploy of every endpoint.",
            )
        },
        Scenario {
            weather: vec![deploy(100, second), antagonists(0.75), crashes(0.5)],
            proxies: 20,
            ..calm(
                "gateways",
                "The same of 20 proxies, each of which meets every endpoint five times a second.",
            )
        },
        calm("calm", "Nothing happens."),
        Scenario {
            weather: vec![antagonists(1.5)],
            ..calm(
                "antagonists",
                "Every machine is taken from its four endpoints now and then: they are 2 to 8 times slower, for 2 s in \
                 the mean, 12 % of them at any time.",
            )
        },
        Scenario {
            weather: vec![trouble(0.05, Kind::Gone)],
            ..calm(
                "crash",
                "5 of 100 processes die at 3 s and are back at 6 s, cold.",
            )
        },
        Scenario {
            weather: vec![trouble(0.05, Kind::Hangs)],
            ..calm(
                "hang",
                "5 of 100 endpoints take requests and are silent from 3 s to 6 s.",
            )
        },
        Scenario {
            weather: vec![deploy(100, second / 5)],
            ..calm(
                "deploy",
                "Every endpoint is replaced, ten at a time, from 1 s to 9 s. The new ones are cold; the old ones go 0.2 s \
                 after the table has dropped them, which some proxies learn only after 0.5 s.",
            )
        },
        Scenario {
            demand: demand(EACH * 100.0, Some((second * 3..second * 6, 3.0))),
            ..calm(
                "overload",
                "Three times the demand from 3 s to 6 s: 1.7 times of what the endpoints can do.",
            )
        },
        Scenario {
            weather: vec![trouble(1.0, Kind::Fails(0.5))],
            ..calm(
                "retry_storm",
                "Every endpoint fails half of its requests from 3 s to 6 s.",
            )
        },
        Scenario {
            lasts: second * 3,
            most_seeds: 1,
            demand: demand(EACH * 10_000.0, None),
            endpoints: endpoints(10_000),
            weather: vec![antagonists(150.0), crashes(50.0)],
            ..calm(
                "large",
                "10,000 endpoints: antagonists on 12 % of the machines, 50 crashes a second.",
            )
        },
    ]
}

//! Whether the simulator tells the truth: against what queueing theory knows, and its own books.

use std::{collections::BTreeSet, time::Duration};

use crate::simulate::{
    demand::Demand,
    plan::Service,
    policies::Policies,
    result::Run,
    scenario::{Scenario, all},
    world::World,
};

/// Of the service times, in seconds.
const MEAN: f64 = 0.001;

/// So many that the mean wait is off by a few percent.
const REQUESTS: f64 = 200_000.0;

/// A log-normal service of 1 ms in the mean.
fn service(sigma: f64) -> Service {
    Service {
        median: Duration::from_secs_f64(MEAN / (sigma * sigma / 2.0).exp()),
        sigma,
        hiccups: (0.0, Duration::ZERO),
    }
}

/// The mean wait in seconds at one endpoint that works on so many at once and is so busy.
fn waited(sigma: f64, concurrency: usize, busy: f64) -> f64 {
    let rate = busy * concurrency as f64 / MEAN;
    let mut scenario = Scenario::of("a queue", 1, Demand::open(rate));
    scenario.lasts = Duration::from_secs_f64(REQUESTS / rate);
    scenario.endpoints[0].service = service(sigma);
    scenario.endpoints[0].concurrency = concurrency;
    let run = World::run(&scenario, &Policies::default_balancer(), 7);
    run.latency.mean() / 1e9 - MEAN
}

/// The mean wait where service times are exponential (Erlang's C formula).
fn erlang(concurrency: usize, busy: f64) -> f64 {
    let offered = busy * concurrency as f64;
    let mut term = 1.0;
    let mut sum = 0.0;
    for k in 0..concurrency {
        sum += term;
        term *= offered / (k + 1) as f64;
    }
    let all_busy = term / (1.0 - busy);
    all_busy / (sum + all_busy) * MEAN / (concurrency as f64 * (1.0 - busy))
}

fn assert_close(seen: f64, expected: f64, tolerance: f64) {
    let off = (seen / expected - 1.0).abs();
    assert!(off < tolerance, "{seen} s, not {expected} s");
}

#[test]
fn one_worker_keeps_requests_waiting_as_pollaczek_and_khinchine_say() {
    for (sigma, busy) in [(0.1, 0.5), (0.5, 0.5), (0.5, 0.8)] {
        let square = f64::exp(sigma * sigma);
        let expected = busy * MEAN * square / (2.0 * (1.0 - busy));
        assert_close(waited(sigma, 1, busy), expected, 0.05);
    }
}

#[test]
fn several_workers_keep_requests_waiting_as_erlang_says() {
    // As spread out as exponential times are, which is what the wait depends on but for some percent.
    let sigma = std::f64::consts::LN_2.sqrt();
    for (concurrency, busy) in [(2, 0.5), (2, 0.8), (8, 0.8)] {
        let expected = erlang(concurrency, busy);
        assert_close(waited(sigma, concurrency, busy), expected, 0.08);
    }
}

/// Every fleet with its weather, but small.
fn small() -> Vec<Scenario> {
    let fleets = all().into_iter().filter(Scenario::is_fleet);
    let smaller = fleets.map(|mut scenario| {
        scenario.proxies = 50;
        scenario.endpoints.truncate(20);
        if let Demand::Open(open) = &mut scenario.demand {
            open.rate = 2000.0;
        }
        scenario
    });
    smaller.collect()
}

#[test]
fn every_request_ends_exactly_once_whatever_happens() {
    for scenario in small() {
        for policies in scenario.rows() {
            let run = World::run(&scenario, policies, 3);
            let (name, ended) = (scenario.name, run.latency.len() + run.failed);
            assert!(run.sent > 1000, "{name}, {}", policies.name);
            assert_eq!(
                (ended, run.unfinished),
                (run.sent, 0),
                "{name}, {}",
                policies.name
            );
        }
    }
}

/// Everything that a run leaves, as text.
fn told(run: &Run) -> String {
    let bins = run.bins.iter();
    let bins: Vec<_> = bins
        .map(|bin| (bin.sent, bin.attempts, bin.failed, bin.latency.mean()))
        .collect();
    format!("{:?} {:?} {:?}", run.attempts, run.latency.mean(), bins)
}

#[test]
fn a_seed_repeats_a_run_to_the_last_request_and_another_does_not() {
    for scenario in small() {
        for policies in scenario.rows() {
            let runs = [7, 7, 8].map(|seed| told(&World::run(&scenario, policies, seed)));
            let different: BTreeSet<_> = runs.iter().collect();
            assert_eq!(runs[0], runs[1], "{}, {}", scenario.name, policies.name);
            assert_eq!(different.len(), 2, "{}, {}", scenario.name, policies.name);
        }
    }
}

#[test]
fn every_balancer_meets_the_same_demand() {
    for scenario in small() {
        let sent = |policies| World::run(&scenario, policies, 5).sent;
        let sent: BTreeSet<u64> = scenario.rows().map(sent).collect();
        assert_eq!(sent.len(), 1, "{}", scenario.name);
    }
}

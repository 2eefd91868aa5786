//! The bars of a mesh, in fewer seeds and smaller fleets than the report has: what may not be lost again.

use crate::simulate::{
    demand::Demand,
    policies::Policies,
    scenario::{Scenario, all},
    total::Total,
    world::World,
};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

/// A scenario of the report at a fifth of its size, so that each proxy and each endpoint has as much to do.
fn fifth(name: &str) -> Scenario {
    let mut scenario = all()
        .into_iter()
        .find(|it| it.name == name)
        .unwrap_or_else(|| panic!("no scenario `{name}`"));
    scenario.proxies /= 5;
    scenario.endpoints.truncate(20);
    if let Demand::Open(open) = &mut scenario.demand {
        open.rate /= 5.0;
    }
    scenario
}

fn total(scenario: &Scenario, policies: &Policies) -> Total {
    let mut total = Total::new();
    for seed in SEEDS {
        total.add(seed, &World::run(scenario, policies, seed));
    }
    total
}

fn default() -> Policies {
    Policies::default_balancer().protected()
}

#[test]
fn nobody_notices_that_a_process_dies() {
    let scenario = fifth("crash");
    let boxed = Policies::default_balancer().out_of_the_box();
    for (policies, bar) in [(default(), 0.0005), (boxed, 0.002)] {
        let failed = total(&scenario, &policies).failed_share();
        assert!(failed < bar, "{}: {failed}", policies.name);
    }
}

#[test]
fn an_endpoint_that_hangs_costs_time_but_no_requests() {
    let failed = total(&fifth("hang"), &default()).failed_share();
    assert!(failed < 0.001, "{failed}");
}

#[test]
fn a_rolling_deploy_of_cold_endpoints_goes_well_with_a_slow_start_and_better_than_without() {
    let scenario = fifth("deploy");
    let without = Policies {
        slow_start: None,
        ..default()
    };
    let [with, without] = [default(), without].map(|it| total(&scenario, &it).percentile(0.99));
    assert!(with < without, "{with} ms, not {without} ms");
}

#[test]
fn a_budget_bounds_what_a_storm_of_retries_adds() {
    let scenario = fifth("retry_storm");
    let without = Policies {
        budget: None,
        ..default()
    };
    let load = |policies: &Policies| total(&scenario, policies).load_within(scenario.slices());
    let [with, without] = [default(), without].map(|it| load(&it));
    assert!(with < without - 0.1, "{with} x, not {without} x");
}

#[test]
fn the_default_balancer_is_the_best_one_among_antagonists() {
    let scenario = fifth("antagonists");
    let default = default();
    let p99 = |policies: &Policies| total(&scenario, policies).percentile(0.99);
    let best = p99(&default);
    for policies in Policies::each_balancer().into_iter().skip(1) {
        let policies = policies.protected();
        let other = p99(&policies);
        assert!(
            best <= other * 1.02,
            "{best} ms, {} {other} ms",
            policies.name
        );
    }
}

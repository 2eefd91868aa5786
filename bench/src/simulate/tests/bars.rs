//! The bars that the default balancer must clear, under several seeds.
//!
//! A failure names its seed: `World::run` with it repeats the run to the last request.

use std::time::Duration;

use crate::simulate::{
    demand::Demand,
    plan::Kind,
    policies::Policies,
    result::Run,
    scenario::{
        Scenario,
        single::{BROKEN, MANY, ONE, SELDOM, SLOW},
    },
    world::World,
};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=4;

/// Holds the default balancer to a bar, whatever the seed.
fn always(scenario: &Scenario, bar: impl Fn(&Run) -> bool) {
    held_to(&Policies::default_balancer(), scenario, bar);
}

fn held_to(policies: &Policies, scenario: &Scenario, bar: impl Fn(&Run) -> bool) {
    for seed in SEEDS {
        let run = World::run(scenario, policies, seed);
        let (name, attempts) = (scenario.name, &run.attempts);
        assert!(
            bar(&run),
            "{name}, seed {seed}: {attempts:?}, {} failed, uneven by {:.3}, p99 {} ns, newcomer {:?} ns",
            run.failed,
            run.unevenness(),
            run.latency.value_at_quantile(0.99),
            run.newcomer_waited(),
        );
    }
}

fn share_of_the_bad(run: &Run) -> f64 {
    run.to_the_bad() as f64 / run.attempts.iter().sum::<u64>() as f64
}

#[test]
fn identical_endpoints_get_the_same_for_any_number_of_clients() {
    for clients in [ONE, MANY, SELDOM] {
        always(&Scenario::of("7 identical", 7, clients).lasting(2), |run| {
            run.unevenness() < 1.1
        });
    }
}

#[test]
fn hiccups_do_not_make_endpoints_unequal() {
    let scenario = Scenario::of("7 with hiccups", 7, ONE).lasting(5);
    always(&scenario.hiccups(0.0005, Duration::from_millis(5)), |run| {
        run.unevenness() < 1.1
    });
}

#[test]
fn a_mix_of_short_and_long_requests_does_not_make_endpoints_unequal() {
    let scenario = Scenario::of("7 of mixed work", 7, ONE).lasting(20);
    always(&scenario.hiccups(0.1, Duration::from_millis(20)), |run| {
        run.unevenness() < 1.1
    });
}

#[test]
fn an_endpoint_slow_by_50_ms_gets_next_to_nothing() {
    let scenario = Scenario::of("1 of 7 slow", 7, ONE).bad(1, SLOW);
    always(&scenario, |run| share_of_the_bad(run) < 1.0 / 20_000.0);
    let scenario = Scenario::of("1 of 7 slow", 7, MANY).bad(1, SLOW).lasting(2);
    always(&scenario, |run| run.attempts[0] < 64);
    let scenario = Scenario::of("1 of 7 slow", 7, SELDOM)
        .bad(1, SLOW)
        .lasting(60);
    always(&scenario, |run| {
        run.latency.value_at_quantile(0.999) < 5_000_000
    });
}

#[test]
fn a_silent_endpoint_gets_next_to_nothing_before_its_first_time_out() {
    let scenario = Scenario::of("1 of 10 is silent", 10, Demand::open(1e3)).silent();
    let policies = Policies {
        timeout: Some(Duration::from_secs(1)),
        ..Policies::default_balancer()
    };
    held_to(&policies, &scenario, |run| run.failed <= 2);
}

#[test]
fn slow_endpoints_take_what_they_can_of_a_load_near_the_limit() {
    let load = Demand::open(6e4);
    let scenario = Scenario::of("4 of 8 slower", 8, load)
        .bad(4, Kind::Times(4.0))
        .lasting(2);
    always(&scenario, |run| {
        run.latency.value_at_quantile(0.99) < 3_000_000
    });
}

#[test]
fn an_endpoint_that_fails_fast_draws_no_requests() {
    let sequential = Scenario::of("1 of 3 fails", 3, ONE)
        .bad(1, BROKEN)
        .lasting(5);
    always(&sequential, |run| run.failed <= 5);
    let concurrent = Scenario::of("1 of 3 fails", 3, MANY)
        .bad(1, BROKEN)
        .lasting(2);
    always(&concurrent, |run| run.failed <= 30);
}

#[test]
fn an_endpoint_that_fails_one_in_a_thousand_is_not_shunned() {
    let scenario = Scenario::of("1 of 7 fails 0.1 %", 7, MANY).bad(1, Kind::Fails(0.001));
    always(&scenario.lasting(2), |run| {
        (share_of_the_bad(run) * 7.0 - 1.0).abs() < 0.05
    });
}

#[test]
fn where_all_fail_alike_all_get_the_same() {
    let scenario = Scenario::of("7 of 7 fail", 7, MANY)
        .bad(7, Kind::Fails(0.2))
        .lasting(2);
    always(&scenario, |run| {
        let busiest = run.attempts.iter().max().copied().unwrap_or(0);
        let idlest = run.attempts.iter().min().copied().unwrap_or(0);
        (busiest as f64) < idlest as f64 * 1.1
    });
}

#[test]
fn a_new_endpoint_gets_its_first_request_at_once_and_then_its_share() {
    for clients in [ONE, MANY] {
        let scenario = Scenario::of("an 8th joins", 7, clients)
            .lasting(2)
            .newcomer();
        always(&scenario, |run| {
            let waited = run
                .newcomer_waited()
                .is_some_and(|nanos| nanos < 10_000_000);
            // There for half of the time.
            let share = run.attempts[7] as f64 / run.attempts.iter().sum::<u64>() as f64;
            waited && (0.055..0.075).contains(&share)
        });
    }
}

#[test]
fn every_balancer_honours_weights_under_load() {
    for policies in Policies::each_balancer() {
        let bar = if policies.name == "ring_hash" {
            1.4
        } else {
            1.1
        };
        for clients in [ONE, MANY] {
            let scenario = Scenario::of("weights 1 2 4", 3, clients)
                .weighted(&[1, 2, 4])
                .lasting(2);
            held_to(&policies, &scenario, |run| run.unevenness() < bar);
        }
    }
}

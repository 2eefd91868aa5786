//! What the policy promises, in numbers, for many kinds of endpoints: all on the virtual clock of the simulation.

use proptest::prelude::*;

use super::{
    simulation::{Outcome, Phase, Service, World},
    *,
};

const KINDS: [Service; 3] = [Service::Even, Service::Exponential, Service::TwoKinds];
const SERVERS: [usize; 4] = [4, 10, 50, 200];

/// Requests of 20 ms.
fn phase(servers: usize, load: f64, seconds: f64) -> Phase {
    Phase {
        seconds,
        servers,
        mean: 20_000.0,
        load,
        hanging: 0.0,
    }
}

/// Plays with each kind of endpoint; `check` gets what to call it.
fn each(play: impl Fn(&str, usize, World)) {
    for kind in KINDS {
        for servers in SERVERS {
            for seed in 0..2 {
                let world = World::new(Gradient::new(4, 1000), kind, seed);
                play(
                    &format!("{kind:?} x {servers}, seed {seed}"),
                    servers,
                    world,
                );
            }
        }
    }
}

#[track_caller]
fn within_three_times(what: &str, outcome: &Outcome, unloaded: &Outcome) {
    let times = outcome.quantile(0.99) / unloaded.quantile(0.99);
    assert!(times <= 3.0, "{what}: p99 is {times:.2} times");
}

#[track_caller]
fn goodput_over(what: &str, outcome: &Outcome, bar: f64) {
    assert!(
        outcome.goodput >= bar,
        "{what}: goodput {:.3}",
        outcome.goodput
    );
}

#[track_caller]
fn refused_under(what: &str, outcome: &Outcome, bar: f64) {
    let share = outcome.refused_share();
    assert!(share <= bar, "{what}: {share:.3} refused");
}

#[test]
fn at_three_times_the_capacity_nearly_all_of_it_is_of_use_and_nobody_waits_long() {
    each(|what, servers, mut world| {
        let calm = world.run(phase(servers, 0.5, 5.0));
        let onset = world.run(phase(servers, 3.0, 2.0));
        goodput_over(what, &onset, 0.8);
        let overload = world.run(phase(servers, 3.0, 8.0));
        goodput_over(what, &overload, 0.9);
        within_three_times(what, &overload, &calm);
        let after = world.run(phase(servers, 0.5, 5.0));
        refused_under(what, &after, 0.02);
        within_three_times(what, &after, &calm);
    });
}

#[test]
fn overload_that_goes_on_for_minutes_moves_nothing() {
    for kind in KINDS {
        let mut world = World::new(Gradient::new(4, 1000), kind, 1);
        let calm = world.run(phase(20, 0.5, 5.0));
        world.run(phase(20, 3.0, 5.0));
        let minutes = world.run(phase(20, 3.0, 300.0));
        goodput_over("minutes", &minutes, 0.95);
        within_three_times("minutes", &minutes, &calm);
        assert!(minutes.limit <= 60, "{}", minutes.limit);
    }
}

#[test]
fn healthy_traffic_is_let_through() {
    each(|what, servers, mut world| {
        // The first moments are for finding out how many there may be.
        world.run(phase(servers, 0.5, 2.0));
        refused_under(what, &world.run(phase(servers, 0.5, 20.0)), 0.01);
    });
}

#[test]
fn a_service_that_has_become_slower_for_good_is_not_strangled() {
    each(|what, servers, mut world| {
        world.run(phase(servers, 0.4, 5.0));
        let slower = |load| Phase {
            mean: 40_000.0,
            ..phase(servers, load, 10.0)
        };
        // The same requests a second as before.
        refused_under(what, &world.run(slower(0.8)), 0.15);
        refused_under(what, &world.run(slower(0.8)), 0.08);
    });
}

#[test]
fn slower_under_overload_is_told_from_overload() {
    each(|what, servers, mut world| {
        world.run(phase(servers, 0.5, 5.0));
        world.run(phase(servers, 3.0, 5.0));
        let slower = Phase {
            mean: 40_000.0,
            ..phase(servers, 3.0, 5.0)
        };
        world.run(slower);
        goodput_over(what, &world.run(slower), 0.8);
        // And back.
        world.run(phase(servers, 3.0, 5.0));
        goodput_over(what, &world.run(phase(servers, 3.0, 5.0)), 0.85);
    });
}

#[test]
fn half_of_the_endpoints_lost_under_overload_is_told_from_slower() {
    each(|what, servers, mut world| {
        if servers < 10 {
            return;
        }
        let calm = world.run(phase(servers, 0.5, 5.0));
        world.run(phase(servers, 3.0, 5.0));
        let fewer = phase(servers / 2, 6.0, 5.0);
        goodput_over(what, &world.run(fewer), 0.85);
        let outcome = world.run(fewer);
        goodput_over(what, &outcome, 0.85);
        within_three_times(what, &outcome, &calm);
    });
}

#[test]
fn overload_from_the_first_moment_does_not_pass_for_normal() {
    each(|what, servers, mut world| {
        let mut calm = World::new(Gradient::new(1000, 1000), Service::Even, 1);
        calm.run(phase(servers, 0.5, 1.0));
        world.run(phase(servers, 3.0, 10.0));
        let overload = world.run(phase(servers, 3.0, 10.0));
        goodput_over(what, &overload, 0.85);
        assert!(
            overload.limit as usize <= servers * 2 + 20,
            "{what}: {}",
            overload.limit
        );
    });
}

#[test]
fn a_tenth_that_hangs_does_not_close_the_cluster() {
    each(|what, servers, mut world| {
        world.run(phase(servers, 0.5, 5.0));
        let hanging = Phase {
            hanging: 0.1,
            ..phase(servers, 0.4, 10.0)
        };
        world.run(hanging);
        refused_under(what, &world.run(hanging), 0.15);
    });
}

#[test]
fn an_experiment_whose_traffic_ended_is_given_up() {
    let mut policy = Gradient::new(4, 1000);
    let mut now = 0;
    let mut answers = |policy: &mut Gradient, latency: u64, count: usize| {
        for _ in 0..count {
            now += 5_000;
            let sample = Sample {
                began: now - latency.min(now),
                latency,
                in_flight: 18,
                timed_out: false,
            };
            policy.observe(now, sample);
        }
        now
    };
    answers(&mut policy, 1_000, 100);
    let before = policy.limit();
    let mut now = answers(&mut policy, 20_000, 35);
    assert!(policy.probe.is_some());
    assert!(policy.limit() < before);
    now += 2 * PROBE_LOST;
    policy.tend(now);
    assert_eq!(policy.limit(), before);
}

proptest! {
    #[test]
    fn whatever_comes_the_cap_stays_between_its_bounds_or_one_for_an_experiment(
        (min, more) in (1..50u32, 0..500u32),
        samples in prop::collection::vec((0..50_000u64, 0..5_000_000u64, 1..2_000u32, any::<bool>()), 0..400),
    ) {
        let mut policy = Gradient::new(min, min + more);
        let mut now = 0;
        for (later, latency, in_flight, timed_out) in samples {
            now += later;
            let began = now.saturating_sub(latency);
            policy.observe(now, Sample { began, latency, in_flight, timed_out });
            let least = if policy.probe.is_some() { 1 } else { min };
            prop_assert!((least..=min + more).contains(&policy.limit()));
        }
    }
}

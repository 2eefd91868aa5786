//! What silence does to picks, on a virtual clock: an open load on ten endpoints, from which nothing but the balancer
//! keeps requests.

use std::collections::BTreeMap;

use proptest::prelude::{prop_assert, proptest};

use super::*;
use crate::{balance::Standing, endpoint::load::Outcome};

const ENDPOINTS: usize = 10;
const MILLISECOND: u64 = 1000;
const SECOND: u64 = 1000 * MILLISECOND;
const DECAY: Duration = Duration::from_secs(10);

/// All are open, always.
struct Loads(Vec<Load>);

impl View for Loads {
    fn load(&self, index: usize) -> &Load {
        &self.0[index]
    }

    fn standing(&self, _: usize) -> Standing {
        Standing::Open
    }
}

/// An endpoint's answer, or the end of waiting for one.
struct End {
    endpoint: usize,
    began: u64,
    outcome: Outcome,
}

struct World {
    loads: Loads,
    balancer: PeakEwma,
    rng: Rng,
    ends: BTreeMap<(u64, u64), End>,
    sent: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        Self {
            loads: Loads(std::iter::repeat_with(Load::new).take(ENDPOINTS).collect()),
            balancer: PeakEwma::new(&[1; ENDPOINTS], DECAY, &mut rng),
            rng,
            ends: BTreeMap::new(),
            sent: 0,
        }
    }

    /// Sends a request at `now`; what `takes` says of the endpoint that gets it, is when it ends and how. Which one it was.
    fn send(&mut self, now: u64, takes: impl Fn(usize, &mut Rng) -> (u64, Outcome)) -> usize {
        self.pass(now);
        let picked = self.balancer.pick(&self.loads, now, &mut self.rng);
        let endpoint = picked.expect("all are open");
        let load = &self.loads.0[endpoint];
        load.begin();
        load.ask(now, self.balancer.decay);
        let (after, outcome) = takes(endpoint, &mut self.rng);
        let end = End {
            endpoint,
            began: now,
            outcome,
        };
        self.sent += 1;
        self.ends.insert((now + after, self.sent), end);
        endpoint
    }

    /// What ends until `now`.
    fn pass(&mut self, now: u64) {
        while let Some(entry) = self.ends.first_entry()
            && entry.key().0 <= now
        {
            let (
                (now, _),
                End {
                    endpoint,
                    began,
                    outcome,
                },
            ) = entry.remove_entry();
            let load = &self.loads.0[endpoint];
            if outcome == Outcome::Success {
                load.answer(began, now);
            }
            load.observe(
                now,
                Duration::from_micros(now - began),
                outcome,
                self.balancer.decay,
            );
            load.give_up(began);
            load.end();
        }
    }
}

/// About 2 ms.
fn quick(_: usize, rng: &mut Rng) -> (u64, Outcome) {
    (rng.u64(1600..2400), Outcome::Success)
}

/// One says nothing any more, and its requests are given up after a second.
fn one_hangs(endpoint: usize, rng: &mut Rng) -> (u64, Outcome) {
    match endpoint {
        3 => (SECOND, Outcome::Failure),
        _ => quick(endpoint, rng),
    }
}

#[test]
fn an_endpoint_that_hangs_gets_a_request_or_two_before_its_first_time_out_and_none_for_seconds_after_it()
 {
    for seed in 0..100 {
        let mut world = World::new(seed);
        for now in (SECOND..2 * SECOND).step_by(1000) {
            world.send(now, quick);
        }
        let mut lost = 0;
        for now in (2 * SECOND..8 * SECOND).step_by(1000) {
            lost += usize::from(world.send(now, one_hangs) == 3);
        }
        assert!((1..=2).contains(&lost), "seed {seed}: {lost}");
    }
}

#[test]
fn an_endpoint_that_was_silent_for_the_decay_time_is_tried_again_by_one_request() {
    let mut world = World::new(1);
    for now in (SECOND..2 * SECOND).step_by(1000) {
        world.send(now, quick);
    }
    // Nobody gives up.
    let hangs = |endpoint, rng: &mut Rng| match endpoint {
        3 => (1000 * SECOND, Outcome::Failure),
        _ => quick(endpoint, rng),
    };
    let mut sent = Vec::new();
    for now in (2 * SECOND..20 * SECOND).step_by(1000) {
        if world.send(now, hangs) == 3 {
            sent.push(now / SECOND);
        }
    }
    assert_eq!(sent, [2, 12]);
}

proptest! {
    /// Answers of any length from one endpoint do not take its share from others that are like it.
    #[test]
    fn where_all_answer_alike_none_is_taken_for_silent(seed: u64, longest in 1u64..50) {
        let mut world = World::new(seed);
        let mut counts = [0u32; ENDPOINTS];
        for now in (SECOND..6 * SECOND).step_by(1000) {
            let takes = |_, rng: &mut Rng| (rng.u64(MILLISECOND..=longest * MILLISECOND), Outcome::Success);
            counts[world.send(now, takes)] += 1;
        }
        prop_assert!(counts.iter().all(|count| (450..=550).contains(count)), "{:?}", counts);
    }
}

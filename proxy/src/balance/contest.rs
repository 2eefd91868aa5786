//! A candidate in its turn, and a random challenger that may take its place.
//!
//! The usual choice of the better of two random endpoints is uneven where all are equally good: with one sequential
//! client, linkerd2-proxy gives the busiest of seven identical endpoints 2.2 times what the idlest gets, for nobody is
//! ever busy when it looks, and a new endpoint may wait for seconds. Here the candidate comes by smooth weighted round
//! robin, so that evenness, weights and a newcomer's first request within one round are given, and chance only draws
//! the challenger. It is drawn at random so that no endpoint, however good it looks, ever gets more than about twice
//! its share from those that are worse.

use fastrand::Rng;

use super::{Standing, View, random::Random, round_robin::RoundRobin};
use crate::endpoint::load::Load;

/// Whose turn it is, and who may challenge.
#[derive(Debug)]
pub(super) struct Contest {
    turns: RoundRobin,
    challengers: Random,
    /// What one request in flight counts at each endpoint: 1 at mean weight, a half at twice of it.
    shares: Box<[f32]>,
}

impl Contest {
    pub(super) fn new(weights: &[u32], rng: &mut Rng) -> Self {
        let sum: f64 = weights.iter().copied().map(f64::from).sum();
        let mean = sum / weights.iter().filter(|&&weight| weight > 0).count() as f64;
        let shares = weights
            .iter()
            .map(|&weight| (mean / f64::from(weight)) as f32)
            .collect();
        Self {
            turns: RoundRobin::new(weights, rng),
            challengers: Random::new(weights),
            shares,
        }
    }

    /// The candidate, unless the challenger `beats` it (called with challenger and candidate).
    pub(super) fn pick(
        &self,
        view: &impl View,
        rng: &mut Rng,
        beats: impl Fn(usize, usize) -> bool,
    ) -> Option<usize> {
        let candidate = self.turns.pick(view)?;
        // A candidate from the reserve is the last resort: nobody is open to challenge it.
        if view.standing(candidate) == Standing::Reserve {
            return Some(candidate);
        }
        match self.challengers.other_than(candidate, view, rng) {
            Some(challenger) if beats(challenger, candidate) => Some(challenger),
            _ => Some(candidate),
        }
    }

    /// Requests in flight, as if all weights were equal.
    pub(super) fn in_flight(&self, load: &Load, index: usize) -> f32 {
        load.in_flight() as f32 * self.shares[index]
    }
}

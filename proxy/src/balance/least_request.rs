//! The fewest requests in flight, by weight, of two: the one whose turn it is and a random one.

use fastrand::Rng;

use super::{View, contest::Contest};

/// The balancer.
#[derive(Debug)]
pub(super) struct LeastRequest(Contest);

impl LeastRequest {
    pub(super) fn new(weights: &[u32], rng: &mut Rng) -> Self {
        Self(Contest::new(weights, rng))
    }

    /// A tie goes to the candidate: where nobody is busy, weights alone decide.
    pub(super) fn pick(&self, view: &impl View, rng: &mut Rng) -> Option<usize> {
        let in_flight = |index| self.0.in_flight(view.load(index), index);
        self.0.pick(view, rng, |challenger, candidate| {
            in_flight(challenger) < in_flight(candidate)
        })
    }
}

//! The default: the endpoint whose turn it is, unless a random one is clearly cheaper.
//!
//! Cost is the wait to be expected: latency, times the requests that would then be in flight, times the price of recent
//! failures. In flight is taken by weight; the one request that is being placed is not, for the turns honour the
//! weights already.
//!
//! An answer that is late counts as soon as it is: the next one is not expected any sooner. An endpoint that hangs thus
//! gets a request or two, not one after another until the first one's time is up.
//!
//! Only the candidate's past fades. An endpoint that was slow or failed is thus tried again in a turn of its own, one
//! request at a time; as a challenger it would, once faded far enough, be the best of all and draw a herd.

use std::time::Duration;

use fastrand::Rng;

use super::{
    View,
    contest::Contest,
    estimate::{Decay, FailureShare},
};
use crate::endpoint::load::Load;

/// How much dearer than the challenger a candidate may be. Queues of equal endpoints differ by chance, and acting on
/// that only costs evenness: by the simulator, 1 puts weights off by a tenth, 2 triples what a four times slower
/// endpoint gets and makes tails longer.
const MARGIN: f32 = 1.25;

/// The balancer.
#[derive(Debug)]
pub(super) struct PeakEwma {
    contest: Contest,
    decay: Decay,
}

impl PeakEwma {
    pub(super) fn new(weights: &[u32], decay: Duration, rng: &mut Rng) -> Self {
        Self {
            contest: Contest::new(weights, rng),
            decay: Decay::over(decay),
        }
    }

    pub(super) fn pick(&self, view: &impl View, now: u64, rng: &mut Rng) -> Option<usize> {
        self.contest.pick(view, rng, |challenger, candidate| {
            let (own, other) = (view.load(candidate), view.load(challenger));
            let own_wait = self.wait(own, candidate, own.failure_share_left(now, self.decay));
            let other_wait = self.wait(other, challenger, other.failure_share());
            self.slowness(own, other, now) * own_wait > other_wait * MARGIN
        })
    }

    /// The requests before one that is placed there, and itself, times the price of failures.
    fn wait(&self, load: &Load, index: usize, failures: f32) -> f32 {
        (self.contest.in_flight(load, index) + 1.0) * FailureShare::price(failures)
    }

    /// How many times slower than the challenger the candidate is for certain: 1 if their ranges overlap. One that was
    /// never measured is neither fast nor slow, so that it neither draws all requests nor gets none.
    fn slowness(&self, candidate: &Load, challenger: &Load, now: u64) -> f32 {
        let expected = |load: &Load| load.expected(now, self.decay);
        match (expected(candidate), expected(challenger)) {
            (Some(own), Some(other)) if own.low > other.high => {
                (own.low * candidate.expected_left(now, self.decay) / other.high).max(1.0)
            }
            (Some(own), Some(other)) if own.high < other.low => own.high / other.low,
            _ => 1.0,
        }
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests;

//! The default: the endpoint whose turn it is, unless a random one is clearly cheaper.
//!
//! Cost is the wait to be expected: the peak-sensitive latency estimate times the requests that would then be in
//! flight, times the price of recent failures. In flight is taken by weight; the one request that is being placed is
//! not, for the turns honour the weights already.

use std::time::Duration;

use fastrand::Rng;

use super::{
    View,
    contest::Contest,
    estimate::{Decay, FailureShare},
};

/// How much dearer than the challenger a candidate may be. Latencies and queues of equal endpoints differ by chance,
/// and acting on that would only cost evenness; the simulator shows what lower and higher figures do.
const MARGIN: f32 = 1.5;

/// The balancer.
#[derive(Debug)]
pub(super) struct PeakEwma {
    contest: Contest,
    decay: Decay,
}

/// What an endpoint would cost.
struct Cost {
    latency: Option<f32>,
    load: f32,
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
            let challenger = self.cost(view, challenger, now);
            self.cost(view, candidate, now).exceeds(&challenger)
        })
    }

    fn cost(&self, view: &impl View, index: usize, now: u64) -> Cost {
        let load = view.load(index);
        let price = FailureShare::price(load.failure_share(now, self.decay));
        Cost {
            latency: load.latency(now, self.decay),
            load: (self.contest.in_flight(view, index) + 1.0) * price,
        }
    }
}

impl Cost {
    /// Whether it is clearly more. An endpoint that was never measured is neither fast nor slow: then load alone is
    /// compared, so that it neither draws all requests nor gets none.
    fn exceeds(&self, other: &Self) -> bool {
        match (self.latency, other.latency) {
            (Some(own), Some(its)) => own * self.load > its * other.load * MARGIN,
            _ => self.load > other.load * MARGIN,
        }
    }
}

//! Endpoints that can work on so many requests at once, and let the others wait: on a virtual clock, so that what the
//! policy makes of an overload of minutes is exact and takes milliseconds.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

use fastrand::Rng;

use super::{Gradient, Sample};

const SECOND: f64 = 1e6;

/// How long requests take when nobody waits.
#[derive(Clone, Copy, Debug)]
pub(super) enum Service {
    /// All the same, within a tenth.
    Even,
    /// Exponential: some take five times the mean.
    Exponential,
    /// Nine of ten take half of the mean, one five and a half times of it.
    TwoKinds,
}

/// One phase of what is going on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Phase {
    pub seconds: f64,
    /// What they can work on at once.
    pub servers: usize,
    /// Mean time of service in microseconds.
    pub mean: f64,
    /// Offered, in parts of what they can do.
    pub load: f64,
    /// The share of requests that hang until they are given up, after a second.
    pub hanging: f64,
}

/// What came of a phase.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    pub offered: usize,
    pub refused: usize,
    /// Answered, in parts of what the servers could have done.
    pub goodput: f64,
    /// Of those accepted and answered, sorted, in microseconds.
    pub latencies: Vec<f64>,
    pub limit: u32,
}

impl Outcome {
    pub(super) fn quantile(&self, part: f64) -> f64 {
        self.latencies[((self.latencies.len() - 1) as f64 * part) as usize]
    }

    pub(super) fn refused_share(&self) -> f64 {
        self.refused as f64 / self.offered as f64
    }
}

#[derive(Clone, Copy)]
struct Request {
    began: u64,
    in_flight: u32,
    hangs: bool,
}

/// Endpoints, the line before them, and the policy.
pub(super) struct World {
    pub policy: Gradient,
    service: Service,
    rng: Rng,
    now: f64,
    /// Ends of service, and of patience with those that hang.
    ends: BinaryHeap<Reverse<(u64, u64, bool)>>,
    requests: Vec<Request>,
    line: VecDeque<usize>,
    working: usize,
    in_flight: u32,
}

/// Nobody waits longer for an answer.
const PATIENCE: u64 = 1_000_000;

impl World {
    pub(super) fn new(policy: Gradient, service: Service, seed: u64) -> Self {
        Self {
            policy,
            service,
            rng: Rng::with_seed(seed),
            now: 0.0,
            ends: BinaryHeap::new(),
            requests: Vec::new(),
            line: VecDeque::new(),
            working: 0,
            in_flight: 0,
        }
    }

    /// Lets a phase pass.
    pub(super) fn run(&mut self, phase: Phase) -> Outcome {
        let mut outcome = Outcome::default();
        let capacity = phase.servers as f64 / phase.mean;
        let end = self.now + phase.seconds * SECOND;
        let mut arrival = self.now + self.exponential(1.0 / (capacity * phase.load));
        let mut tended = self.now;
        loop {
            let next = self
                .ends
                .peek()
                .map_or(f64::INFINITY, |next| next.0.0 as f64);
            self.now = arrival.min(next);
            if self.now >= end {
                break;
            }
            if self.now - tended > SECOND / 4.0 {
                tended = self.now;
                self.policy.tend(self.now as u64);
            }
            if next <= arrival {
                self.end(&phase, &mut outcome);
            } else {
                self.arrive(&phase, &mut outcome);
                arrival = self.now + self.exponential(1.0 / (capacity * phase.load));
            }
        }
        self.now = end;
        outcome.goodput = outcome.latencies.len() as f64 / (capacity * phase.seconds * SECOND);
        outcome.latencies.sort_unstable_by(f64::total_cmp);
        outcome.limit = self.policy.limit();
        outcome
    }

    fn arrive(&mut self, phase: &Phase, outcome: &mut Outcome) {
        outcome.offered += 1;
        if self.in_flight >= self.policy.limit() {
            outcome.refused += 1;
            return;
        }
        self.in_flight += 1;
        let hangs = self.rng.f64() < phase.hanging;
        let id = self.requests.len();
        self.requests.push(Request {
            began: self.now as u64,
            in_flight: self.in_flight,
            hangs,
        });
        if hangs {
            self.ends
                .push(Reverse((self.now as u64 + PATIENCE, id as u64, false)));
        } else if self.working < phase.servers {
            self.serve(id, phase);
        } else {
            self.line.push_back(id);
        }
    }

    fn serve(&mut self, id: usize, phase: &Phase) {
        self.working += 1;
        let factor = match self.service {
            Service::Even => 0.95 + self.rng.f64() / 10.0,
            Service::Exponential => self.exponential(1.0),
            Service::TwoKinds if self.rng.u32(..10) == 0 => 5.5,
            Service::TwoKinds => 0.5,
        };
        let end = self.now + phase.mean * factor;
        self.ends.push(Reverse((end as u64 + 1, id as u64, true)));
    }

    fn end(&mut self, phase: &Phase, outcome: &mut Outcome) {
        let Some(Reverse((now, id, answered))) = self.ends.pop() else {
            return;
        };
        let request = self.requests[id as usize];
        let latency = now - request.began;
        self.in_flight -= 1;
        let sample = Sample {
            began: request.began,
            latency,
            in_flight: request.in_flight,
            timed_out: request.hangs,
        };
        self.policy.observe(now, sample);
        if answered {
            outcome.latencies.push(latency as f64);
            self.working -= 1;
            while self.working < phase.servers
                && let Some(next) = self.line.pop_front()
            {
                self.serve(next, phase);
            }
        }
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.rng.f64()).ln()
    }
}

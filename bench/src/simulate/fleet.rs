//! Endpoints as they behave, not as the balancer sees them.

use std::{collections::VecDeque, f64::consts::TAU, time::Duration};

use fastrand::Rng;

use super::nanos;

/// How one endpoint behaves during a run.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Its configured weight.
    pub weight: u32,
    /// How long it takes for a request once it is at it.
    pub service: Service,
    /// Requests that it works on at once; others wait in line.
    pub concurrency: usize,
    /// When it joins the set.
    pub joins: Duration,
    /// What is wrong with it, if anything.
    pub trouble: Option<Trouble>,
}

/// A distribution of service times: log-normal, as those of real services are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Service {
    /// Half of the requests are faster.
    pub median: Duration,
    /// The spread: 0.5 puts the 99th percentile at 3.2 medians.
    pub sigma: f64,
    /// This share of requests meets a hiccup (a scheduler, a collector) and takes so much longer.
    pub hiccups: (f64, Duration),
}

/// Something wrong with an endpoint, for a time.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub from: Duration,
    pub until: Duration,
    pub kind: Kind,
}

/// What is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// Every request takes this much longer.
    Slow(Duration),
    /// Every request takes so many times as long.
    Times(u64),
    /// This share of requests fails, at once: faster than any success.
    Fails(f64),
}

/// What becomes of a request at an endpoint.
pub(super) struct Fate {
    pub takes: u64,
    pub fails: bool,
}

/// An endpoint at work.
pub(super) struct Server {
    plan: Plan,
    working: usize,
    line: VecDeque<usize>,
}

impl Plan {
    /// Healthy, there from the start, two requests at once.
    pub(super) fn ordinary() -> Self {
        let service = Service {
            median: Duration::from_micros(100),
            sigma: 0.5,
            hiccups: (0.0, Duration::ZERO),
        };
        Self {
            weight: 1,
            service,
            concurrency: 2,
            joins: Duration::ZERO,
            trouble: None,
        }
    }

    /// The same, but unwell for a time.
    pub(super) fn during(mut self, time: std::ops::Range<Duration>, kind: Kind) -> Self {
        self.trouble = Some(Trouble {
            from: time.start,
            until: time.end,
            kind,
        });
        self
    }
}

impl Service {
    fn sample(&self, rng: &mut Rng) -> f64 {
        // Box and Muller: a normal number from two even ones.
        let normal = (-2.0 * (1.0 - rng.f64()).ln()).sqrt() * (TAU * rng.f64()).cos();
        let hiccup = if rng.f64() < self.hiccups.0 {
            self.hiccups.1
        } else {
            Duration::ZERO
        };
        self.median.as_nanos() as f64 * (self.sigma * normal).exp() + hiccup.as_nanos() as f64
    }
}

impl Server {
    pub(super) fn new(plan: Plan) -> Self {
        Self {
            plan,
            working: 0,
            line: VecDeque::new(),
        }
    }

    /// A request arrives: whether work on it starts at once, or it waits in line.
    pub(super) fn admit(&mut self, request: usize) -> bool {
        if self.working < self.plan.concurrency {
            self.working += 1;
            return true;
        }
        self.line.push_back(request);
        false
    }

    /// Work on a request is over: whose turn is it?
    pub(super) fn next(&mut self) -> Option<usize> {
        let next = self.line.pop_front();
        if next.is_none() {
            self.working -= 1;
        }
        next
    }

    /// What becomes of a request that work starts on now.
    pub(super) fn fate(&self, now: u64, rng: &mut Rng) -> Fate {
        let takes = self.plan.service.sample(rng) as u64;
        match self.trouble(now) {
            Some(Kind::Slow(by)) => Fate {
                takes: takes + nanos(by),
                fails: false,
            },
            Some(Kind::Times(times)) => Fate {
                takes: takes * times,
                fails: false,
            },
            Some(Kind::Fails(share)) if rng.f64() < share => Fate {
                takes: takes / 2,
                fails: true,
            },
            _ => Fate {
                takes,
                fails: false,
            },
        }
    }

    fn trouble(&self, now: u64) -> Option<Kind> {
        let trouble = self.plan.trouble.as_ref()?;
        (nanos(trouble.from)..nanos(trouble.until))
            .contains(&now)
            .then_some(trouble.kind)
    }
}

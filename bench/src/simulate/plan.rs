//! How an endpoint will behave in a run, written down before the run begins: no policy can change its luck.

use std::{f64::consts::TAU, ops::Range, time::Duration};

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
    /// The machine that it shares with its neighbours.
    pub host: usize,
    /// While the table lists it.
    pub listed: Range<Duration>,
    /// What it has to go through once it has been started during the run.
    pub cold: Cold,
    /// What is wrong with it, if anything.
    pub troubles: Vec<Trouble>,
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

/// Caches and compilers warm up by requests, not by time: the first one takes so many times as long, the last of so
/// many no longer than any.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cold {
    pub times: f64,
    pub requests: u32,
}

/// Something wrong with an endpoint, for a time.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub from: Duration,
    pub until: Duration,
    pub kind: Kind,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// Every request takes this much longer.
    Slow(Duration),
    /// Every request takes so many times as long.
    Times(f64),
    /// This share of requests fails, at once: faster than any success.
    Fails(f64),
    /// It takes requests and is silent until the trouble is over.
    Hangs,
    /// The process is gone, and with it what it had; connections are refused. It comes back cold.
    Gone,
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
            host: 0,
            listed: Duration::ZERO..Duration::MAX,
            cold: Cold::NEVER,
            troubles: Vec::new(),
        }
    }

    /// The same, but unwell for a time.
    pub(super) fn during(mut self, time: Range<Duration>, kind: Kind) -> Self {
        self.trouble(time, kind);
        self
    }

    pub(super) fn trouble(&mut self, time: Range<Duration>, kind: Kind) {
        self.troubles.push(Trouble {
            from: time.start,
            until: time.end,
            kind,
        });
    }

    /// Whether it is well for as long as it is listed.
    pub(super) fn is_well(&self) -> bool {
        let hurts = |trouble: &Trouble| trouble.from < self.listed.end;
        !self.troubles.iter().any(hurts)
    }

    /// When its process goes, once for each time.
    pub(super) fn deaths(&self) -> impl Iterator<Item = u64> {
        let gone = self.troubles.iter().filter(|it| it.kind == Kind::Gone);
        gone.map(|trouble| nanos(trouble.from))
    }
}

impl Service {
    /// A service time in nanoseconds.
    pub(super) fn sample(&self, rng: &mut Rng) -> f64 {
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

impl Cold {
    /// As fast from the first request on.
    pub(super) const NEVER: Self = Self {
        times: 1.0,
        requests: 0,
    };

    /// How many times as long the next request takes, after so many.
    pub(super) fn after(self, served: u32) -> f64 {
        let left = self.requests.saturating_sub(served) as f64 / f64::from(self.requests.max(1));
        1.0 + (self.times - 1.0) * left
    }
}

impl Trouble {
    pub(super) fn at(&self, now: u64) -> bool {
        (nanos(self.from)..nanos(self.until)).contains(&now)
    }
}

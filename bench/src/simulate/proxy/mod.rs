//! One client of the fleet: a sidecar with what it alone has learned of its endpoints. Proxies share nothing.
//!
//! What an endpoint's condition means for a pick is as in the proxy's `endpoint/mod.rs`, over flat memory: a thousand
//! proxies that know ten thousand endpoints each fit into a gigabyte.

mod cap;
mod ejection;
mod view;

use std::{rc::Rc, time::Duration};

use fastrand::Rng;
use outrigger::{
    balance::{Balancer, estimate::Decay, seed},
    endpoint::{
        condition::{Condition, State},
        load::{Load, Outcome},
        slow_start::SlowStart,
    },
    hedge::digest::Digest,
    outlier_detection::{Cause, Failure},
    retry::budget::{Budget, Verdict},
};

use cap::Cap;

use super::{outliers::Outliers, policies::Policies, table::Table};

/// When a probe that nothing was heard of is given up for lost, in microseconds: the proxy's.
const PROBE_LOST: u64 = 10_000_000;

/// Times are in microseconds.
pub(super) struct Proxy {
    /// The last table that reached it, and the balancer made for it.
    table: Rc<Table>,
    balancer: Rc<Balancer>,
    /// By endpoint.
    loads: Vec<Load>,
    conditions: Vec<Condition>,
    next_probe: u64,
    slow_start: Option<SlowStart>,
    decay: Decay,
    outliers: Option<Outliers>,
    budget: Option<Budget>,
    /// Requests ever.
    requests: u64,
    hedging: Option<Hedging>,
    cap: Option<Cap>,
}

/// When a second attempt goes out beside the first.
struct Hedging {
    percentile: f64,
    digest: Digest,
    delay: Option<Duration>,
}

/// An attempt's endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Picked {
    pub endpoint: u32,
    /// The attempt is to see whether the endpoint is well again.
    pub is_probe: bool,
    began: u64,
    /// Attempts in flight when it began, itself included, where anybody counts them.
    in_flight: u32,
}

/// How an attempt ended, as the policies have it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Success,
    Failure(Failure),
    /// Another attempt was faster.
    Abandoned,
}

impl Proxy {
    pub(super) fn new(
        table: &Rc<Table>,
        endpoints: usize,
        policies: &Policies,
        rng: &mut Rng,
    ) -> Self {
        let hedging = |&percentile: &f64| Hedging {
            percentile,
            digest: Digest::new(0),
            delay: None,
        };
        let outliers = |policy| Outliers::new(policy, endpoints);
        let conditions = std::iter::repeat_with(Condition::new);
        Self {
            table: Rc::clone(table),
            balancer: table.balancer(rng),
            loads: std::iter::repeat_with(Load::new).take(endpoints).collect(),
            conditions: conditions.take(endpoints).collect(),
            next_probe: u64::MAX,
            slow_start: policies.slow_start.map(SlowStart::over),
            decay: Decay::over(policies.decay()),
            outliers: policies.outliers.as_ref().map(outliers),
            budget: policies.budget.map(|policy| Budget::new(policy, 0, 0)),
            requests: 0,
            hedging: policies.hedge.as_ref().map(hedging),
            cap: policies.adaptive.map(Cap::new),
        }
    }

    /// A new table reaches it.
    pub(super) fn learn(&mut self, table: &Rc<Table>, now: u64, rng: &mut Rng) {
        // Pushes that overtake each other: only the newer one counts.
        if table.version <= self.table.version {
            return;
        }
        if self.slow_start.is_some() {
            let new = table.set.iter().filter(|&it| !self.table.lists(*it));
            new.for_each(|&endpoint| self.conditions[endpoint as usize].warm_up(now));
        }
        self.table = Rc::clone(table);
        self.balancer = table.balancer(rng);
        let set = table.set.iter();
        seed(set.map(|&endpoint| &self.loads[endpoint as usize]), now);
    }

    /// It is given one more request.
    pub(super) fn request(&mut self) {
        self.requests += 1;
    }

    /// Begins an attempt: picks its endpoint. There may be none, or no room.
    pub(super) fn begin(
        &mut self,
        now: u64,
        key: u64,
        tried: &[u32],
        rng: &mut Rng,
    ) -> Option<Picked> {
        let in_flight = match &mut self.cap {
            Some(cap) => cap.enter()?,
            None => 0,
        };
        let probed = (now >= self.next_probe && tried.is_empty())
            .then(|| self.probe(now))
            .flatten();
        let endpoint = match probed {
            Some(endpoint) => endpoint,
            None => self.pick(now, key, tried, rng)?,
        };
        let load = &self.loads[endpoint as usize];
        load.begin();
        load.ask(now, self.decay);
        Some(Picked {
            endpoint,
            is_probe: probed.is_some(),
            began: now,
            in_flight,
        })
    }

    fn probe(&mut self, now: u64) -> Option<u32> {
        let mut set = self.table.set.iter().copied();
        let lost = now + PROBE_LOST;
        let probed = set.find(|&it| self.conditions[it as usize].probe(now, lost));
        self.expect_probe();
        probed
    }

    /// Notes when the next ejected endpoint may be probed.
    fn expect_probe(&mut self) {
        let set = self.table.set.iter();
        let conditions = set.map(|&it| self.conditions[it as usize].load());
        let times = conditions.filter_map(|seen| match seen.state {
            State::Ejected { until } | State::Probing { until } => Some(until),
            State::Ready | State::Warming { .. } => None,
        });
        self.next_probe = times.min().unwrap_or(u64::MAX);
    }

    /// An attempt is over.
    pub(super) fn end(
        &mut self,
        now: u64,
        picked: Picked,
        ending: Ending,
        took: Duration,
        rng: &mut Rng,
    ) {
        let load = &self.loads[picked.endpoint as usize];
        if ending.is_answer() {
            load.answer(picked.began, now);
        }
        load.observe(now, took, ending.outcome(), self.decay);
        load.give_up(picked.began);
        load.end();
        if let (Some(hedging), Ending::Success) = (&mut self.hedging, ending) {
            hedging.digest.observe(now, took.as_micros() as u64);
        }
        if let Some(cap) = &mut self.cap {
            cap.leave();
            let timed_out = matches!(ending, Ending::Failure(Failure::Timeout));
            if timed_out || matches!(ending, Ending::Success) {
                cap.observe(now, took, picked.in_flight, timed_out);
            }
        }
        let failure = match ending {
            Ending::Success => None,
            Ending::Failure(failure) => Some(failure),
            // Nothing was learned: the next request is a probe, too.
            Ending::Abandoned if picked.is_probe => return self.keep_out(picked.endpoint, now),
            Ending::Abandoned => return,
        };
        let Some(outliers) = &mut self.outliers else {
            return;
        };
        let cause = match (picked.is_probe, failure) {
            (true, None) => return self.restore(picked.endpoint, now),
            (true, Some(failure)) => Some(Cause::Probe(failure)),
            (false, failure) => outliers.count(picked.endpoint, failure, took),
        };
        if let Some(cause) = cause {
            self.eject(picked.endpoint, now, cause, rng);
        }
    }

    /// One more attempt is made in place of one that reached nobody: it need not ask.
    pub(super) fn charge(&mut self, now: u64) {
        if let Some(budget) = &mut self.budget {
            budget.charge(now, self.requests);
        }
    }

    /// Whether the budget bears one more attempt.
    pub(super) fn may_retry(&mut self, now: u64) -> bool {
        let requests = self.requests;
        let Some(budget) = &mut self.budget else {
            return true;
        };
        budget.withdraw(now, requests) == Verdict::Granted
    }

    /// How long an attempt may take before it gets company.
    pub(super) fn hedge_after(&self) -> Option<Duration> {
        self.hedging.as_ref()?.delay
    }

    /// Attempts that it has begun and not ended, as its loads say.
    pub(super) fn in_flight(&self) -> usize {
        let loads = self.loads.iter();
        loads.map(|load| load.in_flight() as usize).sum()
    }

    /// What changes with time alone.
    pub(super) fn tend(&mut self, now: u64, rng: &mut Rng) {
        let warm = self.slow_start.map_or(now, |it| it.warm(now));
        for &endpoint in &self.table.set {
            let condition = &self.conditions[endpoint as usize];
            if !condition.clear() {
                condition.settle(warm);
            }
        }
        if let Some(hedging) = &mut self.hedging {
            let delay = hedging.digest.quantile(now, hedging.percentile);
            hedging.delay = delay.map(Duration::from_micros);
        }
        if let Some(cap) = &mut self.cap {
            cap.tend(now);
        }
        let (table, requests) = (Rc::clone(&self.table), self.requests);
        if let Some(budget) = &mut self.budget {
            budget.tend(now, requests);
        }
        if let Some(mut outliers) = self.outliers.take() {
            let set = table.set.iter().copied();
            let in_service: Vec<u32> = set.filter(|&it| !self.is_out(it)).collect();
            let found = outliers.compare(now, &in_service);
            self.outliers = Some(outliers);
            for (endpoint, cause) in found {
                self.eject(endpoint, now, cause, rng);
            }
        }
    }
}

impl Ending {
    fn is_answer(self) -> bool {
        matches!(self, Self::Success | Self::Failure(Failure::ServerError))
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::Success => Outcome::Success,
            Self::Failure(_) => Outcome::Failure,
            Self::Abandoned => Outcome::Abandoned,
        }
    }
}

//! One client of the fleet: a sidecar with what it alone has learned of its endpoints. Proxies share nothing.
//!
//! What an endpoint's condition means for a pick is as in the proxy's `endpoint/mod.rs`, over flat memory: a thousand
//! proxies that know ten thousand endpoints each fit into a gigabyte.

use std::rc::Rc;

use fastrand::Rng;
use outrigger::{
    balance::{Balancer, Standing, View, seed},
    endpoint::{
        condition::{Condition, Seen, State},
        load::Load,
        slow_start::SlowStart,
    },
};

use super::{policies::Policies, table::Table};

/// When a probe that nothing was heard of is given up for lost, in microseconds: the proxy's.
const PROBE_LOST: u64 = 10_000_000;

/// Times are in microseconds.
pub(super) struct Proxy {
    /// The last table that reached it, and the balancer made for it.
    table: Rc<Table>,
    balancer: Rc<Balancer>,
    /// By endpoint.
    pub loads: Vec<Load>,
    conditions: Vec<Condition>,
    next_probe: u64,
    slow_start: Option<SlowStart>,
}

impl Proxy {
    pub(super) fn new(
        table: &Rc<Table>,
        endpoints: usize,
        policies: &Policies,
        rng: &mut Rng,
    ) -> Self {
        Self {
            table: Rc::clone(table),
            balancer: table.balancer(rng),
            loads: std::iter::repeat_with(Load::new).take(endpoints).collect(),
            conditions: std::iter::repeat_with(Condition::new)
                .take(endpoints)
                .collect(),
            next_probe: u64::MAX,
            slow_start: policies.slow_start.map(SlowStart::over),
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
        let loads = table
            .set
            .iter()
            .map(|&endpoint| &self.loads[endpoint as usize]);
        seed(loads, now);
    }

    /// Picks an endpoint for an attempt, and whether the attempt is its probe.
    pub(super) fn pick(&mut self, now: u64, key: u64, tried: &[u32], rng: &mut Rng) -> Option<u32> {
        if now >= self.next_probe
            && tried.is_empty()
            && let Some(endpoint) = self.probe(now)
        {
            return Some(endpoint);
        }
        let attempt = Attempt {
            proxy: self,
            tried,
            now,
        };
        let picked = self.balancer.pick(&attempt, now, Some(key), rng)?;
        Some(self.table.set[picked])
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

    /// Attempts that it has begun and not ended, as its loads say.
    pub(super) fn in_flight(&self) -> usize {
        let loads = self.loads.iter();
        loads.map(|load| load.in_flight() as usize).sum()
    }

    /// What changes with time alone.
    pub(super) fn tend(&mut self, now: u64) {
        if let Some(slow_start) = self.slow_start {
            for &endpoint in &self.table.set {
                let condition = &self.conditions[endpoint as usize];
                if !condition.clear() {
                    condition.settle(slow_start.warm(now));
                }
            }
        }
    }
}

/// What one attempt's pick sees.
struct Attempt<'a> {
    proxy: &'a Proxy,
    tried: &'a [u32],
    now: u64,
}

impl Attempt<'_> {
    fn warming(&self, endpoint: u32, since: u64) -> Standing {
        match self.proxy.slow_start {
            Some(slow_start) if !slow_start.takes(u64::from(endpoint), since, self.now) => {
                Standing::Reserve
            }
            _ => Standing::Open,
        }
    }
}

impl View for Attempt<'_> {
    fn load(&self, index: usize) -> &Load {
        &self.proxy.loads[self.proxy.table.set[index] as usize]
    }

    fn standing(&self, index: usize) -> Standing {
        let endpoint = self.proxy.table.set[index];
        let Seen { down, state } = self.proxy.conditions[endpoint as usize].load();
        match state {
            _ if down => Standing::Out,
            State::Ejected { .. } | State::Probing { .. } => Standing::Out,
            _ if self.tried.contains(&endpoint) => Standing::Reserve,
            State::Ready => Standing::Open,
            State::Warming { since } => self.warming(endpoint, since),
        }
    }
}

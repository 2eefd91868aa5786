//! The endpoints of a cluster: their addresses, their shared state, and the balancers made for just this set.

// Named here, so that the loom test can put its own in this place.
use std::sync::atomic;

mod attempt;
pub mod condition;
pub mod load;
mod partition;
mod pick;
mod plan;
mod set;
pub mod slow_start;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use arc_swap::ArcSwap;
use foldhash::HashMap;
use outrigger_config::model;

use crate::{
    balance::seed,
    clock,
    control::Counts,
    health_check::Report,
    outlier_detection::{Strikes, Tally},
    telemetry::metrics::{ClusterMetrics, EndpointState, Label as _},
};
use atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use condition::{Condition, Seen, State};
use load::Load;
pub use pick::{PROBE_LOST, Picked};
use set::Rules;
pub use set::Set;
use slow_start::SlowStart;

/// One address of a cluster, for as long as the cluster lists it.
pub struct Endpoint {
    /// Unique in the process: what pools are found by.
    pub id: u64,
    /// Where it listens.
    pub address: SocketAddr,
    /// What is known of its load.
    pub load: Load,
    /// What stands between it and its requests.
    pub condition: Condition,
    /// What its health check last came to.
    pub health: Report,
    /// Its failures in a row.
    pub strikes: Strikes,
    /// What it did lately, if anything looks at that.
    pub tally: OnceLock<Box<Tally>>,
    /// What it did since it was last reported, if somebody wants reports.
    pub counts: OnceLock<Box<Counts>>,
    /// No cluster lists it any more: its pools may go.
    pub retired: AtomicBool,
}

/// An endpoint, with what was listed of it.
pub type Member = (Arc<Endpoint>, model::Endpoint);

impl Endpoint {
    /// Of which nothing is known yet.
    pub fn new(address: SocketAddr) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Relaxed);
        Arc::new(Self {
            id,
            address,
            load: Load::new(),
            condition: Condition::new(),
            health: Report::default(),
            strikes: Strikes::new(),
            tally: OnceLock::new(),
            counts: OnceLock::new(),
            retired: AtomicBool::new(false),
        })
    }

    /// What it did lately, from now on.
    pub fn tally(&self) -> &Tally {
        self.tally.get_or_init(Box::default)
    }
}

/// A cluster's endpoints of now. Written by the control thread alone, read by every pick.
pub struct Endpoints {
    rules: Rules,
    slow_start: Option<SlowStart>,
    set: ArcSwap<Set>,
    /// When the next ejected endpoint may be probed, in microseconds. At most a tending late.
    next_probe: AtomicU64,
}

impl Endpoints {
    /// None yet, for a process that runs in `zone`.
    pub fn new(cluster: &model::Cluster, zone: Option<&Arc<str>>) -> Self {
        let rules = Rules {
            balancer: cluster.balancer.clone(),
            home: match cluster.zones {
                model::Zones::PreferLocal => zone.cloned(),
                model::Zones::Ignore => None,
            },
            panic_threshold: cluster.panic_threshold,
        };
        Self {
            slow_start: cluster.slow_start.map(SlowStart::over),
            set: ArcSwap::from_pointee(Set::new(Vec::new(), &rules)),
            next_probe: AtomicU64::new(u64::MAX),
            rules,
        }
    }

    /// The set of now.
    pub fn load(&self) -> arc_swap::Guard<Arc<Set>> {
        self.set.load()
    }

    /// Lists other endpoints. Those that stay, by address, keep their state; so do those `before` had.
    pub fn update(&self, listed: &[model::Endpoint], before: Option<&Self>) {
        let old = before.unwrap_or(self).set.load_full();
        let known = known(old.members(), listed);
        let now = clock::now();
        let members = (0..).zip(listed).map(|(place, listed)| {
            let endpoint = known(place, listed.address).map_or_else(
                || {
                    let endpoint = Endpoint::new(listed.address);
                    // The first of a cluster are all equally cold, and there is nobody to go easy in place of them.
                    if !old.members().is_empty() && self.slow_start.is_some() {
                        endpoint.condition.warm_up(now);
                    }
                    endpoint
                },
                Arc::clone,
            );
            (endpoint, listed.clone())
        });
        let set = Set::new(members.collect(), &self.rules);
        // A newcomer is taken for an ordinary member of the set, neither avoided nor overrun.
        seed(
            set.members().iter().map(|(endpoint, _)| &endpoint.load),
            now,
        );
        self.set.store(Arc::new(set));
        if before.is_none() {
            old.retire_all_but(&self.set.load());
        }
    }

    /// As they were listed, those of a level and zone together.
    pub fn listed(&self) -> Vec<model::Endpoint> {
        self.set
            .load()
            .members()
            .iter()
            .map(|(_, listed)| listed.clone())
            .collect()
    }

    /// Ejects an endpoint until then, in microseconds.
    pub fn eject(&self, endpoint: &Endpoint, until: u64) {
        endpoint.condition.eject(until);
        self.next_probe.fetch_min(until, Relaxed);
    }

    /// What changes with time alone. `now` is in microseconds.
    pub fn tend(&self, now: u64) {
        let set = self.set.load();
        let warm = self
            .slow_start
            .map_or(now, |slow_start| slow_start.warm(now));
        for (endpoint, _) in set.members() {
            if !endpoint.condition.clear() {
                endpoint.condition.settle(warm);
            }
        }
        self.next_probe.store(set.next_probe(), Relaxed);
        self.assess();
    }

    /// Shares requests out anew if what is available has changed. Done in tending alone, so that no worker ever looks at
    /// all endpoints: until then picks go round what is out.
    fn assess(&self) {
        let set = self.set.load();
        let plan = set.planned(&self.rules);
        if plan != *set.plan() {
            self.set.store(Arc::new(set.under(plan)));
        }
    }

    /// Shows how many there are in which state.
    pub fn count(&self, metrics: &ClusterMetrics) {
        let mut counts = [0; EndpointState::ALL.len()];
        for (endpoint, listed) in self.set.load().members() {
            counts[state(endpoint, listed).index()] += 1;
        }
        for (&state, count) in EndpointState::ALL.iter().zip(counts) {
            metrics.endpoints(state, count);
        }
    }

    /// Marks those as gone that `kept` does not have.
    pub fn retire_all_but(&self, kept: &Self) {
        self.set.load().retire_all_but(&kept.set.load());
    }

    /// Marks all as gone.
    pub fn retire(&self) {
        self.set
            .load()
            .members()
            .iter()
            .for_each(|(endpoint, _)| endpoint.retired.store(true, Relaxed));
    }
}

/// Finds those that stay, by their place in `listed` and their address. Nearly all are where they were: only the others are
/// worth a map.
fn known<'a>(
    old: &'a [Member],
    listed: &[model::Endpoint],
) -> impl Fn(usize, SocketAddr) -> Option<&'a Arc<Endpoint>> {
    let stays = |place: usize, address| {
        let same = |listed: &model::Endpoint| listed.address == address;
        listed.get(place).is_some_and(same)
    };
    let moved: HashMap<SocketAddr, &Arc<Endpoint>> = (0..)
        .zip(old)
        .filter(|(place, (_, was))| !stays(*place, was.address))
        .map(|(_, (endpoint, was))| (was.address, endpoint))
        .collect();
    move |place, address| match old.get(place) {
        Some((endpoint, was)) if was.address == address => Some(endpoint),
        _ => moved.get(&address).copied(),
    }
}

/// The one word for an endpoint that metrics and `/clusters` have.
pub fn state(endpoint: &Endpoint, listed: &model::Endpoint) -> EndpointState {
    let Seen { down, state } = endpoint.condition.load();
    match state {
        _ if listed.weight == 0 => EndpointState::Unweighted,
        _ if down => EndpointState::Down,
        State::Ready => EndpointState::Ready,
        State::Warming { .. } => EndpointState::Warming,
        State::Ejected { .. } => EndpointState::Ejected,
        State::Probing { .. } => EndpointState::Probing,
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests;

//! The endpoints of a cluster: their addresses, their shared state, and the balancer made for just this set.

// Named here, so that the loom test can put its own in this place.
use std::sync::atomic;

pub mod condition;
pub mod load;
mod slow_start;

use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use arc_swap::ArcSwap;
use foldhash::HashMap;
use outrigger_config::model;

use crate::{
    balance::{Balancer, Member, Standing, View, seed},
    clock,
    health_check::Report,
    outlier_detection::{Strikes, Tally},
    telemetry::metrics::{ClusterMetrics, EndpointState, Label as _},
};
use atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use condition::{Condition, Seen, State};
use load::Load;
use slow_start::SlowStart;

/// When a probe that nothing was heard of is given up for lost: its request may be a long one.
pub const PROBE_LOST: Duration = Duration::from_secs(10);

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
    /// No cluster lists it any more: its pools may go.
    pub retired: AtomicBool,
}

impl Endpoint {
    fn new(address: SocketAddr) -> Arc<Self> {
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
            retired: AtomicBool::new(false),
        })
    }

    /// What it did lately, from now on.
    pub fn tally(&self) -> &Tally {
        self.tally.get_or_init(Box::default)
    }
}

/// What a pick came to.
pub struct Picked {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// The request is sent to see whether an ejected endpoint is well again.
    pub probe: bool,
}

/// A cluster's endpoints of now. Written by the control thread alone, read by every pick.
pub struct Endpoints {
    balancer: model::Balancer,
    slow_start: Option<SlowStart>,
    set: ArcSwap<Set>,
    /// When the next ejected endpoint may be probed, in microseconds. At most a tending late.
    next_probe: AtomicU64,
}

/// An immutable set of endpoints.
pub struct Set {
    members: Vec<(Arc<Endpoint>, model::Endpoint)>,
    balancer: Balancer,
}

impl Endpoints {
    /// None yet.
    pub fn new(cluster: &model::Cluster) -> Self {
        let set = Set::new(Vec::new(), &cluster.balancer);
        Self {
            balancer: cluster.balancer.clone(),
            slow_start: cluster.slow_start.map(SlowStart::over),
            set: ArcSwap::from_pointee(set),
            next_probe: AtomicU64::new(u64::MAX),
        }
    }

    /// The set of now.
    pub fn load(&self) -> arc_swap::Guard<Arc<Set>> {
        self.set.load()
    }

    /// Lists other endpoints. Those that stay, by address, keep their state; so do those `before` had.
    pub fn update(&self, listed: &[model::Endpoint], before: Option<&Self>) {
        let old = before.unwrap_or(self).set.load_full();
        let known: HashMap<SocketAddr, &Arc<Endpoint>> = old
            .members
            .iter()
            .map(|(endpoint, _)| (endpoint.address, endpoint))
            .collect();
        let now = clock::now();
        let members = listed.iter().map(|listed| {
            let endpoint = known.get(&listed.address).map_or_else(
                || {
                    let endpoint = Endpoint::new(listed.address);
                    // The first of a cluster are all equally cold, and there is nobody to go easy in place of them.
                    if !known.is_empty() && self.slow_start.is_some() {
                        endpoint.condition.warm_up(now);
                    }
                    endpoint
                },
                |known| Arc::clone(known),
            );
            (endpoint, listed.clone())
        });
        let set = Set::new(members.collect(), &self.balancer);
        // A newcomer is taken for an ordinary member of the set, neither avoided nor overrun.
        seed(set.members.iter().map(|(endpoint, _)| &endpoint.load), now);
        self.set.store(Arc::new(set));
        if before.is_none() {
            old.retire_all_but(&self.set.load());
        }
    }

    /// As they were listed.
    pub fn listed(&self) -> Vec<model::Endpoint> {
        self.set
            .load()
            .members
            .iter()
            .map(|(_, listed)| listed.clone())
            .collect()
    }

    /// Picks an endpoint for an attempt; one whose id is in `tried` only if there is no other. `now` is in microseconds,
    /// `key` the hash of what the request is to stay with its endpoint by.
    pub fn pick(
        &self,
        now: u64,
        key: Option<u64>,
        tried: &[u64],
        rng: &mut fastrand::Rng,
    ) -> Option<Picked> {
        let set = self.set.load();
        if now >= self.next_probe.load(Relaxed)
            && tried.is_empty()
            && let Some(endpoint) = self.probe(&set, now)
        {
            return Some(Picked {
                endpoint,
                probe: true,
            });
        }
        let attempt = Attempt {
            set: &set,
            tried,
            now,
            slow_start: self.slow_start,
        };
        let picked = set.balancer.pick(&attempt, now, key, rng)?;
        Some(Picked {
            endpoint: Arc::clone(&set.members[picked].0),
            probe: false,
        })
    }

    /// An ejected endpoint whose time is up: the request that asks becomes its probe.
    fn probe(&self, set: &Set, now: u64) -> Option<Arc<Endpoint>> {
        let lost = now + clock::micros(PROBE_LOST);
        let probed = set
            .members
            .iter()
            .find(|(endpoint, listed)| listed.weight > 0 && endpoint.condition.probe(now, lost));
        self.next_probe.store(set.next_probe(), Relaxed);
        probed.map(|(endpoint, _)| Arc::clone(endpoint))
    }

    /// Ejects an endpoint until then, in microseconds.
    pub fn eject(&self, endpoint: &Endpoint, until: u64) {
        endpoint.condition.eject(until);
        self.next_probe.fetch_min(until, Relaxed);
    }

    /// The probe of an endpoint came to nothing: the next request is another one.
    pub fn probe_again(&self, endpoint: &Endpoint, now: u64) {
        if endpoint.condition.probe_again(now) {
            self.next_probe.fetch_min(now, Relaxed);
        }
    }

    /// What changes with time alone. `now` is in microseconds.
    pub fn tend(&self, now: u64) {
        let set = self.set.load();
        let warm = self
            .slow_start
            .map_or(now, |slow_start| slow_start.warm(now));
        for (endpoint, _) in &set.members {
            if !endpoint.condition.clear() {
                endpoint.condition.settle(warm);
            }
        }
        self.next_probe.store(set.next_probe(), Relaxed);
    }

    /// Shows how many there are in which state.
    pub fn count(&self, metrics: &ClusterMetrics) {
        let mut counts = [0; EndpointState::ALL.len()];
        for (endpoint, listed) in &self.set.load().members {
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
            .members
            .iter()
            .for_each(|(endpoint, _)| endpoint.retired.store(true, Relaxed));
    }
}

impl Set {
    fn new(members: Vec<(Arc<Endpoint>, model::Endpoint)>, balancer: &model::Balancer) -> Self {
        let listed: Vec<Member> = members
            .iter()
            .map(|(_, listed)| Member {
                address: listed.address,
                weight: listed.weight,
            })
            .collect();
        Self {
            members,
            balancer: Balancer::new(balancer, &listed, &mut fastrand::Rng::new()),
        }
    }

    /// Its endpoints, with what was listed of each.
    pub fn members(&self) -> &[(Arc<Endpoint>, model::Endpoint)] {
        &self.members
    }

    /// When the next of its ejected endpoints may be probed, in microseconds.
    fn next_probe(&self) -> u64 {
        let times =
            self.members
                .iter()
                .filter_map(|(endpoint, _)| match endpoint.condition.load() {
                    Seen {
                        down: false,
                        state: State::Ejected { until },
                    } => Some(until),
                    _ => None,
                });
        times.min().unwrap_or(u64::MAX)
    }

    fn retire_all_but(&self, kept: &Self) {
        let kept: std::collections::HashSet<u64> = kept
            .members
            .iter()
            .map(|(endpoint, _)| endpoint.id)
            .collect();
        let gone = self
            .members
            .iter()
            .filter(|(endpoint, _)| !kept.contains(&endpoint.id));
        gone.for_each(|(endpoint, _)| endpoint.retired.store(true, Relaxed));
    }
}

/// What one attempt's pick sees.
struct Attempt<'a> {
    set: &'a Set,
    tried: &'a [u64],
    now: u64,
    slow_start: Option<SlowStart>,
}

impl Attempt<'_> {
    fn warming(&self, endpoint: &Endpoint, since: u64) -> Standing {
        match self.slow_start {
            Some(slow_start) if !slow_start.takes(endpoint.id, since, self.now) => {
                Standing::Reserve
            }
            _ => Standing::Open,
        }
    }
}

impl View for Attempt<'_> {
    fn load(&self, index: usize) -> &Load {
        &self.set.members[index].0.load
    }

    fn standing(&self, index: usize) -> Standing {
        let endpoint = &self.set.members[index].0;
        if !self.tried.is_empty() && self.tried.contains(&endpoint.id) {
            return match endpoint.condition.load() {
                Seen {
                    down: false,
                    state: State::Ready | State::Warming { .. },
                } => Standing::Reserve,
                _ => Standing::Out,
            };
        }
        if endpoint.condition.clear() {
            return Standing::Open;
        }
        match endpoint.condition.load() {
            Seen {
                down: false,
                state: State::Ready,
            } => Standing::Open,
            Seen {
                down: false,
                state: State::Warming { since },
            } => self.warming(endpoint, since),
            _ => Standing::Out,
        }
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

//! The endpoints of a cluster: their addresses, their shared state, and the balancer made for just this set.

// Named here, so that the loom test can put its own in this place.
use std::sync::atomic;

pub mod load;

use std::{net::SocketAddr, sync::Arc};

use arc_swap::ArcSwap;
use foldhash::HashMap;
use outrigger_config::model;

use crate::{
    balance::{Balancer, Member, Standing, View, seed},
    clock,
    telemetry::metrics::{ClusterMetrics, EndpointState},
};
use atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use load::Load;

/// One address of a cluster, for as long as the cluster lists it.
pub struct Endpoint {
    /// Unique in the process: what pools are found by.
    pub id: u64,
    /// Where it listens.
    pub address: SocketAddr,
    /// What is known of its load.
    pub load: Load,
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
            retired: AtomicBool::new(false),
        })
    }
}

/// A cluster's endpoints of now. Written by the control thread alone, read by every pick.
pub struct Endpoints {
    balancer: model::Balancer,
    set: ArcSwap<Set>,
}

/// An immutable set of endpoints.
pub struct Set {
    members: Vec<(Arc<Endpoint>, model::Endpoint)>,
    balancer: Balancer,
}

impl Endpoints {
    /// None yet.
    pub fn new(balancer: &model::Balancer) -> Self {
        let set = Set::new(Vec::new(), balancer);
        Self {
            balancer: balancer.clone(),
            set: ArcSwap::from_pointee(set),
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
        let members = listed.iter().map(|listed| {
            let endpoint = known
                .get(&listed.address)
                .map_or_else(|| Endpoint::new(listed.address), |known| Arc::clone(known));
            (endpoint, listed.clone())
        });
        let set = Set::new(members.collect(), &self.balancer);
        // A newcomer is taken for an ordinary member of the set, neither avoided nor overrun.
        seed(
            set.members.iter().map(|(endpoint, _)| &endpoint.load),
            clock::now(),
        );
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

    /// Shows how many there are.
    pub fn count(&self, metrics: &ClusterMetrics) {
        let set = self.set.load();
        let ready = set
            .members
            .iter()
            .filter(|(_, listed)| listed.weight > 0)
            .count();
        metrics.endpoints(EndpointState::Ready, ready);
        metrics.endpoints(EndpointState::Unweighted, set.members.len() - ready);
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

    /// Picks an endpoint; one whose id is in `tried` only if there is no other. `now` is in microseconds.
    pub fn pick(
        &self,
        now: u64,
        key: Option<u64>,
        tried: &[u64],
        rng: &mut fastrand::Rng,
    ) -> Option<&Arc<Endpoint>> {
        let picked = self
            .balancer
            .pick(&Attempt { set: self, tried }, now, key, rng)?;
        Some(&self.members[picked].0)
    }

    /// Its endpoints, with what was listed of each.
    pub fn members(&self) -> &[(Arc<Endpoint>, model::Endpoint)] {
        &self.members
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
}

impl View for Attempt<'_> {
    fn load(&self, index: usize) -> &Load {
        &self.set.members[index].0.load
    }

    fn standing(&self, index: usize) -> Standing {
        if self.tried.contains(&self.set.members[index].0.id) {
            Standing::Tried
        } else {
            Standing::Open
        }
    }
}

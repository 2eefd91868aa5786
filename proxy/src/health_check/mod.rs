//! Active health checks: every endpoint of a cluster that asks for it is probed again and again, by one checker in the
//! process, on the control thread. Ten workers with a checker each would be ten times the load, and ten opinions.
//!
//! # What follows from a check
//!
//! Only the endpoint's [`Condition`](crate::endpoint::condition) changes, one atomic word: no set is rebuilt and no table
//! published, so that an endpoint that flaps disturbs nobody. What passive detection thinks stands in the same word, beside
//! it: an endpoint takes requests if its check does not call it down *and* it is not ejected. A check that passes does not
//! end an ejection: `/health` is not what the requests that failed had asked for.
//!
//! An endpoint that was not checked yet takes requests. The first check comes within milliseconds and decides at once, and
//! a proxy that knows nothing serves better by trying than by refusing.
//!
//! # What lives how long
//!
//! A checker belongs to an endpoint of a cluster, by the identity that endpoints have, and to a policy. A table that
//! changes neither leaves it running, with all it has counted. With another policy it begins anew, but an endpoint that is
//! down stays down until the first check by the new one. Where checks are given up, everything comes up.

mod checker;
pub mod failure;
pub mod grpc_health;
mod probe;
mod report;
pub mod thresholds;

use std::{collections::HashMap, sync::Arc};

use outrigger_config::model::HealthCheck;
use tokio::{sync::Semaphore, task::AbortHandle};

pub use report::Report;

use crate::{
    clock,
    endpoint::{Endpoint, Set},
    snapshot::{Cluster, Snapshot},
    telemetry::metrics::{HealthCheckMetrics, Registry},
};
use checker::{Policy, check};
use thresholds::Thresholds;

/// Checks at once in the whole process: a quarter of the usual limit of descriptors (1,024), so that a set of which
/// thousands hang does not take the sockets that requests need. It is then checked more slowly.
const AT_ONCE: usize = 256;

/// All checkers of the process.
pub struct HealthChecks {
    /// By cluster name.
    clusters: HashMap<Arc<str>, Checked>,
    /// Of the table that they are of.
    version: u64,
    turns: Arc<Semaphore>,
}

/// The checkers of a cluster.
struct Checked {
    cluster: Arc<Cluster>,
    policy: Arc<Policy>,
    /// Whose checkers run. A set is never changed, only replaced.
    set: Option<Arc<Set>>,
    /// By endpoint id.
    checkers: HashMap<u64, Checker>,
}

/// Ends the task when dropped.
struct Checker {
    endpoint: Arc<Endpoint>,
    task: AbortHandle,
}

impl Drop for Checker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Default for HealthChecks {
    fn default() -> Self {
        Self {
            clusters: HashMap::new(),
            version: 0,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }
}

impl HealthChecks {
    /// Checks the endpoints that are listed now, and no others. To be called again and again: endpoints change with the
    /// table, and without (DNS). Costs next to nothing while nothing changed.
    pub fn follow(&mut self, snapshot: &Snapshot, registry: &Registry) {
        if self.version != snapshot.version {
            self.version = snapshot.version;
            self.regroup(snapshot, registry);
        }
        self.clusters.values_mut().for_each(Checked::follow);
    }

    fn regroup(&mut self, snapshot: &Snapshot, registry: &Registry) {
        let mut before = std::mem::take(&mut self.clusters);
        for cluster in snapshot.clusters.iter() {
            let name = &cluster.config.name;
            let Some(check) = &cluster.config.health_check else {
                before.remove(name).iter().for_each(Checked::give_up);
                continue;
            };
            let known = before
                .remove(name)
                .filter(|known| known.policy.is(cluster, check));
            let mut checked = known
                .unwrap_or_else(|| Checked::new(cluster, check, registry, Arc::clone(&self.turns)));
            checked.cluster = Arc::clone(cluster);
            self.clusters.insert(Arc::clone(name), checked);
        }
    }
}

impl Policy {
    /// Whether the checks of `cluster` are these.
    fn is(&self, cluster: &Cluster, check: &HealthCheck) -> bool {
        self.check == *check
            && self.protocol == cluster.config.protocol
            && self.proxy_protocol == cluster.config.proxy_protocol
            && cluster.speaks_with(self.tls.as_ref())
    }
}

impl Checked {
    fn new(
        cluster: &Arc<Cluster>,
        check: &HealthCheck,
        registry: &Registry,
        turns: Arc<Semaphore>,
    ) -> Self {
        let name = Arc::clone(&cluster.config.name);
        Self {
            cluster: Arc::clone(cluster),
            policy: Arc::new(Policy {
                metrics: HealthCheckMetrics::new(registry, Arc::clone(&name)),
                cluster: name,
                check: check.clone(),
                protocol: cluster.config.protocol,
                proxy_protocol: cluster.config.proxy_protocol,
                tls: cluster.tls.clone(),
                turns,
            }),
            set: None,
            checkers: HashMap::new(),
        }
    }

    /// Starts checkers of endpoints that are new in the set, and ends those of endpoints that left.
    fn follow(&mut self) {
        let set = self.cluster.endpoints.load();
        if self
            .set
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(known, &set))
        {
            return;
        }
        let mut before = std::mem::take(&mut self.checkers);
        for (endpoint, _) in set.members() {
            let checker = before
                .remove(&endpoint.id)
                .unwrap_or_else(|| self.start(endpoint, set.members().len()));
            self.checkers.insert(endpoint.id, checker);
        }
        self.set = Some(Arc::clone(&set));
    }

    fn start(&self, endpoint: &Arc<Endpoint>, endpoints: usize) -> Checker {
        let policy = Arc::clone(&self.policy);
        let first = Thresholds::new(&policy.check).first(endpoints, &mut fastrand::Rng::new());
        endpoint.health.clear();
        let checking = check(Arc::clone(endpoint), policy, first);
        Checker {
            endpoint: Arc::clone(endpoint),
            task: tokio::spawn(checking).abort_handle(),
        }
    }

    /// Nobody will check these any more.
    fn give_up(&self) {
        let now = clock::now();
        for Checker { endpoint, task } in self.checkers.values() {
            task.abort();
            endpoint.condition.set_down(false, now);
            endpoint.health.clear();
        }
    }
}

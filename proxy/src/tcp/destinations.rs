//! Where the connections of a listener go, compiled.

use std::sync::Arc;

use outrigger_config::model::{self, ClusterRef, TcpPolicy};

use crate::{
    cluster::Cluster,
    downstream::Connection,
    error::Error,
    route::{
        Split,
        host::{self, Hosts},
    },
    telemetry::metrics::{Registry, TcpMetrics},
    transparent::Meant,
    worker::Worker,
};

/// See the module.
pub struct Destinations {
    /// By the name that a TLS client asks for.
    names: Hosts<Named>,
    /// All others, by weight.
    split: Split,
    others: Vec<Named>,
    /// All of these clusters, and where they stand in the table.
    all: Vec<(usize, Arc<Cluster>)>,
    /// Of connections that go nowhere.
    pub nowhere: Arc<TcpMetrics>,
    /// How connections are made.
    pub policy: TcpPolicy,
}

/// A cluster that the listener names.
struct Named {
    cluster: Arc<Cluster>,
    metrics: Arc<TcpMetrics>,
}

/// A cluster that connections go to.
pub struct Target {
    /// The cluster, and its endpoint if there is no choice.
    pub meant: Meant,
    /// Of what comes there by this listener.
    pub metrics: Arc<TcpMetrics>,
}

impl Destinations {
    /// Of a listener of this name.
    pub fn compile(
        config: &model::Tcp,
        listener: &Arc<str>,
        clusters: &[Arc<Cluster>],
        registry: &Registry,
    ) -> Arc<Self> {
        let target = |reference: &ClusterRef| {
            let cluster = &clusters[reference.index];
            let name = Arc::clone(&cluster.config.name);
            Named {
                metrics: TcpMetrics::new(registry, Arc::clone(listener), name),
                cluster: Arc::clone(cluster),
            }
        };
        let names = config.sni.iter().flat_map(|(host, cluster)| {
            let keys = host::keys(std::slice::from_ref(host));
            keys.map(|key| (key, target(cluster)))
        });
        let others = config.clusters.iter();
        let all = config.references().map(|reference| {
            let cluster = Arc::clone(&clusters[reference.index]);
            (reference.index, cluster)
        });
        Arc::new(Self {
            all: all.collect(),
            names: Hosts::new(names, |mut same| same.swap_remove(0)),
            split: Split::new(&config.clusters),
            others: others.map(|weighted| target(&weighted.cluster)).collect(),
            nowhere: TcpMetrics::new(registry, Arc::clone(listener), "".into()),
            policy: config.policy.clone(),
        })
    }

    /// Whether these are still the clusters that it was compiled for.
    pub fn is_still(&self, clusters: &[Arc<Cluster>]) -> bool {
        let mut targets = self.all.iter();
        targets.all(|(index, cluster)| {
            let now = clusters.get(*index);
            now.is_some_and(|now| Arc::ptr_eq(now, cluster))
        })
    }

    /// Whether it matters which name a client asks for.
    pub fn by_name(&self) -> bool {
        self.names.tells()
    }

    /// Whether `name` says where a connection goes.
    pub fn knows(&self, name: &str) -> bool {
        self.names.tables(name).next().is_some()
    }

    /// Where a connection goes that asks for `name`, if it asks for any.
    fn named<'a>(&'a self, name: Option<&'a str>, rng: &mut fastrand::Rng) -> Option<&'a Named> {
        let named = name.and_then(|name| self.names.tables(name).next());
        let other = || self.split.pick(rng).map(|index| &self.others[index]);
        named.or_else(other)
    }

    /// The same for `connection`, which may have been meant for another address.
    pub fn find(
        &self,
        name: Option<&str>,
        connection: &Connection,
        worker: &Worker,
    ) -> Result<Target, Error> {
        if let Some(named) = self.named(name, &mut worker.rng.borrow_mut()) {
            return Ok(Target {
                metrics: Arc::clone(&named.metrics),
                meant: Meant {
                    cluster: Arc::clone(&named.cluster),
                    endpoint: None,
                },
            });
        }
        let listener = connection.listener();
        let transparent = listener.transparent.as_ref().ok_or(Error::NoRoute)?;
        let ends = connection.ends();
        let meant = worker
            .with_snapshot(|snapshot| transparent.meant(ends.destination, &snapshot.clusters));
        let meant = meant.map_or_else(|| transparent.unknown(ends), Ok)?;
        Ok(Target {
            metrics: transparent.tcp_metrics(&meant.cluster),
            meant,
        })
    }
}

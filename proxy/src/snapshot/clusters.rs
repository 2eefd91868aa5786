//! The clusters of a table: in its order, by name, and by what the host of a request calls them.

use std::{net::SocketAddr, ops::Deref, sync::Arc};

use outrigger_config::model;

use crate::{
    cluster::Cluster,
    route::{self, Map, by_host::Names},
    transparent::Meant,
};

/// See the module. As a slice they are in the order of the file: the index of a `ClusterRef`.
pub struct Clusters {
    list: Vec<Arc<Cluster>>,
    places: Map<Arc<str>, usize>,
    /// By the addresses at which they are called.
    called: Map<SocketAddr, usize>,
    /// Of each, what is done while its circuit breaker is open.
    fallbacks: Vec<Option<Arc<Fallback>>>,
}

/// What is done in place of asking a cluster whose circuit breaker is open.
pub enum Fallback {
    /// Another one is asked.
    Cluster(Arc<Cluster>),
    /// This is answered.
    Respond(route::Respond),
}

impl Clusters {
    /// All of a table, in its order.
    pub fn new(list: Vec<Arc<Cluster>>) -> Self {
        let names = list.iter().map(|cluster| Arc::clone(&cluster.config.name));
        Self {
            places: names.zip(0..).collect(),
            called: list
                .iter()
                .zip(0..)
                .flat_map(|(cluster, place)| {
                    let addresses = cluster.config.addresses.iter();
                    addresses.map(move |&address| (address, place))
                })
                .collect(),
            fallbacks: list
                .iter()
                .map(|cluster| Some(Arc::new(Fallback::of(cluster, &list)?)))
                .collect(),
            list,
        }
    }

    /// The cluster of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.places.get(name).map(|&place| &self.list[place])
    }

    /// The cluster that the host of a request names.
    pub fn by_host(&self, names: &Names<'_>) -> Option<&Arc<Cluster>> {
        names.iter().find_map(|name| self.named(name))
    }

    /// The cluster that is called at this address.
    pub fn called_at(&self, address: SocketAddr) -> Option<Meant> {
        self.called.get(&address).map(|&place| Meant {
            cluster: Arc::clone(&self.list[place]),
            endpoint: None,
        })
    }

    /// What stands in for the cluster of this name.
    pub fn fallback(&self, name: &str) -> Option<&Arc<Fallback>> {
        let &place = self.places.get(name)?;
        self.fallbacks[place].as_ref()
    }
}

impl Deref for Clusters {
    type Target = [Arc<Cluster>];

    fn deref(&self) -> &Self::Target {
        &self.list
    }
}

impl Fallback {
    fn of(cluster: &Cluster, clusters: &[Arc<Cluster>]) -> Option<Self> {
        let fallback = cluster.config.circuit_breaker.as_ref()?.fallback.as_ref()?;
        Some(match fallback {
            model::Fallback::Cluster(other) => Self::Cluster(Arc::clone(&clusters[other.index])),
            model::Fallback::Respond(respond) => Self::Respond(route::Respond::new(respond)),
        })
    }
}

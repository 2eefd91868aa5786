//! Resources become a table, make before break.
//!
//! Only what is whole takes effect. A listener waits for its routes, and these for every cluster they name with its
//! endpoints; meanwhile the version before serves on. Waiting ends when the control plane says that there is no such
//! thing, or nothing for 15 s (`PATIENCE` in [`resources`](super::resources)): then a cluster has no endpoints (503) and a listener
//! no routes (404), unless there is a version that served before.

#[cfg(test)]
mod tests;
mod wanted;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use outrigger_config::model::{self, Cluster, Endpoint, Fallback, Listener, Route, Tcp};
use outrigger_xds::decode;

use super::{
    resources::{Changes, Known, Resources},
    table::Table,
};

/// What is in force, or will be with the next table.
#[derive(Default)]
pub struct Assembly {
    listeners: BTreeMap<Arc<str>, Part<Listener, decode::Listener, Vec<Route>>>,
    clusters: BTreeMap<Arc<str>, Part<Cluster, decode::Cluster, Vec<Endpoint>>>,
    /// The clusters that were there last although no route names them.
    on_demand: BTreeSet<Arc<str>>,
}

/// A part of the table, and the two resources it was made of; `None`: it lay on the disk.
struct Part<M, A, B> {
    model: Arc<M>,
    source: Option<Source<A, B>>,
}

/// Two resources. The second may be part of the first.
struct Source<A, B>(Arc<A>, Option<Arc<B>>);

impl<A, B> Source<A, B> {
    fn is(&self, one: &Arc<A>, other: Option<&Arc<B>>) -> bool {
        let same = match (&self.1, other) {
            (Some(known), Some(other)) => Arc::ptr_eq(known, other),
            (None, None) => true,
            _ => false,
        };
        same && Arc::ptr_eq(&self.0, one)
    }
}

impl<M, A, B> Part<M, A, B> {
    fn is_made_of(&self, one: &Arc<A>, other: Option<&Arc<B>>) -> bool {
        self.source
            .as_ref()
            .is_some_and(|source| source.is(one, other))
    }
}

impl Assembly {
    /// Begins with a table that lay on the disk.
    pub fn of(table: &Table) -> Self {
        let listeners = table.listeners.iter().map(|listener| {
            let model = Arc::clone(listener);
            let source = None;
            (Arc::clone(&listener.name), Part { model, source })
        });
        let clusters = table.clusters.iter().map(|cluster| {
            let model = Arc::clone(cluster);
            let source = None;
            (Arc::clone(&cluster.name), Part { model, source })
        });
        Self {
            listeners: listeners.collect(),
            clusters: clusters.collect(),
            on_demand: BTreeSet::new(),
        }
    }

    /// Takes over what has become whole, lets go what is gone, and wants what follows from both. Says whether that changes
    /// the table. `on_demand` are the clusters that are there although no route names them.
    ///
    /// Endpoints that move, which they do most often, cost what they are, whatever the size of the table.
    pub fn update(
        &mut self,
        resources: &mut Resources,
        on_demand: &BTreeSet<Arc<str>>,
        now: u64,
    ) -> bool {
        let changes = resources.changes(now);
        if self.on_demand == *on_demand {
            match changes {
                Changes::Nothing => return false,
                Changes::Endpoints(names) => return self.follow(resources, &names, now),
                Changes::Anything => {}
            }
        }
        self.on_demand.clone_from(on_demand);
        let changed = self.assemble(resources, on_demand, now);
        resources.want(self.wanted(resources, on_demand));
        changed
    }

    /// Takes over endpoints of these names: nothing else has changed.
    fn follow(&mut self, resources: &Resources, names: &BTreeSet<Arc<str>>, now: u64) -> bool {
        let moved = |cluster: &decode::Cluster| {
            let asked = cluster.endpoints.as_ref();
            asked.is_some_and(|asked| names.contains(asked))
        };
        let mut changed = false;
        for (name, cluster) in resources.clusters.present() {
            if moved(&cluster.value) && resources.clusters.wanted().contains(name) {
                changed |= self.update_cluster(name, &cluster.value, resources, now);
            }
        }
        changed
    }

    fn assemble(
        &mut self,
        resources: &Resources,
        on_demand: &BTreeSet<Arc<str>>,
        now: u64,
    ) -> bool {
        let mut changed = self.update_clusters(resources, now);
        changed |= self.update_listeners(resources, now);
        // What only a listener that has just changed named goes with the same table.
        let wanted = self.wanted(resources, on_demand).clusters;
        let before = self.clusters.len();
        self.clusters.retain(|name, _| wanted.contains(name));
        changed | (self.clusters.len() != before)
    }

    /// Whether every listener that there is serves in the version that was said last.
    pub fn is_whole(&self, resources: &Resources) -> bool {
        let mut listeners = resources.listeners.present();
        listeners.all(|(name, listener)| {
            let part = self.listeners.get(name);
            part.is_some_and(|part| {
                let source = part.source.as_ref();
                source.is_some_and(|source| Arc::ptr_eq(&source.0, &listener.value))
            })
        })
    }

    /// The listeners, by name.
    pub fn listeners(&self) -> Vec<Arc<Listener>> {
        self.listeners
            .values()
            .map(|part| Arc::clone(&part.model))
            .collect()
    }

    /// The clusters, by name.
    pub fn clusters(&self) -> Vec<Arc<Cluster>> {
        self.clusters
            .values()
            .map(|part| Arc::clone(&part.model))
            .collect()
    }

    /// Whether a cluster is in force.
    pub fn has_cluster(&self, name: &str) -> bool {
        self.clusters.contains_key(name)
    }

    fn update_clusters(&mut self, resources: &Resources, now: u64) -> bool {
        let mut changed = false;
        for name in &**resources.clusters.wanted() {
            match resources.clusters.get(name) {
                Some(Known::Absent) => changed |= self.clusters.remove(name).is_some(),
                Some(Known::Present(cluster)) => {
                    changed |= self.update_cluster(name, &cluster.value, resources, now);
                }
                Some(Known::Awaited(_)) | None => {}
            }
        }
        changed
    }

    fn update_cluster(
        &mut self,
        name: &Arc<str>,
        cluster: &Arc<decode::Cluster>,
        resources: &Resources,
        now: u64,
    ) -> bool {
        let before = self.clusters.get(name);
        let endpoints = match &cluster.endpoints {
            None => None,
            Some(asked) => match resources.endpoints.get(asked) {
                Some(Known::Present(endpoints)) => Some(Arc::clone(&endpoints.value)),
                Some(Known::Absent) => Some(Arc::default()),
                // Endpoints that may be gone beat none; and without any before, there is a time to wait.
                _ if before.is_none() && resources.endpoints.settled(asked, now) => {
                    Some(Arc::default())
                }
                _ => return false,
            },
        };
        if before.is_some_and(|before| before.is_made_of(cluster, endpoints.as_ref())) {
            return false;
        }
        let mut model = cluster.model.clone();
        if let Some(endpoints) = &endpoints {
            model.endpoints = model::Endpoints::Static(endpoints.to_vec());
        }
        let changed = before.is_none_or(|before| *before.model != model);
        let model = match before {
            Some(before) if !changed => Arc::clone(&before.model),
            _ => Arc::new(model),
        };
        let source = Some(Source(Arc::clone(cluster), endpoints));
        self.clusters
            .insert(Arc::clone(name), Part { model, source });
        changed
    }

    fn update_listeners(&mut self, resources: &Resources, now: u64) -> bool {
        let mut changed = false;
        if resources.listed {
            let before = self.listeners.len();
            let named = |name: &str| resources.listeners.get(name).is_some();
            self.listeners.retain(|name, _| named(name));
            changed = self.listeners.len() != before;
        }
        for (name, listener) in resources.listeners.present() {
            changed |= self.update_listener(name, &listener.value, resources, now);
        }
        changed
    }

    fn update_listener(
        &mut self,
        name: &Arc<str>,
        listener: &Arc<decode::Listener>,
        resources: &Resources,
        now: u64,
    ) -> bool {
        let before = self.listeners.get(name);
        let named = match &listener.routes {
            decode::Routes::Inline(_) => None,
            decode::Routes::Named(asked) => match resources.routes.get(asked) {
                Some(Known::Present(routes)) => Some(Arc::clone(&routes.value)),
                // Nobody means a listener to stay without its routes: those before serve on.
                _ if before.is_none() && resources.routes.settled(asked, now) => {
                    Some(Arc::default())
                }
                _ => return false,
            },
        };
        if before.is_some_and(|before| before.is_made_of(listener, named.as_ref())) {
            return false;
        }
        let routes: &[Route] = match (&named, &listener.routes) {
            (Some(routes), _) => routes,
            (None, decode::Routes::Inline(routes)) => routes,
            (None, decode::Routes::Named(_)) => return false,
        };
        let settled = |cluster: &Arc<str>| self.settled(cluster, resources, now);
        let by_routes = routes.iter().flat_map(clusters_of).all(settled);
        if !by_routes || !passed_on(&listener.model).all(settled) {
            return false;
        }
        let model = Listener {
            routes: routes.to_vec(),
            ..listener.model.clone()
        };
        let changed = before.is_none_or(|before| *before.model != model);
        let source = Some(Source(Arc::clone(listener), named));
        let model = Arc::new(model);
        self.listeners
            .insert(Arc::clone(name), Part { model, source });
        changed
    }

    /// Whether there is no use in waiting for a cluster, its endpoints, and what stands in for it.
    fn settled(&self, name: &str, resources: &Resources, now: u64) -> bool {
        let mut seen = BTreeSet::new();
        let mut next = Some(name);
        while let Some(name) = next.take() {
            let ready = match resources.clusters.version(name) {
                None => resources.clusters.settled(name, now),
                Some(cluster) => {
                    let fallback = fallback_of(&cluster.value.model).filter(|it| seen.insert(*it));
                    next = fallback.map(|name| &**name);
                    let endpoints = cluster.value.endpoints.as_ref();
                    endpoints.is_none_or(|asked| resources.endpoints.settled(asked, now))
                }
            };
            if !ready && !self.clusters.contains_key(name) {
                return false;
            }
        }
        true
    }
}

/// The clusters that a route names.
fn clusters_of(route: &Route) -> impl Iterator<Item = &Arc<str>> {
    let clusters = route.clusters().iter();
    clusters.map(|weighted| &weighted.cluster.name)
}

/// The clusters that a listener names itself, for connections that are not HTTP.
fn passed_on(listener: &Listener) -> impl Iterator<Item = &Arc<str>> {
    let tcp = listener.speaks.tcp().into_iter();
    tcp.flat_map(Tcp::references).map(|cluster| &cluster.name)
}

/// The cluster that stands in for one.
fn fallback_of(cluster: &Cluster) -> Option<&Arc<str>> {
    match cluster.circuit_breaker.as_ref()?.fallback.as_ref()? {
        Fallback::Cluster(other) => Some(&other.name),
        Fallback::Respond(_) => None,
    }
}

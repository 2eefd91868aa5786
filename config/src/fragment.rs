//! Parts of a table by themselves, as they travel on the wire or lie in several files.
//!
//! A part may name clusters that another part defines: such a name is taken as it stands, and [`Config::link`] finds the
//! cluster, or says that there is none, once all parts are together.

use std::{collections::HashMap, sync::Arc};

use crate::{
    Config, Problems, file,
    model::{Cluster, ClusterRef, Destination, Fallback, Listener, Route, Speaks, Tcp},
    reader::Reader,
    shape::Shape,
    yaml,
};

/// Reads a cluster. It has no name yet.
///
/// # Errors
/// Everything that is wrong with `text`, which messages call `name`.
pub fn cluster(name: &str, text: &str) -> Result<Cluster, Problems> {
    read(&file::cluster(), name, text)
}

/// Reads a listener with its routes.
///
/// # Errors
/// Everything that is wrong with `text`, which messages call `name`.
pub fn listener(name: &str, text: &str) -> Result<Listener, Problems> {
    read(&file::listener(), name, text)
}

/// Reads a route.
///
/// # Errors
/// Everything that is wrong with `text`, which messages call `name`.
pub fn route(name: &str, text: &str) -> Result<Route, Problems> {
    read(&file::route(), name, text)
}

fn read<T: 'static>(shape: &Shape<T>, name: &str, text: &str) -> Result<T, Problems> {
    let mut problems = Vec::new();
    let mut value = None;
    if let Some(root) = yaml::parse(text, &mut problems) {
        let mut reader = Reader::of_fragment();
        value = shape.read(&root, &mut reader);
        problems.extend(reader.into_problems());
    }
    match value {
        Some(value) if problems.is_empty() => Ok(value),
        _ => Err(Problems::new(name, text, problems)),
    }
}

impl Config {
    /// Finds the cluster of each name, after listeners and clusters were put together from parts.
    ///
    /// # Errors
    /// The names that no cluster has, each once. The references to them are not to be used.
    pub fn link(&mut self) -> Result<(), Vec<Arc<str>>> {
        let names = self
            .clusters
            .iter()
            .map(|cluster| Arc::clone(&cluster.name));
        let places: HashMap<Arc<str>, usize> = names.zip(0..).collect();
        let mut missing = Vec::new();
        let mut find = |reference: &mut ClusterRef| match places.get(&reference.name) {
            Some(&index) => reference.index = index,
            None if missing.contains(&reference.name) => {}
            None => missing.push(Arc::clone(&reference.name)),
        };
        let listeners = self.listeners.iter_mut();
        listeners.flat_map(Listener::references).for_each(&mut find);
        let clusters = self.clusters.iter_mut();
        clusters.filter_map(Cluster::reference).for_each(&mut find);
        match missing.is_empty() {
            true => Ok(()),
            false => Err(missing),
        }
    }
}

impl Config {
    /// As [`link`](Self::link), with a cluster of no endpoints for each name that no cluster has.
    pub fn link_all(&mut self) {
        if let Err(missing) = self.link() {
            self.clusters
                .extend(missing.into_iter().map(Cluster::empty));
            // Nothing can be missing now.
            let _linked = self.link();
        }
    }
}

impl Listener {
    /// The clusters that it names, its routes included.
    pub fn references(&mut self) -> impl Iterator<Item = &mut ClusterRef> {
        let tcp = match &mut self.speaks {
            Speaks::Http => None,
            Speaks::Tcp(tcp) => Some(tcp),
            Speaks::Detect(detect) => detect.tcp.as_mut(),
        };
        let requests = self.routes.iter_mut().flat_map(Route::references);
        requests.chain(tcp.into_iter().flat_map(Tcp::references_mut))
    }
}

impl Route {
    /// The clusters that it names.
    pub fn references(&mut self) -> impl Iterator<Item = &mut ClusterRef> {
        let clusters = match &mut self.destination {
            Destination::Clusters(clusters) => clusters.as_mut_slice(),
            Destination::Host => &mut [],
        };
        clusters.iter_mut().map(|weighted| &mut weighted.cluster)
    }
}

impl Cluster {
    /// The cluster that stands in for it.
    pub fn reference(&mut self) -> Option<&mut ClusterRef> {
        match self.circuit_breaker.as_mut()?.fallback.as_mut()? {
            Fallback::Cluster(other) => Some(other),
            Fallback::Respond(_) => None,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cluster_named(name: &str, text: &str) -> Cluster {
        let cluster = cluster(name, text).unwrap();
        Cluster {
            name: name.into(),
            ..cluster
        }
    }

    #[test]
    fn parts_are_linked_when_they_are_together() {
        let mut config = crate::parse("table", "listeners: []").unwrap();
        let listener = "{ address: 127.0.0.1:1, routes: [{ cluster: b }] }";
        config
            .listeners
            .push(super::listener("l", listener).unwrap());
        config
            .clusters
            .push(cluster_named("a", "{ endpoints: [] }"));
        assert_eq!(config.link().unwrap_err(), ["b".into()]);
        config
            .clusters
            .push(cluster_named("b", "{ endpoints: [] }"));
        config.link().unwrap();
        assert_eq!(config.listeners[0].routes[0].clusters()[0].cluster.index, 1);
    }

    #[test]
    fn a_name_that_no_cluster_has_may_stand_for_one_without_endpoints() {
        let mut config = Config::default();
        let listener = "{ address: 127.0.0.1:1, routes: [{ cluster: b }] }";
        config
            .listeners
            .push(super::listener("l", listener).unwrap());
        config.link_all();
        assert_eq!(config.clusters, [Cluster::empty("b".into())]);
        assert_eq!(config.listeners[0].routes[0].clusters()[0].cluster.index, 0);
    }

    #[test]
    fn what_is_wrong_with_a_part_is_said_with_its_name() {
        let problems = cluster("web", "{ endpoints: [], balancr: random }").unwrap_err();
        assert!(problems.to_string().contains("web"), "{problems}");
        assert!(problems.to_string().contains("balancer"), "{problems}");
    }
}

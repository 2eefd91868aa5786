//! What proxyless gRPC clients dial: `xds:///name`.
//!
//! Such a client has no listener. It asks for one with the name that it dials, and gets the routes that a proxy would
//! use for requests to the host of that name or, where no route names the host, a route to the cluster of that name.
//! Made when somebody asks: a mesh has a target for each host and cluster, and most of them nobody dials.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use outrigger_config::{
    fragment,
    model::{HostMatch, Listener, Route},
};
use outrigger_xds::{Resource, encode};

use super::Shelf;

/// The hosts and clusters of a view.
#[derive(Debug, Default)]
pub struct Targets {
    listeners: Vec<Arc<Listener>>,
    hosts: Arc<Hosts>,
    clusters: Shelf,
    /// Those that somebody asked for. No more than there are hosts and clusters.
    made: Mutex<HashMap<Arc<str>, Arc<Resource>>>,
}

/// The routes of each host that some name, of the first listener with such.
type Hosts = HashMap<Arc<str>, Vec<Route>>;

impl Targets {
    /// Those of these listeners and clusters.
    pub fn new(listeners: Vec<Arc<Listener>>, clusters: Shelf) -> Self {
        Self {
            hosts: hosts(&listeners).into(),
            listeners,
            clusters,
            made: Mutex::default(),
        }
    }

    /// Those that come after these. What did not change needs not be made again.
    pub fn next(&self, listeners: Vec<Arc<Listener>>, clusters: Shelf) -> Self {
        let next = match self.has(&listeners) {
            true => Self {
                hosts: Arc::clone(&self.hosts),
                listeners,
                clusters,
                made: Mutex::default(),
            },
            false => Self::new(listeners, clusters),
        };
        let mut made = self.made().clone();
        for name in self.differences(&next) {
            made.remove(&name);
        }
        *next.made() = made;
        next
    }

    /// The listener of that name, for a client that has no other.
    pub fn get(&self, name: &str) -> Option<Arc<Resource>> {
        if let Some(resource) = self.made().get(name) {
            return Some(Arc::clone(resource));
        }
        let resource = Arc::new(match self.hosts.get(name) {
            Some(routes) => encode::api_listener(name, routes),
            None => encode::api_listener(name, &[self.to_cluster(name)?]),
        });
        self.made()
            .insert(Arc::clone(&resource.name), Arc::clone(&resource));
        Some(resource)
    }

    /// The names for which `newer` has something else.
    pub fn differences(&self, newer: &Self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        if !Arc::ptr_eq(&self.hosts, &newer.hosts) {
            let gone = self.hosts.keys();
            names.extend(gone.filter(|host| !newer.hosts.contains_key(*host)));
            let other = newer.hosts.iter();
            names.extend(
                other
                    .filter(|(host, routes)| self.hosts.get(*host) != Some(*routes))
                    .map(|(host, _)| host),
            );
        }
        let changed = self.clusters.differences(&newer.clusters);
        // What a cluster is like does not matter here, only whether it is there.
        let turned =
            |name: &&Arc<str>| self.clusters.contains(name) != newer.clusters.contains(name);
        names.extend(changed.iter().filter(turned));
        names.into_iter().map(Arc::clone).collect()
    }

    fn has(&self, listeners: &[Arc<Listener>]) -> bool {
        self.listeners.len() == listeners.len()
            && std::iter::zip(&self.listeners, listeners).all(|(old, new)| Arc::ptr_eq(old, new))
    }

    fn made(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<Resource>>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The route of those who write none: every request to the cluster of that name.
    fn to_cluster(&self, name: &str) -> Option<Route> {
        self.clusters.get(name)?;
        let text = serde_json::json!({ "name": name, "cluster": name }).to_string();
        fragment::route(name, &text).ok()
    }
}

fn hosts(listeners: &[Arc<Listener>]) -> Hosts {
    let mut hosts = Hosts::new();
    for listener in listeners {
        let mut own = Hosts::new();
        for route in &listener.routes {
            for host in &route.matches.hosts {
                if let HostMatch::Exact(host) = host {
                    let routes = own.entry(host.as_str().into()).or_default();
                    routes.push(route.clone());
                }
            }
        }
        for (host, routes) in own {
            hosts.entry(host).or_insert(routes);
        }
    }
    hosts
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use outrigger_xds::Kind;

    use super::*;

    fn clusters(names: &[&str]) -> Shelf {
        let cluster =
            |name: &&str| Resource::new(Kind::Cluster, (*name).into(), "", Bytes::new()).into();
        names.iter().map(cluster).collect()
    }

    fn listeners(hosts: &[&str]) -> Vec<Arc<Listener>> {
        let routes = hosts.iter().map(|host| {
            format!("{{ match: {{ hosts: [{host}] }}, clusters: {{ blue: 9, green: 1 }} }}")
        });
        let routes: Vec<_> = routes.collect();
        let text = format!(
            "{{ address: 127.0.0.1:1, routes: [{}] }}",
            routes.join(", ")
        );
        vec![Arc::new(fragment::listener("l", &text).unwrap())]
    }

    #[test]
    fn a_host_comes_before_a_cluster_and_what_is_neither_is_nothing() {
        let targets = Targets::new(listeners(&["shop"]), clusters(&["blue", "shop"]));
        let [shop, blue] = ["shop", "blue"].map(|name| targets.get(name).unwrap());
        assert_eq!((&*shop.name, shop.kind), ("shop", Kind::Listener));
        let without = Targets::new(Vec::new(), clusters(&["blue", "shop"]));
        assert_ne!(without.get("shop").unwrap().version, shop.version);
        assert_eq!(without.get("blue").unwrap().version, blue.version);
        assert!(targets.get("elsewhere").is_none());
    }

    #[test]
    fn what_changes_is_told_and_what_does_not_is_kept() {
        let first = Targets::new(listeners(&["shop"]), clusters(&["blue", "green"]));
        let shop = first.get("shop").unwrap();
        let next = first.next(listeners(&["shop", "more"]), clusters(&["blue", "red"]));
        let mut names = first.differences(&next);
        names.sort();
        assert_eq!(names, ["green", "more", "red"].map(Arc::from));
        assert!(Arc::ptr_eq(&shop, &next.get("shop").unwrap()));
        assert!(next.get("green").is_none());
    }
}

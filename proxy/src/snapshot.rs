//! The compiled, immutable form of a table, which all workers read.
//!
//! `table -> checked Config -> Snapshot`, published in one swap. What lives longer than a table carries over by
//! identity: a cluster that did not change stays as it is, and an endpoint keeps its load and its pools for as long as
//! its cluster lists its address. Only the endpoints of a cluster may change within a snapshot (DNS): that costs what
//! the change costs, whatever the size of the table.

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use outrigger_config::{Config, model};

pub use crate::{
    cluster::Cluster,
    endpoint::{Endpoint, Endpoints},
};
use crate::{
    limits::ListenerLimits,
    route::{self, Router, Split},
    telemetry::metrics::{Registry, RouteMetrics},
};

/// A table in force.
pub struct Snapshot {
    /// Counts tables from 1.
    pub version: u64,
    /// When it came into force.
    pub since: SystemTime,
    /// What it was compiled from.
    pub config: Arc<Config>,
    /// In file order.
    pub listeners: Vec<Arc<Listener>>,
    /// In file order: the index of a `ClusterRef`.
    pub clusters: Vec<Arc<Cluster>>,
}

/// A listener's routes.
pub struct Listener {
    /// What the file says of it, its routes left out.
    pub config: model::Listener,
    /// Of requests that no route took.
    pub unrouted: RouteMetrics,
    /// What may be under way at once.
    pub limits: ListenerLimits,
    router: Router,
    routes: Vec<Arc<Route>>,
}

/// A route, ready for use.
pub struct Route {
    /// What the file says of it.
    pub config: model::Route,
    /// Its filters.
    pub filters: Vec<Filter>,
    /// Its golden metrics.
    pub metrics: RouteMetrics,
    split: Split,
    clusters: Vec<Arc<Cluster>>,
}

/// A filter, ready for use.
pub enum Filter {
    /// See `model::Filter`.
    RequestHeaders(model::HeaderEdits),
    /// See `model::Filter`.
    ResponseHeaders(model::HeaderEdits),
    /// See `model::Filter`.
    Rewrite(route::Rewrite),
    /// See `model::Filter`.
    Redirect(route::Redirect),
    /// See `model::Filter`.
    Respond(route::Respond),
}

impl Snapshot {
    /// Compiles a table. What did not change is taken over from the one `before`.
    pub fn compile(config: Config, before: Option<&Self>, registry: &Registry) -> Self {
        let clusters: Vec<_> = config
            .clusters
            .iter()
            .map(|cluster| {
                let before = before.and_then(|before| before.cluster(&cluster.name));
                Cluster::compile(cluster, before, registry)
            })
            .collect();
        let listeners = config
            .listeners
            .iter()
            .map(|listener| {
                let before = before.and_then(|before| before.listener(listener.address));
                Arc::new(Listener::compile(
                    listener,
                    before.map(|before| &before.limits),
                    &clusters,
                    registry,
                ))
            })
            .collect();
        Self {
            version: before.map_or(0, |before| before.version) + 1,
            since: SystemTime::now(),
            config: Arc::new(config),
            listeners,
            clusters,
        }
    }

    /// The listener that was configured with this address. There are few.
    pub fn listener(&self, address: SocketAddr) -> Option<&Arc<Listener>> {
        self.listeners
            .iter()
            .find(|listener| listener.config.address == address)
    }

    fn cluster(&self, name: &str) -> Option<&Arc<Cluster>> {
        self.clusters
            .iter()
            .find(|cluster| &*cluster.config.name == name)
    }

    /// Marks the endpoints that `next` no longer has, so that their pools go.
    pub fn retire(&self, next: &Self) {
        for cluster in &self.clusters {
            match next.cluster(&cluster.config.name) {
                Some(kept) if Arc::ptr_eq(kept, cluster) => {}
                Some(changed) => cluster.endpoints.retire_all_but(&changed.endpoints),
                None => cluster.endpoints.retire(),
            }
        }
    }
}

impl Listener {
    fn compile(
        config: &model::Listener,
        limits: Option<&ListenerLimits>,
        clusters: &[Arc<Cluster>],
        registry: &Registry,
    ) -> Self {
        let name = &config.name;
        let routes = config
            .routes
            .iter()
            .map(|route| Arc::new(Route::compile(route, name, clusters, registry)));
        Self {
            unrouted: RouteMetrics::new(registry, Arc::clone(name), "".into()),
            limits: ListenerLimits::new(&config.limits, limits, name, registry),
            router: Router::new(&config.routes),
            routes: routes.collect(),
            // Each route has its own part of the file.
            config: model::Listener {
                routes: Vec::new(),
                ..config.clone()
            },
        }
    }

    /// The route that takes a request.
    pub fn find(&self, head: &http::request::Parts) -> Option<&Arc<Route>> {
        self.router.find(head).map(|index| &self.routes[index])
    }
}

impl Route {
    fn compile(
        config: &model::Route,
        listener: &Arc<str>,
        clusters: &[Arc<Cluster>],
        registry: &Registry,
    ) -> Self {
        let path = &config.matches.path;
        let filters = config.filters.iter().map(|filter| match filter {
            model::Filter::RequestHeaders(edits) => Filter::RequestHeaders(edits.clone()),
            model::Filter::ResponseHeaders(edits) => Filter::ResponseHeaders(edits.clone()),
            model::Filter::Rewrite(rewrite) => Filter::Rewrite(route::Rewrite::new(rewrite, path)),
            model::Filter::Redirect(redirect) => {
                Filter::Redirect(route::Redirect::new(redirect, path))
            }
            model::Filter::Respond(respond) => Filter::Respond(route::Respond::new(respond)),
        });
        Self {
            filters: filters.collect(),
            metrics: RouteMetrics::new(registry, Arc::clone(listener), Arc::clone(&config.name)),
            split: Split::new(&config.clusters),
            clusters: config
                .clusters
                .iter()
                .map(|weighted| Arc::clone(&clusters[weighted.cluster.index]))
                .collect(),
            config: config.clone(),
        }
    }

    /// One of its clusters, by weight; `None` if it has none.
    pub fn split(&self, rng: &mut fastrand::Rng) -> Option<&Arc<Cluster>> {
        self.split.pick(rng).map(|index| &self.clusters[index])
    }
}

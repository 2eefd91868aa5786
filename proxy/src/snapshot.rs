//! The compiled, immutable form of a table, which all workers read.
//!
//! `table -> checked Config -> Snapshot`, published in one swap. What lives longer than a table carries over by
//! identity: a cluster that did not change stays as it is, and an endpoint keeps its load and its pools for as long as
//! its cluster lists its address. Only the endpoints of a cluster may change within a snapshot (DNS): that costs what
//! the change costs, whatever the size of the table.

mod clusters;
#[cfg(test)]
mod tests;

use std::{net::SocketAddr, sync::Arc, time::SystemTime};

use outrigger_config::{
    Config,
    model::{self, Destination},
};

pub use crate::{
    cluster::Cluster,
    endpoint::{Endpoint, Endpoints},
};
pub use clusters::{Clusters, Fallback};

use crate::{
    acme::Challenges,
    authorization::Authorization,
    fault::Fault,
    hedge,
    limits::ListenerLimits,
    rate_limit::RateLimit,
    retry::Policy,
    route::{self, Map, Router, Split},
    tcp::Destinations,
    telemetry::metrics::{FilterMetrics, Registry, RouteMetrics},
    tls,
    transparent::Transparent,
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
    /// In file order, and by name.
    pub clusters: Clusters,
}

/// A listener's routes.
pub struct Listener {
    /// What the file says of it, its routes left out.
    pub config: model::Listener,
    /// What its callers have to speak below HTTP; `None`: nothing.
    pub tls: Option<Arc<tls::Server>>,
    /// What is answered when an authority asks whose a host is; `None`: it is not asked here.
    pub acme: Option<Arc<Challenges>>,
    /// Of requests that no route took.
    pub unrouted: RouteMetrics,
    /// Of all its requests.
    pub rate_limit: Option<Arc<RateLimit>>,
    /// Who is let in, whatever the route.
    pub authorization: Option<Arc<Authorization>>,
    /// What may be under way at once.
    pub limits: ListenerLimits,
    /// What is done with connections that were meant for others, if it takes any.
    pub transparent: Option<Arc<Transparent>>,
    /// Where connections go that are not HTTP, if anywhere.
    pub tcp: Option<Arc<Destinations>>,
    router: Router,
    routes: Vec<Arc<Route>>,
}

/// A route, ready for use.
pub struct Route {
    /// What the file says of it.
    pub config: model::Route,
    /// Who is let in.
    pub authorization: Option<Arc<Authorization>>,
    /// Its filters.
    pub filters: Vec<Filter>,
    /// When another attempt is made.
    pub retry: Policy,
    /// When a second attempt is started beside a slow one.
    pub hedge: Option<hedge::Plan>,
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
    /// See `model::Filter`.
    RateLimit(Arc<RateLimit>),
    /// See `model::Filter`.
    Fault(Fault),
}

impl Snapshot {
    /// Compiles a table, which speaks TLS with `tls`. What did not change is taken over from the one `before`.
    pub fn compile(
        config: Config,
        tls: &tls::Material,
        before: Option<&Self>,
        registry: &Registry,
    ) -> Self {
        let clusters: Vec<_> = config
            .clusters
            .iter()
            .map(|cluster| {
                let before = before.and_then(|before| before.clusters.named(&cluster.name));
                let tls = tls.client(&cluster.name);
                Cluster::compile(cluster, tls, config.zone.as_ref(), before, registry)
            })
            .collect();
        let listeners = config
            .listeners
            .iter()
            .map(|listener| {
                let before = before.and_then(|before| {
                    let named = || before.named(&listener.name);
                    before.listener(listener.address).or_else(named)
                });
                Listener::compile(listener, tls, &clusters, before, registry)
            })
            .collect();
        Self {
            version: before.map_or(0, |before| before.version) + 1,
            since: SystemTime::now(),
            config: Arc::new(config),
            listeners,
            clusters: Clusters::new(clusters),
        }
    }

    /// The listener that was configured with this address. There are few.
    pub fn listener(&self, address: SocketAddr) -> Option<&Arc<Listener>> {
        self.listeners
            .iter()
            .find(|listener| listener.config.address == address)
    }

    fn named(&self, name: &str) -> Option<&Arc<Listener>> {
        self.listeners
            .iter()
            .find(|listener| &*listener.config.name == name)
    }

    /// Marks the endpoints that `next` no longer has, so that their pools go.
    pub fn retire(&self, next: &Self) {
        for cluster in self.clusters.iter() {
            match next.clusters.named(&cluster.config.name) {
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
        tls: &tls::Material,
        clusters: &[Arc<Cluster>],
        before: Option<&Arc<Self>>,
        registry: &Registry,
    ) -> Arc<Self> {
        let name = &config.name;
        let acme = tls.challenges(config);
        let tls = tls.server(config.address);
        let known_before = before.filter(|before| before.config.name == *name);
        let known: Map<_, _> = known_before
            .into_iter()
            .flat_map(|before| before.routes.iter())
            .map(|route| (&*route.config.name, route))
            .collect();
        let routes = config.routes.iter().map(|route| {
            let same = known.get(&*route.name);
            match same.filter(|same| same.is_still(route, clusters)) {
                Some(same) => Arc::clone(same),
                None => Arc::new(Route::compile(route, name, clusters, before, registry)),
            }
        });
        let routes: Vec<_> = routes.collect();
        if let Some(before) = before
            && before.routes.len() == routes.len()
            && before
                .routes
                .iter()
                .zip(&routes)
                .all(|(a, b)| Arc::ptr_eq(a, b))
            && before.config.has_ways_of(config)
            && before.tcp.iter().all(|tcp| tcp.is_still(clusters))
            && tls::same(before.tls.as_ref(), tls)
            && tls::same(before.acme.as_ref(), acme)
        {
            return Arc::clone(before);
        }
        let metrics = FilterMetrics::new(registry, Arc::clone(name), "".into());
        let rate_limit = before.and_then(|before| before.rate_limit.clone());
        let rate_limit = RateLimit::compile(&config.rate_limit, rate_limit, &metrics);
        let limits = before.map(|before| &before.limits);
        Arc::new(Self {
            unrouted: RouteMetrics::new(registry, Arc::clone(name), "".into()),
            rate_limit: rate_limit.into_iter().next(),
            authorization: Authorization::compile(
                config.authorization.as_ref(),
                registry,
                name,
                &"".into(),
            ),
            limits: ListenerLimits::new(&config.limits, limits, name, registry),
            transparent: config.transparent.as_ref().map(|transparent| {
                let before = known_before.and_then(|before| before.transparent.as_ref());
                Transparent::compile(transparent, name, before, registry)
            }),
            tcp: config
                .speaks
                .tcp()
                .map(|tcp| Destinations::compile(tcp, name, clusters, registry)),
            tls: tls.map(Arc::clone),
            acme: acme.map(Arc::clone),
            router: Router::new(&config.routes),
            routes,
            // Each route has its own part of the file.
            config: model::Listener {
                routes: Vec::new(),
                ..config.clone()
            },
        })
    }

    /// The rate limits of a route.
    fn rate_limits(&self, route: &str) -> impl Iterator<Item = Arc<RateLimit>> {
        let route = self
            .routes
            .iter()
            .find(move |known| &*known.config.name == route);
        let filters = route.into_iter().flat_map(|route| &route.filters);
        filters.filter_map(|filter| match filter {
            Filter::RateLimit(limit) => Some(Arc::clone(limit)),
            _ => None,
        })
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
        before: Option<&Arc<Listener>>,
        registry: &Registry,
    ) -> Self {
        let path = &config.matches.path;
        let metrics = FilterMetrics::new(registry, Arc::clone(listener), Arc::clone(&config.name));
        let limits = config.filters.iter().filter_map(|filter| match filter {
            model::Filter::RateLimit(limit) => Some(limit),
            _ => None,
        });
        let before = before.into_iter();
        let before = before.flat_map(|before| before.rate_limits(&config.name));
        let mut limits = RateLimit::compile(limits, before, &metrics).into_iter();
        let filters = config.filters.iter().filter_map(|filter| {
            Some(match filter {
                model::Filter::RequestHeaders(edits) => Filter::RequestHeaders(edits.clone()),
                model::Filter::ResponseHeaders(edits) => Filter::ResponseHeaders(edits.clone()),
                model::Filter::Rewrite(rewrite) => {
                    Filter::Rewrite(route::Rewrite::new(rewrite, path))
                }
                model::Filter::Redirect(redirect) => {
                    Filter::Redirect(route::Redirect::new(redirect, path))
                }
                model::Filter::Respond(respond) => Filter::Respond(route::Respond::new(respond)),
                // One for each, in their order.
                model::Filter::RateLimit(_) => Filter::RateLimit(limits.next()?),
                model::Filter::Fault(fault) => {
                    Filter::Fault(Fault::new(fault, Arc::clone(&metrics)))
                }
            })
        });
        let named = config.clusters().iter();
        let named = named.map(|weighted| Arc::clone(&clusters[weighted.cluster.index]));
        let named: Vec<_> = named.collect();
        let reached = match config.destination {
            Destination::Clusters(_) => &named,
            Destination::Host => clusters,
        };
        Self {
            authorization: Authorization::compile(
                config.authorization.as_ref(),
                registry,
                listener,
                &config.name,
            ),
            filters: filters.collect(),
            retry: Policy::new(&config.retry),
            hedge: config.hedge.map(|hedge| hedge::Plan::new(hedge, reached)),
            metrics: RouteMetrics::new(registry, Arc::clone(listener), Arc::clone(&config.name)),
            split: Split::new(config.clusters()),
            clusters: named,
            config: config.clone(),
        }
    }

    /// Whether a table means nothing else by it.
    fn is_still(&self, config: &model::Route, clusters: &[Arc<Cluster>]) -> bool {
        // A hedge looks at every cluster that may be reached.
        let by_host = config.destination == Destination::Host && config.hedge.is_some();
        let named = self.clusters.iter().zip(config.clusters());
        !by_host
            && self.config == *config
            && named
                .into_iter()
                .all(|(own, weighted)| Arc::ptr_eq(own, &clusters[weighted.cluster.index]))
    }

    /// One of the clusters that it names, by weight; `None` if it names none.
    pub fn split(&self, rng: &mut fastrand::Rng) -> Option<&Arc<Cluster>> {
        self.split.pick(rng).map(|index| &self.clusters[index])
    }
}

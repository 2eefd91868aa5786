//! Clusters: who answers.

mod endpoint;
mod pool;
mod zones;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::{
    address::peer_address,
    balancer::balancer,
    circuit_breaker::{circuit_breaker, fallback_elsewhere},
    dns::dns,
    duration::duration,
    health_check::health_check,
    limits::cluster_limits,
    name::name,
    outlier_detection::outlier_detection,
    percent::percent,
    retry::retry_budget,
    tcp::{one_client_a_connection, proxy_version},
    tls::cluster_tls,
    transparent::called_once,
};
use crate::{
    model::{
        Balancer, CircuitBreaker, Cluster, ClusterLimits, ClusterTls, Dns, Endpoint, Endpoints,
        HealthCheck, OutlierDetection, PoolPolicy, Protocol, ProxyVersion, RetryBudget, Zones,
        default as defaults,
    },
    problem::Fault,
    reader::Reader,
    shape::{Shape, choice, default, keys, list, map, nested, optional, or_off, word},
    yaml::Node,
};
use endpoint::endpoints;
use pool::pool;
use zones::zones;

struct Keys {
    endpoints: Option<Vec<Endpoint>>,
    dns: Option<Dns>,
    addresses: Vec<SocketAddr>,
    protocol: Protocol,
    proxy_protocol: Option<ProxyVersion>,
    balancer: Balancer,
    connect_timeout: Duration,
    pool: PoolPolicy,
    slow_start: Option<Duration>,
    outlier_detection: Option<OutlierDetection>,
    limits: ClusterLimits,
    health_check: Option<HealthCheck>,
    circuit_breaker: Option<CircuitBreaker>,
    zones: Zones,
    panic_threshold: f64,
    retry_budget: RetryBudget,
    tls: Option<ClusterTls>,
}

/// Clusters by name, in the order of the file.
pub(super) fn clusters() -> Shape<Vec<Cluster>> {
    let into = |pairs: Vec<(Arc<str>, Cluster)>| {
        let pairs = pairs.into_iter();
        pairs
            .map(|(name, cluster)| Cluster { name, ..cluster })
            .collect()
    };
    let from = |clusters: &Vec<Cluster>| {
        let clusters = clusters.iter();
        clusters
            .map(|cluster| (Arc::clone(&cluster.name), cluster.clone()))
            .collect()
    };
    map(name(), cluster())
        .rule(fallback_elsewhere)
        .rule(called_once)
        .convert(into, from)
}

/// A cluster that does not know its name yet.
pub(crate) fn cluster() -> Shape<Cluster> {
    let ewma = Balancer::PeakEwma {
        decay: defaults::EWMA_DECAY,
    };
    let keys = keys!(Keys {
        /// Its addresses. This or `dns`.
        endpoints: optional(endpoints()),
        /// A name whose addresses are its endpoints. This or `endpoints`.
        dns: optional(dns()),
        /// Where it is called by those who know of no proxy, as the address of a Kubernetes Service: what a `transparent`
        /// listener takes that was meant for one of these goes to this cluster.
        addresses: default(list(peer_address()), Vec::new()),
        /// What is spoken to the endpoints.
        protocol: default(protocol(), Protocol::default()),
        /// The PROXY protocol: each connection begins with a header that tells the endpoint whose it is. Not at all when
        /// left out.
        proxy_protocol: optional(proxy_version()),
        /// How an endpoint is picked.
        balancer: default(balancer(), ewma),
        /// To make a connection.
        connect_timeout: default(duration(), defaults::CONNECT_TIMEOUT),
        /// How connections are kept.
        pool: nested(pool()),
        /// How long an endpoint that is new or back takes to grow to its full share. At once when left out.
        slow_start: optional(duration()),
        /// What takes an endpoint out of service for a time: `{}` for every detector, `off` for none. When left out, only
        /// connections that cannot be made do.
        outlier_detection: default(
            or_off(outlier_detection()),
            Some(defaults::OUTLIER_DETECTION),
        ),
        /// What may run at once.
        limits: nested(cluster_limits()),
        /// Active probes of each endpoint; `{}` is `GET /health`. None when left out.
        health_check: optional(health_check()),
        /// Refusal, or a fallback, while too many of its requests fail; `{}` has the defaults. None when left out.
        circuit_breaker: optional(circuit_breaker()),
        /// What the zones of its endpoints mean.
        zones: default(zones(), Zones::default()),
        /// Below this share of available endpoints all are taken for available. `0%`: never.
        panic_threshold: default(percent(), defaults::PANIC_THRESHOLD),
        /// How much of its traffic may be retries and hedges, whatever the routes ask for.
        retry_budget: nested(retry_budget()),
        /// TLS to the endpoints: `{}` checks them against the roots of the system, `mesh` against those of the process's
        /// `identity`. Cleartext when left out.
        tls: optional(cluster_tls()),
    });
    keys.rule(one_source)
        .rule(one_client_a_connection)
        .convert(from_keys, to_keys)
}

fn from_keys(keys: Keys) -> Cluster {
    let listed = Endpoints::Static(keys.endpoints.unwrap_or_default());
    Cluster {
        name: Arc::default(),
        endpoints: keys.dns.map_or(listed, Endpoints::Dns),
        addresses: keys.addresses,
        protocol: keys.protocol,
        proxy_protocol: keys.proxy_protocol,
        tls: keys.tls,
        balancer: keys.balancer,
        connect_timeout: keys.connect_timeout,
        pool: keys.pool,
        slow_start: keys.slow_start,
        limits: keys.limits,
        outlier_detection: keys.outlier_detection,
        health_check: keys.health_check,
        circuit_breaker: keys.circuit_breaker,
        zones: keys.zones,
        panic_threshold: keys.panic_threshold,
        retry_budget: keys.retry_budget,
    }
}

fn to_keys(cluster: &Cluster) -> Keys {
    let (endpoints, dns) = match cluster.endpoints.clone() {
        Endpoints::Static(endpoints) => (Some(endpoints), None),
        Endpoints::Dns(dns) => (None, Some(dns)),
    };
    Keys {
        endpoints,
        dns,
        addresses: cluster.addresses.clone(),
        protocol: cluster.protocol,
        proxy_protocol: cluster.proxy_protocol,
        balancer: cluster.balancer.clone(),
        connect_timeout: cluster.connect_timeout,
        pool: cluster.pool.clone(),
        slow_start: cluster.slow_start,
        outlier_detection: cluster.outlier_detection.clone(),
        limits: cluster.limits.clone(),
        health_check: cluster.health_check.clone(),
        circuit_breaker: cluster.circuit_breaker.clone(),
        zones: cluster.zones,
        panic_threshold: cluster.panic_threshold,
        retry_budget: cluster.retry_budget,
        tls: cluster.tls.clone(),
    }
}

fn one_source(node: &Node, reader: &mut Reader) {
    match (node.entry("endpoints"), node.entry("dns")) {
        (Some(endpoints), Some(dns)) => {
            let fault = Fault::new("`endpoints` and `dns` exclude each other")
                .hint("make two clusters and share the traffic by weight");
            reader.clash(&dns.key_span, fault, &endpoints.key_span, "first here");
        }
        (None, None) if node.is_mapping() => {
            let fault = Fault::new("this cluster has no endpoints").hint(
                "say `endpoints: [127.0.0.1:9001]` or `dns: { name: web.internal, port: 80 }`",
            );
            reader.report(&node.span, fault);
        }
        _ => {}
    }
}

fn protocol() -> Shape<Protocol> {
    choice(
        "a protocol",
        [
            word(
                "auto",
                "With TLS what the endpoint chooses; without, HTTP/2 for gRPC requests, else HTTP/1.1.",
                Protocol::Auto,
            ),
            word("http1", "HTTP/1.1 always.", Protocol::Http1),
            word(
                "http2",
                "HTTP/2 always, with prior knowledge.",
                Protocol::Http2,
            ),
        ],
    )
}

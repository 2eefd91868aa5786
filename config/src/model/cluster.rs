//! Who answers, and how connections to them are kept.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::HeaderName;

use super::{
    CircuitBreaker, ClusterLimits, ClusterTls, HealthCheck, OutlierDetection, ProxyVersion,
    RetryBudget,
};

/// A named set of endpoints with one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: Arc<str>,
    /// Where its endpoints come from.
    pub endpoints: Endpoints,
    /// What it is called at by those who know of no proxy.
    pub addresses: Vec<SocketAddr>,
    /// What is spoken to them.
    pub protocol: Protocol,
    /// How its endpoints are told whose a connection is; `None`: not at all.
    pub proxy_protocol: Option<ProxyVersion>,
    /// What is spoken below that; `None`: nothing, in cleartext.
    pub tls: Option<ClusterTls>,
    /// How one is picked.
    pub balancer: Balancer,
    /// To make a connection.
    pub connect_timeout: Duration,
    /// Of connections.
    pub pool: PoolPolicy,
    /// How long an endpoint that is new or back takes to grow to its full share; `None`: it has it at once.
    pub slow_start: Option<Duration>,
    /// What may run at once.
    pub limits: ClusterLimits,
    /// What takes an endpoint out of service; `None`: nothing does.
    pub outlier_detection: Option<OutlierDetection>,
    /// How each is asked whether it is well; `None`: not at all.
    pub health_check: Option<HealthCheck>,
    /// When it is left alone for a while; `None`: never.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// What the zones of endpoints mean.
    pub zones: Zones,
    /// The share of endpoints, 0 to 1, below which too few are available for their state to steer; 0: never.
    pub panic_threshold: f64,
    /// How much of its traffic may be retries.
    pub retry_budget: RetryBudget,
}

impl Cluster {
    /// Whether another says the same but for its endpoints.
    pub fn has_policy_of(&self, other: &Self) -> bool {
        let Self {
            name,
            endpoints: _,
            addresses,
            protocol,
            proxy_protocol,
            tls,
            balancer,
            connect_timeout,
            pool,
            slow_start,
            limits,
            outlier_detection,
            health_check,
            circuit_breaker,
            zones,
            panic_threshold,
            retry_budget,
        } = self;
        *name == other.name
            && *addresses == other.addresses
            && *protocol == other.protocol
            && *proxy_protocol == other.proxy_protocol
            && *tls == other.tls
            && *balancer == other.balancer
            && *connect_timeout == other.connect_timeout
            && *pool == other.pool
            && *slow_start == other.slow_start
            && *limits == other.limits
            && *outlier_detection == other.outlier_detection
            && *health_check == other.health_check
            && *circuit_breaker == other.circuit_breaker
            && *zones == other.zones
            && *panic_threshold == other.panic_threshold
            && *retry_budget == other.retry_budget
    }
}

/// Where a cluster's endpoints come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Endpoints {
    /// Listed in the file.
    Static(Vec<Endpoint>),
    /// Resolved by DNS.
    Dns(Dns),
}

/// One address of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share among its peers; 0 takes no requests.
    pub weight: u32,
    /// Its zone, if any.
    pub zone: Option<Arc<str>>,
    /// Its level of failover: those of a higher number stand in for those of a lower.
    pub priority: u16,
}

/// What the zones of endpoints mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zones {
    /// Requests stay in the proxy's own zone as long as it has its share of the capacity.
    #[default]
    PreferLocal,
    /// Nothing.
    Ignore,
}

/// A name that is resolved again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// The name.
    pub name: String,
    /// What is asked for.
    pub record: DnsRecord,
    /// Resolvers to ask; empty: those of `/etc/resolv.conf`.
    pub servers: Vec<SocketAddr>,
    /// The shortest time between two look-ups, whatever the TTL.
    pub min_ttl: Duration,
    /// The longest.
    pub max_ttl: Duration,
}

/// What a name is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DnsRecord {
    /// A and AAAA, with this port.
    Address {
        /// The port of every endpoint.
        port: u16,
    },
    /// SRV: port, weight and priority come with the record.
    Srv,
}

/// What is spoken to the endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// With TLS what the endpoint chooses; without, HTTP/2 for gRPC requests, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1 always.
    Http1,
    /// HTTP/2 always, with prior knowledge.
    Http2,
}

/// How an endpoint is picked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Balancer {
    /// Latency x in-flight, challenged at random; the default.
    PeakEwma {
        /// The time in which an old latency fades to 1/e.
        decay: Duration,
    },
    /// The fewest requests in flight of two.
    LeastRequest,
    /// Smooth weighted round robin.
    RoundRobin,
    /// By weight alone.
    Random,
    /// Consistent hashing on a ring.
    RingHash {
        /// What is hashed.
        key: HashKey,
    },
    /// Consistent hashing by table.
    Maglev {
        /// What is hashed.
        key: HashKey,
    },
}

/// What is hashed to stay with an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKey {
    /// The value of a request header.
    Header(HeaderName),
    /// The value of a cookie.
    Cookie(String),
    /// The IP address of the client (the believed one).
    SourceAddress,
}

/// How connections to endpoints are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPolicy {
    /// A connection unused for longer is closed.
    pub idle_timeout: Duration,
    /// A connection older than this takes no new request (spread by up to 10 % less, so that they don't all end at once).
    pub max_age: Option<Duration>,
    /// Idle HTTP/1 connections that a worker keeps to one endpoint.
    pub max_idle: usize,
    /// Requests at once on one HTTP/2 connection, if the endpoint allows as many.
    pub max_streams: u32,
}

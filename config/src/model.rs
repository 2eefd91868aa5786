//! The checked model: what a file says once every name is known to exist.
//!
//! "Parse, don't validate": nothing here is a string that might be wrong, an integer of unnamed unit, or an
//! `Option` that means "default". Each default is a constant with one sentence of reason.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::network::Network;
use crate::pattern::Pattern;

/// A whole checked table: what the proxy compiles into its snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The admin server.
    pub admin: Admin,
    /// The access log; `None` is off, the default: a log line a request is the dearest thing a proxy does.
    pub access_log: Option<AccessLog>,
    /// How the process says goodbye.
    pub drain: Drain,
    /// Bound addresses, in file order.
    pub listeners: Vec<Listener>,
    /// Sets of endpoints, in file order. A [`ClusterRef`] is an index into this.
    pub clusters: Vec<Cluster>,
}

/// Where `/metrics`, `/ready` and the rest are served.
#[derive(Clone, Debug, PartialEq)]
pub struct Admin {
    /// Loopback by default: it shows internals.
    pub address: SocketAddr,
}

/// A line a request on stdout.
#[derive(Clone, Debug, PartialEq)]
pub struct AccessLog {
    /// How a line looks.
    pub format: LogFormat,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// The orderly goodbye after SIGTERM.
#[derive(Clone, Debug, PartialEq)]
pub struct Drain {
    /// From `/ready` turning 503 to refusing new connections; gives load balancers time to notice.
    pub delay: Duration,
    /// From the signal to the hard end.
    pub timeout: Duration,
}

/// A bound address that accepts downstream connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// A metric label; the address when the file gives none.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Peers whose `x-forwarded-*` and `forwarded` headers are believed and extended; from all others they are replaced.
    pub trusted_proxies: Vec<Network>,
    /// Whether `via` is added to requests and responses (RFC 9110, 7.6.3).
    pub via: bool,
    /// Whether CONNECT requests are passed on as tunnels to the route's cluster.
    pub connect: bool,
    /// Whether the Trail of a request is shown on the response header `x-outrigger-trail` when the request has that header.
    pub trail: bool,
    /// From a connection's first byte of a request to the end of its head.
    pub header_timeout: Duration,
    /// How long a connection may stay without a request.
    pub idle_timeout: Duration,
    /// The largest request head in bytes.
    pub max_header_bytes: usize,
    /// HTTP/2 streams a connection may have open.
    pub max_streams: u32,
    /// Routes in file order; precedence is by specificity.
    pub routes: Vec<Route>,
}

/// match -> filters -> weighted clusters, with its policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// A metric label; `<listener>/<index>` when the file gives none.
    pub name: Arc<str>,
    /// Which requests it takes.
    pub matches: Match,
    /// Edits in file order. `Redirect` and `Respond` end the request.
    pub filters: Vec<Filter>,
    /// Where it sends them, by weight. Empty only if a filter ends the request.
    pub clusters: Vec<WeightedCluster>,
    /// The whole request, all attempts included; `None`: no bound, so that streams are not cut.
    pub timeout: Option<Duration>,
    /// One attempt, to the response's head.
    pub attempt_timeout: Option<Duration>,
    /// When another attempt is made.
    pub retry: Retry,
}

/// One destination of a route and its share.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightedCluster {
    /// The cluster.
    pub cluster: ClusterRef,
    /// Its share of the sum of weights; at least one of a route's is over 0.
    pub weight: u32,
}

/// A cluster that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterRef {
    /// Its name.
    pub name: Arc<str>,
    /// Its place in [`Config::clusters`].
    pub index: usize,
}

/// Which requests a route takes: all of the conditions that are given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Match {
    /// Any of these; empty: every host.
    pub hosts: Vec<HostMatch>,
    /// The path.
    pub path: PathMatch,
    /// Any of these; empty: every method.
    pub methods: Vec<Method>,
    /// All of these.
    pub headers: Vec<(HeaderName, ValueMatch)>,
    /// All of these; the first value of a query key counts.
    pub query: Vec<(String, ValueMatch)>,
}

/// A host of a request, without port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostMatch {
    /// `shop.example.com`
    Exact(String),
    /// `*.example.org`: holds `.example.org`; one or more labels before it (Gateway API).
    Suffix(String),
}

/// A path of a request, without query.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum PathMatch {
    /// Every path.
    #[default]
    Any,
    /// This path and no other.
    Exact(String),
    /// This path and all below it, by segment: `/v2` takes `/v2` and `/v2/x`, not `/v23`. No trailing slash, `/` itself excepted.
    Prefix(String),
    /// The whole path.
    Regex(Pattern),
}

/// A value of a header or query key.
#[derive(Clone, Debug, PartialEq)]
pub enum ValueMatch {
    /// This value.
    Exact(String),
    /// The whole value.
    Regex(Pattern),
}

/// One edit of a request or response, chosen by a route.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Edits the request's headers before it goes upstream.
    RequestHeaders(HeaderEdits),
    /// Edits the response's headers before it goes downstream.
    ResponseHeaders(HeaderEdits),
    /// Changes the path or host that the endpoint sees.
    Rewrite(Rewrite),
    /// Answers with a redirect.
    Redirect(Redirect),
    /// Answers directly.
    Respond(Respond),
}

/// Header edits, in the order: remove, set, add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeaderEdits {
    /// Replaces all values.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Adds a value.
    pub add: Vec<(HeaderName, HeaderValue)>,
    /// Removes all values.
    pub remove: Vec<HeaderName>,
}

/// What the endpoint sees in place of what the client asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rewrite {
    /// The Host header.
    pub host: Option<HeaderValue>,
    /// The path.
    pub path: Option<PathRewrite>,
}

/// A new path; the query is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathRewrite {
    /// In place of the matched prefix (of a route with `path.prefix`).
    Prefix(String),
    /// In place of the whole path.
    Full(String),
}

/// A redirect; what is not given stays as in the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// `http` or `https`.
    pub scheme: Option<Scheme>,
    /// The host.
    pub host: Option<String>,
    /// The port; when only the scheme changes, that scheme's own.
    pub port: Option<u16>,
    /// The path.
    pub path: Option<PathRewrite>,
}

/// Of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// A response that the proxy itself gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Respond {
    /// Its status, 200 to 599.
    pub status: StatusCode,
    /// Its body.
    pub body: String,
    /// Its `content-type`.
    pub content_type: HeaderValue,
}

/// When another attempt is made. What was never sent is retried in any case.
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Attempts in all, the first one included; 1 is no retry.
    pub attempts: u32,
    /// On what.
    pub on: Vec<RetryOn>,
}

/// A condition for another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryOn {
    /// No connection was made: nothing was sent.
    ConnectFailure,
    /// The endpoint said that it did not process the request (HTTP/2 REFUSED_STREAM, GOAWAY).
    RefusedStream,
    /// The connection broke before a response.
    Reset,
    /// A status of 500 to 599.
    ServerError,
    /// 502, 503 or 504.
    GatewayError,
    /// The attempt took longer than `attempt_timeout`.
    AttemptTimeout,
}

/// A named set of endpoints with one policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: Arc<str>,
    /// Where its endpoints come from.
    pub endpoints: Endpoints,
    /// What is spoken to them.
    pub protocol: Protocol,
    /// How one is picked.
    pub balancer: Balancer,
    /// To make a connection.
    pub connect_timeout: Duration,
    /// Of connections.
    pub pool: PoolPolicy,
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
    /// SRV: port and weight come with the record; the lowest priority is used.
    Srv,
}

/// What is spoken to the endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/2 for gRPC requests, else HTTP/1.1.
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

/// Defaults and their reasons.
pub mod default {
    use super::*;

    /// Loopback: it shows internals. Linkerd's port.
    pub const ADMIN: &str = "127.0.0.1:4191";
    /// No delay: outside Kubernetes nobody waits for `/ready`.
    pub const DRAIN_DELAY: Duration = Duration::ZERO;
    /// Kubernetes kills after 30 s.
    pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
    /// Slow heads are attacks; Linkerd and Envoy have it off.
    pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
    /// Longer than common clients keep connections (Envoy: 1 h, nginx: 75 s).
    pub const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
    /// As Envoy's 60 KiB.
    pub const MAX_HEADER_BYTES: usize = 60 * 1024;
    /// Enough for a browser or a gRPC channel, and a bound on what one peer can hold.
    pub const MAX_STREAMS: u32 = 256;
    /// A connect within a data centre takes a millisecond; Linkerd's.
    pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
    /// Shorter than the shortest common keep-alive of servers (Apache's 5 s), so that a server seldom closes under us.
    pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
    /// A burst's worth; what is over is closed.
    pub const POOL_MAX_IDLE: usize = 256;
    /// As servers commonly allow.
    pub const POOL_MAX_STREAMS: u32 = 100;
    /// Finagle's.
    pub const EWMA_DECAY: Duration = Duration::from_secs(10);
    /// First try and two more, for what was never sent.
    pub const RETRY_ATTEMPTS: u32 = 3;
    /// A record of TTL 0 is asked for once a second at most.
    pub const DNS_MIN_TTL: Duration = Duration::from_secs(1);
    /// A record of a day is asked for every minute: failover by DNS must work.
    pub const DNS_MAX_TTL: Duration = Duration::from_secs(60);
    /// Safe for any method: nothing was processed.
    pub const RETRY_ON: [RetryOn; 2] = [RetryOn::ConnectFailure, RetryOn::RefusedStream];
}

//! Where requests come in.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use super::{
    Authorization, ListenerLimits, ListenerTls, ProxyProtocol, RateLimit, Route, Speaks,
    Transparent,
};
use crate::network::Network;

/// A bound address that accepts downstream connections.
#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// A metric label; the address when the file gives none.
    pub name: Arc<str>,
    /// Where it listens.
    pub address: SocketAddr,
    /// What is done with connections that were meant for other addresses; `None`: nobody sends it any.
    pub transparent: Option<Transparent>,
    /// What its connections speak. What below is about requests has its defaults where there are none.
    pub speaks: Speaks,
    /// Whose connections begin with a header that says who is behind them; `None`: nobody's.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// What its callers have to speak below HTTP; `None`: nothing, in cleartext.
    pub tls: Option<ListenerTls>,
    /// Whether endpoints are told of the caller's certificate, in `x-forwarded-client-cert`.
    pub forward_client_cert: bool,
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
    /// What may run at once.
    pub limits: ListenerLimits,
    /// How many requests it takes in a time, whatever their route.
    pub rate_limit: Option<RateLimit>,
    /// Who is let in, whatever the route; `None`: everybody.
    pub authorization: Option<Authorization>,
    /// Routes in file order; precedence is by specificity.
    pub routes: Vec<Route>,
}

impl Listener {
    /// Whether another says the same but for its routes.
    pub fn has_ways_of(&self, other: &Self) -> bool {
        let Self {
            name,
            address,
            transparent,
            tls,
            speaks,
            proxy_protocol,
            forward_client_cert,
            trusted_proxies,
            via,
            connect,
            trail,
            header_timeout,
            idle_timeout,
            max_header_bytes,
            max_streams,
            limits,
            rate_limit,
            authorization,
            routes: _,
        } = self;
        *name == other.name
            && *address == other.address
            && *transparent == other.transparent
            && *tls == other.tls
            && *speaks == other.speaks
            && *proxy_protocol == other.proxy_protocol
            && *forward_client_cert == other.forward_client_cert
            && *trusted_proxies == other.trusted_proxies
            && *via == other.via
            && *connect == other.connect
            && *trail == other.trail
            && *header_timeout == other.header_timeout
            && *idle_timeout == other.idle_timeout
            && *max_header_bytes == other.max_header_bytes
            && *max_streams == other.max_streams
            && *limits == other.limits
            && *rate_limit == other.rate_limit
            && *authorization == other.authorization
    }
}

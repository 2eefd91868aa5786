//! The checked model: what a file says once every name is known to exist.
//!
//! "Parse, don't validate": nothing here is a string that might be wrong, an integer of unnamed unit, or an
//! `Option` that means "default". Each default is a constant with one sentence of reason.

mod acme;
mod authorization;
mod circuit_breaker;
mod cluster;
pub mod default;
mod empty;
mod fault;
mod filter;
mod health_check;
mod identity_match;
mod limits;
mod listener;
mod outlier_detection;
mod overload;
mod rate_limit;
mod retry;
mod route;
mod selector;
mod spiffe_id;
mod tcp;
mod tls;
mod transparent;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

pub use acme::{Acme, Challenge};
pub use authorization::{Authorization, AuthorizationRule};
pub use circuit_breaker::{CircuitBreaker, Fallback, SlowCall};
pub use cluster::{
    Balancer, Cluster, Dns, DnsRecord, Endpoint, Endpoints, HashKey, PoolPolicy, Protocol, Zones,
};
pub use fault::{Abort, AbortFault, Delay, Fault};
pub use filter::{Filter, HeaderEdits, PathRewrite, Redirect, Respond, Rewrite, Scheme};
pub use health_check::{HealthCheck, HttpProbe, Probe, StatusRange};
pub use identity_match::IdentityMatch;
pub use limits::{Adaptive, ClusterLimits, ConnectionLimit, ListenerLimits};
pub use listener::Listener;
pub use outlier_detection::{FailurePercent, OutlierDetection, SlowAnswers, SuccessRate};
pub use overload::{MemoryBound, Overload};
pub use rate_limit::{RateLimit, RateLimitKey};
pub use retry::{Backoff, GrpcCode, Hedge, HedgeAfter, Retry, RetryBudget, RetryOn};
pub use route::{
    ClusterRef, Destination, HostMatch, Match, PathMatch, Route, ValueMatch, WeightedCluster,
};
pub use selector::Selector;
pub use spiffe_id::SpiffeId;
pub use tcp::{Detect, DetectPolicy, ProxyProtocol, ProxyVersion, Speaks, Tcp, TcpPolicy};
pub use tls::{
    Alpn, Certificate, ClientCa, ClientCertificates, ClientTls, ClusterTls, Identity, ListenerTls,
    ServerTls, Strangers, TlsVersion, Trust,
};
pub use transparent::{Capture, Inbound, Listening, Outbound, Source, Transparent, Unknown};

/// A whole checked table: what the proxy compiles into its snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The admin server.
    pub admin: Admin,
    /// The access log; `None` is off, the default: a log line a request is the dearest thing a proxy does.
    pub access_log: Option<AccessLog>,
    /// How the process says goodbye.
    pub drain: Drain,
    /// When new requests are refused so that it stays well.
    pub overload: Overload,
    /// The zone that the process runs in; `None`: it knows of none.
    pub zone: Option<Arc<str>>,
    /// Who the process is in its mesh; `None`: it is in none.
    pub identity: Option<Identity>,
    /// How it gets certificates for itself; `None`: it does not.
    pub acme: Option<Acme>,
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
    /// What it shows its callers; `None`: cleartext is spoken.
    pub tls: Option<AdminTls>,
    /// Who is let in by a certificate.
    pub allow_identities: Vec<IdentityMatch>,
    /// The file of the tokens by which others are.
    pub token_file: Option<PathBuf>,
    /// What it may be called besides its addresses and `localhost`.
    pub allow_hosts: Vec<String>,
}

impl Admin {
    /// There, and with nothing but defaults.
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            allow_identities: Vec::new(),
            token_file: None,
            allow_hosts: Vec::new(),
        }
    }
}

/// TLS at the admin server.
#[derive(Clone, Debug, PartialEq)]
pub struct AdminTls {
    /// What it shows.
    pub certificate: Certificate,
    /// Who vouches for callers with a certificate; empty: nobody is asked for one.
    pub client_ca: Vec<PathBuf>,
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

//! Listeners that take connections which were meant for others: a sidecar that nobody has to be told of.
//!
//! The kernel sends them here, by rules that `outrigger init` sets (`init/`). In order: which address was called
//! (`original.rs`), whether that may be (here), and what is meant by it. Inbound it is the application. Outbound it is the
//! cluster that is called at the address, or one that has an endpoint there, and then that very endpoint; else the cluster of
//! the request's host; else, if that is allowed, just this address: an endpoint that no cluster lists (`callees.rs`).
//!
//! No circles: who calls the listener itself is refused, and so is what the proxy itself sent out (`recent.rs`).

mod callees;
pub mod original;
pub mod recent;
mod refusals;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use outrigger_config::model::{self, Listening, Source, Unknown};
use tokio::net::TcpStream;

use crate::{
    clock,
    cluster::Cluster,
    endpoint::Endpoint,
    error::Error,
    proxy_protocol::Addresses,
    snapshot::Clusters,
    telemetry::metrics::{Refusal, Registry, TcpMetrics},
};
use callees::Callees;
use recent::Errand;
use refusals::Refusals;

/// What tells the rules of `outrigger init` what goes to the application from its caller's own address.
pub const MARK: u32 = 1337;

/// What a transparent listener does beyond others.
pub struct Transparent {
    config: model::Transparent,
    listener: Arc<str>,
    /// What is called by its address alone: the policy of a cluster, without a list.
    called: Arc<Cluster>,
    kept: Arc<Kept>,
    registry: Registry,
}

/// What stays when the listener changes.
struct Kept {
    callees: Callees,
    refusals: Refusals,
    /// Of bytes that were carried, by cluster.
    tcp: Mutex<HashMap<Arc<str>, Arc<TcpMetrics>>>,
}

/// Whose endpoints are called by their address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByAddress {
    /// The application's, who sees callers come from there.
    Application(Source),
    /// Anybody else's.
    Elsewhere,
}

/// What was meant by an address.
pub struct Meant {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// The one endpoint that was called, if it was one and not the cluster.
    pub endpoint: Option<Arc<Endpoint>>,
}

impl Transparent {
    /// Made ready from what the file says; what is known from `before`, the same listener so far, carries over.
    pub fn compile(
        config: &model::Transparent,
        listener: &Arc<str>,
        before: Option<&Arc<Self>>,
        registry: &Registry,
    ) -> Arc<Self> {
        recent::watch();
        let cluster = model::Cluster {
            // There is nobody to go to in place of the one that was called.
            outlier_detection: None,
            panic_threshold: 0.0,
            ..model::Cluster::empty(format!("{listener}/original").into())
        };
        let called = before.map(|before| &before.called);
        let by_address = match config {
            model::Transparent::Inbound(inbound) => ByAddress::Application(inbound.source),
            model::Transparent::Outbound(_) => ByAddress::Elsewhere,
        };
        let called = called
            .filter(|called| called.config == cluster && called.by_address == Some(by_address));
        Arc::new(Self {
            called: called.map_or_else(
                || Cluster::by_address(&cluster, by_address, registry),
                Arc::clone,
            ),
            kept: before.map_or_else(
                || {
                    Arc::new(Kept {
                        callees: Callees::default(),
                        refusals: Refusals::new(listener, registry),
                        tcp: Mutex::default(),
                    })
                },
                |before| Arc::clone(&before.kept),
            ),
            config: config.clone(),
            listener: Arc::clone(listener),
            registry: registry.clone(),
        })
    }

    /// Which address the caller of `stream`, at `source`, called, which the listener at `port` took. `None`: that may not be, and
    /// has been counted, or the caller is gone already.
    pub fn take(&self, stream: &TcpStream, source: SocketAddr, port: u16) -> Option<SocketAddr> {
        let own = stream.local_addr().ok()?;
        let called = original::destination(stream, own, self.config.by(), port);
        let refusal = match (called, &self.config) {
            (None, _) => Refusal::Direct,
            (Some(called), model::Transparent::Inbound(inbound)) if !may_be(inbound, called) => {
                Refusal::Port
            }
            _ => return called,
        };
        let destination = called.unwrap_or(own);
        let ends = Addresses {
            source,
            destination,
        };
        self.kept.refusals.add(refusal, ends);
        None
    }

    /// Whether the proxy itself made the connection between these: it would go round for ever.
    pub fn is_own(&self, ends: Addresses) -> bool {
        let source = original::canonical(ends.source);
        let errand = match self.config {
            model::Transparent::Inbound(_) => Errand::Inward,
            model::Transparent::Outbound(_) => Errand::Outward,
        };
        let own = recent::was_made(errand, source, ends.destination);
        if own {
            self.kept.refusals.add(Refusal::Loop, ends);
        }
        own
    }

    /// What is meant by the address that was called; `None`: no cluster is.
    pub fn meant(&self, called: SocketAddr, clusters: &Clusters) -> Option<Meant> {
        match &self.config {
            model::Transparent::Inbound(inbound) => {
                let at = match inbound.to {
                    Listening::Address => called,
                    Listening::Loopback => SocketAddr::new(loopback(called.ip()), called.port()),
                };
                Some(self.at(at))
            }
            model::Transparent::Outbound(_) => {
                let known = clusters.called_at(called);
                let known = known.or_else(|| of_endpoint(called, clusters));
                // What no route names is kept for as long as it is used.
                known.inspect(|meant| meant.cluster.use_by_host())
            }
        }
    }

    /// Where else it may go, which is where it was meant to go.
    ///
    /// # Errors
    /// When it may not; it has been counted.
    pub fn unknown(&self, ends: Addresses) -> Result<Meant, Error> {
        match &self.config {
            model::Transparent::Outbound(outbound) if outbound.unknown == Unknown::Refuse => {
                self.kept.refusals.add(Refusal::Unknown, ends);
                Err(Error::NoCluster)
            }
            _ => Ok(self.at(ends.destination)),
        }
    }

    fn at(&self, address: SocketAddr) -> Meant {
        Meant {
            cluster: Arc::clone(&self.called),
            endpoint: Some(self.kept.callees.at(address, clock::now())),
        }
    }

    /// Of connections to `cluster` that are carried as bytes.
    pub fn tcp_metrics(&self, cluster: &Cluster) -> Arc<TcpMetrics> {
        let mut tcp = self.kept.tcp.lock().unwrap_or_else(PoisonError::into_inner);
        let name = &cluster.config.name;
        let metrics = tcp.entry(Arc::clone(name)).or_insert_with(|| {
            TcpMetrics::new(&self.registry, Arc::clone(&self.listener), Arc::clone(name))
        });
        Arc::clone(metrics)
    }

    /// What is called by its address, for people to see.
    pub fn called(&self) -> (&Cluster, Vec<Arc<Endpoint>>) {
        (&self.called, self.kept.callees.all())
    }

    /// Lets time do its work. `now` in microseconds.
    pub fn tend(&self, now: u64) {
        self.called.tend(now);
        self.kept.callees.tend(now);
        self.kept.refusals.tend(now);
    }
}

/// Whether that port may be called.
fn may_be(inbound: &model::Inbound, called: SocketAddr) -> bool {
    let ports = inbound.ports.as_ref();
    ports.is_none_or(|ports| ports.contains(&called.port()))
}

/// The first cluster with an endpoint at this address. Looked for through all of them: memory for an index would grow with
/// the mesh, and only what is called past its cluster comes here.
fn of_endpoint(address: SocketAddr, clusters: &Clusters) -> Option<Meant> {
    clusters.iter().find_map(|cluster| {
        let set = cluster.endpoints.load();
        let mut members = set.members().iter();
        let (endpoint, _) = members.find(|(endpoint, _)| endpoint.address == address)?;
        Some(Meant {
            cluster: Arc::clone(cluster),
            endpoint: Some(Arc::clone(endpoint)),
        })
    })
}

/// This machine, in the family of `address`.
pub fn loopback(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    }
}

//! Connections of which nothing but bytes is known.

use std::time::Duration;

use super::{ClusterRef, HostMatch, WeightedCluster, default};
use crate::network::Network;

/// What the connections of a listener speak.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Speaks {
    /// HTTP: requests, by routes.
    #[default]
    Http,
    /// Whatever it is: bytes, passed on.
    Tcp(Tcp),
    /// Either, by what comes first.
    Detect(Detect),
}

/// Where connections go, and how they are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Tcp {
    /// By the name that a TLS client asks for (SNI), looked at first. Passed on untouched, if the listener has no TLS.
    pub sni: Vec<(HostMatch, ClusterRef)>,
    /// Where all others go, by weight; empty: they are closed.
    pub clusters: Vec<WeightedCluster>,
    /// How it is done.
    pub policy: TcpPolicy,
}

/// How connections are made and kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpPolicy {
    /// How long one may rest, no byte moving either way; `None`: for ever.
    pub idle_timeout: Option<Duration>,
    /// Endpoints that are tried before a caller is turned away.
    pub connect_attempts: u32,
}

/// What is needed to tell what is spoken.
#[derive(Clone, Debug, PartialEq)]
pub struct Detect {
    /// What is not HTTP goes there; `None`: it is closed.
    pub tcp: Option<Tcp>,
    /// How.
    pub policy: DetectPolicy,
}

/// How it is found out what is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DetectPolicy {
    /// How long a caller may be silent before an endpoint gets a chance to speak first.
    pub timeout: Duration,
    /// Ports of protocols in which the server speaks first: nothing is waited for there.
    pub server_first_ports: Vec<u16>,
}

/// Who is believed to speak for others.
#[derive(Clone, Debug, PartialEq)]
pub struct ProxyProtocol {
    /// Connections from these begin with a header that says whose they are.
    pub trusted: Vec<Network>,
}

/// The form in which it is told whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyVersion {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

impl Default for TcpPolicy {
    fn default() -> Self {
        Self {
            idle_timeout: Some(default::TCP_IDLE_TIMEOUT),
            connect_attempts: default::CONNECT_ATTEMPTS,
        }
    }
}

impl Default for DetectPolicy {
    fn default() -> Self {
        Self {
            timeout: default::DETECT_TIMEOUT,
            server_first_ports: default::SERVER_FIRST_PORTS.to_vec(),
        }
    }
}

impl Speaks {
    /// Where bytes go of which nothing is known, if anywhere.
    pub fn tcp(&self) -> Option<&Tcp> {
        match self {
            Self::Http => None,
            Self::Tcp(tcp) => Some(tcp),
            Self::Detect(detect) => detect.tcp.as_ref(),
        }
    }

    /// Whether there may be requests.
    pub fn http(&self) -> bool {
        !matches!(self, Self::Tcp(_))
    }
}

impl Tcp {
    /// The clusters that it names.
    pub fn references(&self) -> impl Iterator<Item = &ClusterRef> {
        let named = self.sni.iter().map(|(_, cluster)| cluster);
        named.chain(self.clusters.iter().map(|weighted| &weighted.cluster))
    }

    /// The same, to be linked.
    pub(crate) fn references_mut(&mut self) -> impl Iterator<Item = &mut ClusterRef> {
        let named = self.sni.iter_mut().map(|(_, cluster)| cluster);
        named.chain(
            self.clusters
                .iter_mut()
                .map(|weighted| &mut weighted.cluster),
        )
    }
}

//! TLS: what a listener shows and asks for, what is asked of endpoints, and who the proxy itself is in the mesh.
//!
//! Files are named, never held: a key has no way from here into a log, `/config` or a message.

use std::path::PathBuf;

use super::SpiffeId;

/// Who the proxy is to the others of its mesh: files that an agent writes, and rotates.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Its certificate, which names it by a SPIFFE URI, and those of its issuers.
    pub certificate: Certificate,
    /// Who vouches for the others.
    pub ca: Vec<PathBuf>,
}

/// A certificate and its key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Certificate {
    /// The certificate, and after it those of its issuers.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// TLS at a listener.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ListenerTls {
    /// As the process's [`Identity`], for those who have one of the same mesh.
    Mesh(Strangers),
    /// With certificates of its own.
    Own(ServerTls),
}

/// What becomes of callers who are not of the mesh.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strangers {
    /// They are turned away.
    #[default]
    Refused,
    /// They are served as if there was no mesh, in cleartext, or with TLS that is the application's own affair.
    Served,
}

/// What a listener shows its callers, and asks of them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ServerTls {
    /// Found by the names in them; the first is for callers that name none, or one that is in none.
    pub certificates: Vec<Certificate>,
    /// Hosts whose certificates the proxy gets for itself; see [`Acme`](super::Acme).
    pub acme: Vec<String>,
    /// Whether callers show a certificate.
    pub clients: ClientCertificates,
    /// The oldest version.
    pub min_version: TlsVersion,
    /// What HTTP it offers, the preferred first.
    pub alpn: Vec<Alpn>,
}

/// Whether callers show a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClientCertificates {
    /// They are not asked.
    Off,
    /// They may; a bad one is refused.
    Optional(ClientCa),
    /// They must.
    Required(ClientCa),
}

/// Who vouches for callers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientCa {
    /// Bundles of roots.
    pub ca: Vec<PathBuf>,
    /// Lists of what is revoked.
    pub crl: Vec<PathBuf>,
}

/// TLS to endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ClusterTls {
    /// As the process's [`Identity`], to those who have one of the same mesh.
    Mesh {
        /// Who the endpoints may be; empty: anybody of the mesh.
        identities: Vec<SpiffeId>,
    },
    /// As a client of servers with names.
    Own(ClientTls),
}

/// What is asked of endpoints, and shown to them.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientTls {
    /// The name that their certificate must have, and that they are told; `None`: that of `dns`, else each one's address.
    pub server_name: Option<String>,
    /// Who vouches for them.
    pub trust: Trust,
    /// What they are shown when they ask.
    pub certificate: Option<Certificate>,
    /// The oldest version.
    pub min_version: TlsVersion,
}

/// Who vouches for endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// The roots of the system.
    System,
    /// Bundles of roots.
    Files(Vec<PathBuf>),
    /// Nobody: anything is taken for the endpoint.
    Nobody,
}

/// A version of TLS. What is older than these is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TlsVersion {
    /// RFC 5246, with forward secrecy and authenticated encryption only.
    #[default]
    Tls12,
    /// RFC 8446.
    Tls13,
}

/// A protocol that is agreed on within the handshake (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Alpn {
    /// `h2`
    Http2,
    /// `http/1.1`
    Http1,
}

impl Alpn {
    /// As it is registered.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http2 => "h2",
            Self::Http1 => "http/1.1",
        }
    }
}

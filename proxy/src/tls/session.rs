//! What was agreed on in a handshake.

use std::{sync::Arc, time::SystemTime};

use outrigger_config::model::{Alpn, SpiffeId};
use rustls::{CommonState, HandshakeKind, ProtocolVersion, ServerConnection};

use super::{Peer, resolver::Certificates};

/// What is known of a caller's connection, for as long as it lives.
#[derive(Debug)]
pub struct Session {
    /// The version.
    pub version: Version,
    /// The name that the caller asked for, in lower case.
    pub server_name: Option<Box<str>>,
    /// What is spoken above; `None`: that was not talked about.
    pub alpn: Option<Alpn>,
    /// Who the caller is, if it has shown that.
    pub peer: Option<Peer>,
    /// Who the proxy is to it, in a mesh.
    pub own: Option<SpiffeId>,
    /// What it could have been shown; `None` in a mesh, where names of hosts mean nothing.
    certificates: Option<Arc<Certificates>>,
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.2
    Tls12,
    /// 1.3
    Tls13,
}

impl Version {
    /// As in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }

    pub(super) fn of(state: &CommonState) -> Self {
        match state.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Self::Tls12,
            _ => Self::Tls13,
        }
    }
}

/// What came out of the handshake by ALPN.
pub(super) fn alpn(state: &CommonState) -> Option<Alpn> {
    let alpn = state.alpn_protocol()?;
    [Alpn::Http2, Alpn::Http1]
        .into_iter()
        .find(|known| known.as_str().as_bytes() == alpn)
}

/// Whether an earlier handshake stood in for most of this one.
pub(super) fn resumed(state: &CommonState) -> bool {
    state.handshake_kind() == Some(HandshakeKind::Resumed)
}

impl Session {
    pub(super) fn of(
        connection: &ServerConnection,
        certificates: Option<Arc<Certificates>>,
        own: Option<SpiffeId>,
    ) -> Self {
        Self {
            version: Version::of(connection),
            server_name: connection.server_name().map(Into::into),
            alpn: alpn(connection),
            peer: Peer::of(connection.peer_certificates()),
            own,
            certificates,
        }
    }

    /// Whether the caller's certificate ran out since it was checked.
    pub(super) fn has_expired(&self, now: SystemTime) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.has_expired(now))
    }

    /// Whether a request for `host`, without port, belongs on a connection that was made for another name (RFC 9110,
    /// 7.4). Who asked for no name has been told nothing that could be wrong.
    pub fn misdirected(&self, host: &str) -> bool {
        match (&self.server_name, &self.certificates) {
            (Some(name), Some(certificates)) => {
                !name.eq_ignore_ascii_case(host) && !certificates.cover(name, host)
            }
            _ => false,
        }
    }
}

//! What TLS adds to a downstream connection: the handshake at its beginning, and what is known of the caller by it.

use std::{cell::OnceCell, net::SocketAddr};

use http::HeaderValue;
use tokio::net::TcpStream;

use crate::{
    stream::Stream,
    telemetry::metrics::{Counter, TlsMetrics},
    tls::{Server, Session},
};

/// What is known of a connection's caller by TLS.
pub struct Secured {
    /// What was agreed on.
    pub session: Session,
    /// Counts the caller's requests, if it has shown who it is.
    requests: Option<Counter>,
    /// Made when an endpoint is first told.
    client_cert: OnceCell<Option<HeaderValue>>,
}

impl Secured {
    fn new(session: Session, metrics: &TlsMetrics) -> Self {
        let peer = session.peer.as_ref();
        Self {
            requests: peer.map(|peer| metrics.peer(peer.name())),
            client_cert: OnceCell::new(),
            session,
        }
    }

    /// A request has come.
    pub fn count(&self) {
        if let Some(requests) = &self.requests {
            requests.increment();
        }
    }

    /// What endpoints are told of the caller's certificate.
    pub fn client_cert(&self) -> Option<&HeaderValue> {
        let value = || {
            let peer = self.session.peer.as_ref()?;
            HeaderValue::try_from(peer.forwarded(self.session.own.as_ref())).ok()
        };
        self.client_cert.get_or_init(value).as_ref()
    }
}

/// Shakes hands with a caller, of whom `first` has been read; `None`: that failed, and has been counted.
pub async fn shake_hands(
    server: &Server,
    stream: TcpStream,
    first: &[u8],
    peer: SocketAddr,
    metrics: &TlsMetrics,
) -> Option<(Stream, Secured)> {
    match server.accept(stream, first).await {
        Ok((stream, session)) => Some((stream, Secured::new(session, metrics))),
        Err(error) => {
            tracing::debug!(%peer, %error, "TLS handshake failed");
            None
        }
    }
}

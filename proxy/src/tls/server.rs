//! TLS with the callers of one listener.

use std::{io, sync::Arc, time::SystemTime};

use arc_swap::ArcSwapOption;
use outrigger_config::model::{Alpn, SpiffeId, TlsVersion};
use rustls::{
    ServerConfig,
    server::{ProducesTickets, WebPkiClientVerifier, danger::ClientCertVerifier},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{
    Session,
    attempt::Attempt,
    provider,
    resolver::Certificates,
    session::resumed,
    source::{Revoked, Roots},
    verify::Members,
    versions,
};
use crate::{
    acme,
    stream::Stream,
    telemetry::metrics::{HandshakeOutcome, Side, TlsMetrics},
};

/// What a listener shows and asks, swapped as a whole when a file of it changes.
#[derive(Debug)]
pub struct Server {
    /// `None`: there is nothing to show yet.
    current: ArcSwapOption<Ready>,
    metrics: Arc<TlsMetrics>,
}

/// All that a handshake needs.
#[derive(Debug)]
pub(super) struct Ready {
    config: Arc<ServerConfig>,
    certificates: Option<Arc<Certificates>>,
    own: Option<SpiffeId>,
}

/// Whom a listener asks for a certificate, and whom it believes.
#[derive(Clone, Debug)]
pub(super) struct Callers {
    pub(super) roots: Roots,
    pub(super) revoked: Option<Revoked>,
    /// Those without one are served as well.
    pub(super) optional: bool,
}

/// What a [`Ready`] is made of.
pub(super) struct Parts {
    pub(super) certificates: Arc<Certificates>,
    pub(super) callers: Option<Callers>,
    pub(super) min_version: TlsVersion,
    pub(super) alpn: Vec<Alpn>,
    /// Whether an authority may come to see whose the hosts are.
    pub(super) acme: bool,
    pub(super) tickets: Arc<dyn ProducesTickets>,
    /// In a mesh: who the proxy is.
    pub(super) own: Option<SpiffeId>,
}

impl Ready {
    /// # Errors
    /// When the pieces don't fit, in words.
    pub(super) fn new(parts: Parts) -> Result<Self, String> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(parts.min_version))
            .map_err(|error| error.to_string())?;
        let builder = match &parts.callers {
            Some(callers) => {
                let inner = callers.verifier()?;
                builder.with_client_cert_verifier(match parts.own {
                    Some(_) => Arc::new(Members { inner }),
                    None => inner,
                })
            }
            None => builder.with_no_client_auth(),
        };
        let mut config =
            builder.with_cert_resolver(Arc::<Certificates>::clone(&parts.certificates));
        config.alpn_protocols = protocols(&parts.alpn);
        if parts.acme {
            config.alpn_protocols.push(acme::challenges::ALPN.to_vec());
        }
        // Sessions are kept by callers: any worker takes them up, and none has to remember them.
        config.ticketer = parts.tickets;
        Ok(Self {
            config: Arc::new(config),
            certificates: Some(parts.certificates).filter(|_| parts.own.is_none()),
            own: parts.own,
        })
    }
}

impl Callers {
    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let roots = Arc::clone(&self.roots);
        let mut builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
        if let Some(revoked) = &self.revoked {
            builder = builder.with_crls(revoked.iter().cloned());
        }
        if self.optional {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(|error| error.to_string())
    }
}

/// As they are said on the wire.
pub(super) fn protocols(alpn: &[Alpn]) -> Vec<Vec<u8>> {
    let names = alpn.iter().map(|alpn| alpn.as_str().as_bytes().to_vec());
    names.collect()
}

impl Server {
    /// With nothing to show yet.
    pub(super) fn new(metrics: Arc<TlsMetrics>) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            metrics,
        }
    }

    /// From the next handshake on.
    pub(super) fn put(&self, ready: Ready) {
        self.current.store(Some(Arc::new(ready)));
    }

    /// Shakes hands with a caller whose `first` bytes have been read already. Takes as long as the caller does: whoever calls
    /// sees to its time. How it ends is counted.
    ///
    /// # Errors
    /// What it failed for, which the caller has been told in TLS's own way.
    pub async fn accept(&self, stream: TcpStream, first: &[u8]) -> io::Result<(Stream, Session)> {
        let attempt = Attempt::begin(&self.metrics, Side::Downstream);
        let Some(ready) = self.current.load_full() else {
            attempt.fail(HandshakeOutcome::Unready);
            return Err(io::Error::other("no certificate to show yet"));
        };
        let acceptor = TlsAcceptor::from(Arc::clone(&ready.config));
        let handshake = acceptor.accept_with(stream, |session| {
            let mut first = first;
            // Looked at here: the handshake itself first waits for more. What is wrong is met there again.
            while !first.is_empty()
                && matches!(session.read_tls(&mut first), Ok(1..))
                && session.process_new_packets().is_ok()
            {}
        });
        let stream = match handshake.await {
            Ok(stream) => stream,
            Err(error) => {
                attempt.fail(HandshakeOutcome::of(&error));
                return Err(error);
            }
        };
        let connection = stream.get_ref().1;
        let certificates = ready.certificates.clone();
        let session = Session::of(connection, certificates, ready.own.clone());
        if resumed(connection) && session.has_expired(SystemTime::now()) {
            attempt.fail(HandshakeOutcome::BadCertificate);
            return Err(io::Error::other("the certificate has expired since"));
        }
        let alpn = connection.alpn_protocol();
        attempt.succeed(connection);
        if alpn == Some(acme::challenges::ALPN) {
            return Err(io::Error::other("an authority has seen what it came for"));
        }
        Ok((Stream::Tls(Box::new(stream.into())), session))
    }
}

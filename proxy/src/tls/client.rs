//! TLS to the endpoints of clusters.

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc};

use arc_swap::ArcSwapOption;
use outrigger_config::model::{Alpn, SpiffeId, TlsVersion};
use rustls::{ClientConfig, client::WebPkiServerVerifier, sign::SingleCertAndKey};
use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    attempt::Attempt,
    certificate::Pair,
    flaw::{Flaw, Kind},
    provider,
    server::protocols,
    session::alpn,
    source::{self, Files, Roots, Source as _},
    verify::{Endpoints, Whom},
    versions,
};
use crate::{
    error::Error,
    stream::Stream,
    telemetry::metrics::{HandshakeOutcome, Side, TlsMetrics},
};

/// What clusters ask of endpoints and show them, swapped as a whole when a file of it changes.
#[derive(Debug)]
pub struct Client {
    /// `None`: there is nothing to judge by yet.
    current: ArcSwapOption<ClientConfig>,
    /// The name of every endpoint; `None`: each one's address.
    server_name: Option<ServerName<'static>>,
    metrics: Arc<TlsMetrics>,
}

/// What may be spoken above TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
    /// The one or the other, as the endpoint likes.
    Either,
    /// Nothing is said of it: what is carried is not HTTP.
    Nothing,
}

impl Offer {
    fn alpn(self) -> &'static [Alpn] {
        match self {
            Self::Http1 => &[Alpn::Http1],
            Self::Http2 => &[Alpn::Http2],
            Self::Either => &[Alpn::Http2, Alpn::Http1],
            Self::Nothing => &[],
        }
    }
}

/// What a configuration is made of.
pub(super) struct Parts {
    pub(super) trust: Trust,
    pub(super) pair: Option<Arc<Pair>>,
    pub(super) min_version: TlsVersion,
}

/// Who an endpoint may be.
pub(super) enum Trust {
    /// Whom these vouch for, by name.
    Named(Roots),
    /// Whom these vouch for, by identity.
    Mesh(Roots, Vec<SpiffeId>),
    /// Anybody.
    Anybody,
}

/// # Errors
/// When the pieces don't fit, in words.
pub(super) fn config(parts: Parts) -> Result<ClientConfig, String> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(parts.min_version))
        .map_err(|error| error.to_string())?;
    let endpoints = |whom| {
        let provider = provider();
        Arc::new(Endpoints { provider, whom })
    };
    let builder = match parts.trust {
        Trust::Named(roots) => {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots, provider()).build();
            builder.with_webpki_verifier(verifier.map_err(|error| error.to_string())?)
        }
        Trust::Mesh(roots, identities) => builder
            .dangerous()
            .with_custom_certificate_verifier(endpoints(Whom::Members(roots, identities))),
        Trust::Anybody => builder
            .dangerous()
            .with_custom_certificate_verifier(endpoints(Whom::Anybody)),
    };
    Ok(match parts.pair {
        Some(pair) => {
            let shown = SingleCertAndKey::from((*pair.key).clone());
            builder.with_client_cert_resolver(Arc::new(shown))
        }
        None => builder.with_no_client_auth(),
    })
}

/// For a server that the roots in these files vouch for, or the system's if there is none.
///
/// # Errors
/// Why they can't be used.
pub fn of_roots(files: &[PathBuf]) -> Result<ClientConfig, Flaw> {
    let roots = match files {
        [] => source::system_roots()?,
        files => Files.roots(files)?,
    };
    let parts = Parts {
        trust: Trust::Named(roots),
        pair: None,
        min_version: TlsVersion::default(),
    };
    config(parts).map_err(|why| Kind::Unusable(why).of("ca"))
}

impl Client {
    /// With nothing to judge by yet.
    pub(super) fn new(server_name: Option<ServerName<'static>>, metrics: Arc<TlsMetrics>) -> Self {
        Self {
            current: ArcSwapOption::empty(),
            server_name,
            metrics,
        }
    }

    /// From the next handshake on. Sessions of before are not resumed: they were checked by other rules.
    pub(super) fn put(&self, config: ClientConfig) {
        self.current.store(Some(Arc::new(config)));
    }

    /// Shakes hands with the endpoint at `address`, to which `stream` leads; also what is then spoken. Takes as long as the
    /// endpoint does: whoever calls sees to its time. How it ends is counted.
    ///
    /// # Errors
    /// What it failed for.
    pub async fn connect(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        offer: Offer,
    ) -> Result<(Stream, Option<Alpn>), Error> {
        let attempt = Attempt::begin(&self.metrics, Side::Upstream);
        let Some(config) = self.current.load_full() else {
            attempt.fail(HandshakeOutcome::Unready);
            return Err(Error::TlsUnready);
        };
        let by_address = || ServerName::IpAddress(address.ip().to_canonical().into());
        let name = self.server_name.clone().unwrap_or_else(by_address);
        let handshake = TlsConnector::from(config)
            .with_alpn(protocols(offer.alpn()))
            .connect(name, stream);
        match handshake.await {
            Ok(stream) => {
                let connection = stream.get_ref().1;
                attempt.succeed(connection);
                let spoken = alpn(connection);
                Ok((Stream::Tls(Box::new(stream.into())), spoken))
            }
            Err(error) => {
                attempt.fail(HandshakeOutcome::of(&error));
                Err(failure(error))
            }
        }
    }
}

/// What TLS found wrong, or what the connection below it came to.
fn failure(error: io::Error) -> Error {
    let cause = error
        .get_ref()
        .and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(cause) => Error::Tls(cause.clone()),
        None => Error::connect(error),
    }
}

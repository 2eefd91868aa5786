//! TLS at a port that is not for traffic: one certificate, callers asked for theirs, files looked at anew when they change.
//!
//! Simpler than that of a listener, and on purpose: handshakes are few, so that each looks at its files itself; sessions are
//! not resumed, so that whoever comes back is checked anew.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use outrigger_config::model::SpiffeId;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::{CertifiedKey, SingleCertAndKey},
};
use rustls_pki_types::{CertificateDer, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{
    Mistake, Stream, TlsFiles,
    files::{self, Stamp, stamp, wrong},
    vouched::Vouched,
};

/// Files are looked at so often at most.
const LOOK: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    http2: bool,
    current: ArcSwap<Current>,
    /// Of the files that `current` was made of, or that could not be used, and when they were looked at.
    seen: Mutex<(Vec<Stamp>, Instant)>,
}

/// What was made of the files, as they are.
#[derive(Debug)]
pub(crate) struct Current {
    config: Arc<ServerConfig>,
    /// Who vouches for callers; `None`: they are not asked.
    verifier: Option<Arc<dyn ClientCertVerifier>>,
}

impl Current {
    /// Whether somebody vouches for the owner of this certificate, whose issuers follow it, at this moment.
    pub(crate) fn vouches_for(&self, chain: &[CertificateDer<'_>]) -> bool {
        match (&self.verifier, chain) {
            (Some(verifier), [certificate, issuers @ ..]) => verifier
                .verify_client_cert(certificate, issuers, UnixTime::now())
                .is_ok(),
            _ => false,
        }
    }
}

impl Tls {
    pub(crate) fn open(files: TlsFiles, http2: bool) -> Result<Self, Mistake> {
        let stamps = stamps(&files);
        Ok(Self {
            current: ArcSwap::from_pointee(current(&files, http2)?),
            seen: Mutex::new((stamps, Instant::now())),
            files,
            http2,
        })
    }

    pub(crate) async fn accept(
        self: &Arc<Self>,
        stream: TcpStream,
    ) -> io::Result<(Stream, Option<SpiffeId>)> {
        let current = self.current();
        let stream = TlsAcceptor::from(Arc::clone(&current.config))
            .accept(stream)
            .await?;
        let certificates = stream.get_ref().1.peer_certificates();
        let identity = certificates
            .and_then(|certificates| certificates.first())
            .and_then(|certificate| identity(certificate));
        let stream = Vouched::new(stream, Arc::clone(self), current);
        Ok((Stream::Right(Box::new(stream)), identity))
    }

    /// What is in force.
    pub(crate) fn current(&self) -> Arc<Current> {
        self.look();
        self.current.load_full()
    }

    /// Takes what has changed. What is bad is told once, and what was good before serves on.
    fn look(&self) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.1.elapsed() < LOOK {
            return;
        }
        let stamps = stamps(&self.files);
        seen.1 = Instant::now();
        if stamps == seen.0 {
            return;
        }
        seen.0 = stamps;
        match current(&self.files, self.http2) {
            Ok(current) => {
                self.current.store(Arc::new(current));
                tracing::info!(cert = %self.files.cert.display(), "the certificate of this port is read anew");
            }
            Err(mistake) => tracing::warn!("the old certificate serves on: {mistake}"),
        }
    }
}

fn stamps(files: &TlsFiles) -> Vec<Stamp> {
    let own = [&files.cert, &files.key].into_iter();
    own.chain(&files.client_ca)
        .map(|path| stamp(path))
        .collect()
}

/// As everywhere in Outrigger: aws-lc-rs, named and not installed.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// A certificate and its key, which belong together.
pub(crate) fn pair(
    cert: &std::path::Path,
    key: &std::path::Path,
) -> Result<SingleCertAndKey, Mistake> {
    let chain = files::certificates(cert)?;
    let loaded = provider()
        .key_provider
        .load_private_key(files::key(key)?)
        .map_err(|_| wrong(key, "it is a key of a kind that is not known"))?;
    let pair = CertifiedKey::new(chain, loaded);
    match pair.keys_match() {
        Ok(()) => Ok(SingleCertAndKey::from(pair)),
        Err(_) => Err(wrong(
            key,
            format!("this key is not that of {}", cert.display()),
        )),
    }
}

fn current(files: &TlsFiles, http2: bool) -> Result<Current, Mistake> {
    let unfit = |error: &dyn std::fmt::Display| wrong(&files.cert, error.to_string());
    let builder = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| unfit(&error))?;
    let verifier = match files.client_ca.as_slice() {
        [] => None,
        paths => {
            let roots = Arc::new(files::roots(paths)?);
            // A token will do, too, and a probe needs neither: who shows nothing is refused in words, not by an alert.
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider())
                .allow_unauthenticated()
                .build();
            Some(verifier.map_err(|error| unfit(&error))?)
        }
    };
    let builder = match &verifier {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(Arc::clone(verifier)),
    };
    let mut config = builder.with_cert_resolver(Arc::new(pair(&files.cert, &files.key)?));
    let spoken: &[u8] = if http2 { b"h2" } else { b"http/1.1" };
    config.alpn_protocols = vec![spoken.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(Current {
        config: Arc::new(config),
        verifier,
    })
}

/// Seconds since 1970 at which a certificate ends; one that can't be read has ended.
pub(crate) fn end(certificate: &[u8]) -> i64 {
    X509Certificate::from_der(certificate)
        .map_or(i64::MIN, |(_, it)| it.validity().not_after.timestamp())
}

/// Who a certificate says that its owner is: the one URI in it (X509-SVID, 2).
fn identity(certificate: &[u8]) -> Option<SpiffeId> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let mut uris = names
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
    let uri = uris.next().filter(|_| uris.next().is_none())?;
    SpiffeId::parse(uri)
}

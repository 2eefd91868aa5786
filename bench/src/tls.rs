//! The certificates of a run, and TLS as its client speaks it.

use std::{fs, net::IpAddr, path::PathBuf, sync::Arc};

use anyhow::{Context, Result};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
};
use rustls_pki_types::{CertificateDer, ServerName, pem::PemObject};
use tempfile::TempDir;

use crate::{
    job::{Handshakes, Version},
    stand::scratch,
};

/// What every proxy of a run shows, to whoever calls it and to whom it calls: one certificate (ECDSA on P-256, as most
/// of the web has), with the authority that signed it.
pub(crate) struct Certificates {
    directory: TempDir,
}

/// By which a proxy is called.
pub(crate) const NAME: &str = "localhost";

impl Certificates {
    /// New ones, in files.
    pub(crate) fn new() -> Result<Self> {
        let certificates = Self {
            directory: scratch()?,
        };
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // Names that differ: OpenSSL takes a certificate that was issued by its own name for one of an authority.
        authority
            .distinguished_name
            .push(DnType::CommonName, "bench authority");
        let key = KeyPair::generate()?;
        let root = authority.self_signed(&key)?;
        let issuer = Issuer::new(authority, key);
        let mut leaf = CertificateParams::default();
        leaf.subject_alt_names = vec![
            SanType::DnsName(NAME.try_into()?),
            SanType::IpAddress(IpAddr::from([127, 0, 0, 1])),
            SanType::URI("spiffe://bench/proxy".try_into()?),
        ];
        leaf.distinguished_name.push(DnType::CommonName, NAME);
        let key = KeyPair::generate()?;
        let leaf = leaf.signed_by(&key, &issuer)?.pem();
        let key = key.serialize_pem();
        // HAProxy wants both in one.
        let both = format!("{leaf}{key}");
        for (path, text) in [
            (certificates.ca(), root.pem()),
            (certificates.cert(), leaf),
            (certificates.key(), key),
            (certificates.both(), both),
        ] {
            fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))?;
        }
        Ok(certificates)
    }

    /// The authority's certificate.
    pub(crate) fn ca(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// The proxies' certificate.
    pub(crate) fn cert(&self) -> PathBuf {
        self.file("proxy.crt")
    }

    /// Its key.
    pub(crate) fn key(&self) -> PathBuf {
        self.file("proxy.key")
    }

    /// Certificate and key in one file.
    pub(crate) fn both(&self) -> PathBuf {
        self.file("proxy.pem")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// How the client calls a proxy that shows these.
    pub(crate) fn dial(&self, version: Version, handshakes: Handshakes) -> Result<Dial> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.ca())?)?;
        let provider: Arc<CryptoProvider> = aws_lc_rs::default_provider().into();
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![match version {
            Version::Http1 => b"http/1.1".to_vec(),
            Version::Http2 => b"h2".to_vec(),
        }];
        if handshakes != Handshakes::Resumed {
            config.resumption = Resumption::disabled();
        }
        Ok(Dial {
            config: config.into(),
            name: NAME.try_into()?,
            anew: handshakes != Handshakes::Once,
        })
    }
}

/// TLS, as the client speaks it.
#[derive(Clone, Debug)]
pub(crate) struct Dial {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
    /// Each request on a connection of its own.
    pub(crate) anew: bool,
}

//! An authority of a test's own, what it issues, and peers that speak TLS with that.

use std::{
    cell::Cell,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType, SerialNumber,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    server::WebPkiClientVerifier,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, client::TlsStream};

/// An authority, and the directory in which its certificates lie.
pub struct Authority {
    directory: TempDir,
    issuer: Issuer<'static, KeyPair>,
    serial: Cell<u64>,
}

/// The files of a certificate and its key.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The certificate.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
    /// The certificate's number.
    pub serial: u64,
}

impl std::fmt::Display for Issued {
    /// As a listener's table names them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{{ cert: {}, key: {} }}",
            self.cert.display(),
            self.key.display()
        )
    }
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let name = format!("authority {}", fastrand::u32(..));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("ca.crt"), certificate.pem()).unwrap();
        fs::write(directory.path().join("ca.key"), key.serialize_pem()).unwrap();
        Self {
            directory,
            issuer: Issuer::new(params, key),
            serial: Cell::new(1),
        }
    }

    /// The file of its own certificate.
    pub fn ca(&self) -> PathBuf {
        self.path("ca.crt")
    }

    /// A file in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Issues a certificate for these names to files called `stem`: host names, addresses and URIs.
    pub fn issue(&self, stem: &str, names: &[&str]) -> Issued {
        self.issue_with(stem, names, |_| ())
    }

    /// The same, with more to say.
    pub fn issue_with(
        &self,
        stem: &str,
        names: &[&str],
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Issued {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names.iter().map(|name| san(name)).collect();
        params.distinguished_name.push(DnType::CommonName, stem);
        let serial = self.serial.replace(self.serial.get() + 1);
        params.serial_number = Some(SerialNumber::from(serial));
        edit(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let issued = Issued {
            cert: self.path(&format!("{stem}.crt")),
            key: self.path(&format!("{stem}.key")),
            serial,
        };
        // The key first, as an agent that knows what it does would have it.
        replace(&issued.key, &key.serialize_pem());
        replace(&issued.cert, &certificate.pem());
        issued
    }

    /// A certificate of so many days, which began so many days ago.
    pub fn issue_for(&self, stem: &str, names: &[&str], began: u64, days: i64) -> Issued {
        const DAY: u64 = 86_400;
        self.issue_with(stem, names, |params| {
            let begins = SystemTime::now() - Duration::from_secs(began * DAY);
            params.not_before = begins.into();
            let ends = begins + Duration::from_secs(days.unsigned_abs() * DAY);
            params.not_after = ends.into();
        })
    }

    /// Revokes these.
    pub fn revoke(&self, file: &str, revoked: &[&Issued]) -> PathBuf {
        let now = SystemTime::now();
        let revoked = revoked.iter().map(|issued| RevokedCertParams {
            serial_number: SerialNumber::from(issued.serial),
            revocation_time: now.into(),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: now.into(),
            next_update: (now + Duration::from_secs(3600)).into(),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let path = self.path(file);
        replace(&path, &list.signed_by(&self.issuer).unwrap().pem().unwrap());
        path
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_file(self.ca()).unwrap())
            .unwrap();
        Arc::new(roots)
    }

    /// A way to dial servers whose certificate is of this authority.
    pub fn dial(&self) -> Dial {
        Dial {
            roots: self.roots(),
            name: "localhost".to_owned(),
            alpn: Vec::new(),
            shown: None,
            versions: rustls::ALL_VERSIONS,
            config: None,
        }
    }

    /// What a server shows that has this certificate, and asks its callers for one of this authority if `mutual`.
    pub fn acceptor(&self, issued: &Issued, alpn: &[&str], mutual: bool) -> TlsAcceptor {
        let builder = ServerConfig::builder_with_provider(provider());
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(self.roots(), provider());
        let builder = match mutual {
            true => builder.with_client_cert_verifier(verifier.build().unwrap()),
            false => builder.with_no_client_auth(),
        };
        let (chain, key) = issued.load();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols = alpn.iter().map(|alpn| alpn.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

impl Issued {
    /// Whether its file holds this certificate now.
    pub fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.load().0[0] == *certificate
    }

    fn load(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let chain = CertificateDer::pem_file_iter(&self.cert).unwrap();
        (
            chain.map(Result::unwrap).collect(),
            PrivateKeyDer::from_pem_file(&self.key).unwrap(),
        )
    }
}

/// How a client dials: whom it believes, what name it asks for, what it shows.
#[derive(Clone)]
pub struct Dial {
    roots: Arc<RootCertStore>,
    name: String,
    alpn: Vec<Vec<u8>>,
    shown: Option<Issued>,
    versions: &'static [&'static SupportedProtocolVersion],
    config: Option<Arc<ClientConfig>>,
}

impl Dial {
    /// Asks for this name, and insists on it.
    pub fn name(mut self, name: &str) -> Self {
        self.name = name.to_owned();
        self
    }

    /// Offers these.
    pub fn alpn(mut self, alpn: &[&str]) -> Self {
        self.alpn = alpn.iter().map(|alpn| alpn.as_bytes().to_vec()).collect();
        self
    }

    /// Shows this certificate.
    pub fn show(mut self, issued: &Issued) -> Self {
        self.shown = Some(issued.clone());
        self
    }

    /// Speaks only this version.
    pub fn version(mut self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    /// Keeps sessions from one connection to the next.
    pub fn keep_sessions(mut self) -> Self {
        self.config = Some(self.config());
        self
    }

    fn config(&self) -> Arc<ClientConfig> {
        if let Some(config) = &self.config {
            return config.clone();
        }
        let builder = ClientConfig::builder_with_provider(provider());
        let builder = builder.with_protocol_versions(self.versions).unwrap();
        let builder = builder.with_root_certificates(self.roots.clone());
        let mut config = match &self.shown {
            Some(issued) => {
                let (chain, key) = issued.load();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.alpn);
        Arc::new(config)
    }

    /// Shakes hands with whoever listens at `address`, or says why not.
    pub async fn connect(&self, address: SocketAddr) -> Result<TlsStream<TcpStream>, String> {
        let stream = TcpStream::connect(address).await;
        self.over(stream.map_err(|error| error.to_string())?).await
    }

    /// The same, over a connection that is there.
    pub async fn over(&self, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from(self.name.clone()).unwrap();
        let connector = TlsConnector::from(self.config());
        let connected = connector.connect(name, stream).await;
        connected.map_err(|error| error.to_string())
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn san(name: &str) -> SanType {
    if name.contains("://") {
        SanType::URI(name.try_into().unwrap())
    } else if let Ok(ip) = name.parse() {
        SanType::IpAddress(ip)
    } else {
        SanType::DnsName(name.try_into().unwrap())
    }
}

/// By renaming: no reader sees half of it.
fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

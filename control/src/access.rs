//! Who gets in: the flags that say so, the two doors that they make, and who has come through one.

use std::{fmt, net::SocketAddr, path::PathBuf};

use clap::Args;
use outrigger_config::model::{IdentityMatch, SpiffeId};
use outrigger_entrance::{Entrance, Mistake, Settings, TlsFiles, is_loopback};

/// The ports, as flags and messages call them.
const XDS: &str = "xds";
const HTTP: &str = "http";

/// Proxies may use xDS, operators the HTTP API: what is asked of the ones is not asked of the others.
#[derive(Args, Debug, Default)]
pub struct Access {
    /// Its certificate, in PEM. TLS is spoken beyond loopback, and where a credential is asked for.
    #[arg(
        long,
        env = "OUTRIGGER_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// The certificate's key.
    #[arg(
        long,
        env = "OUTRIGGER_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    /// Roots of the certificates that proxies and operators show; may be repeated.
    #[arg(
        long,
        env = "OUTRIGGER_CLIENT_CA",
        value_name = "FILE",
        value_delimiter = ',',
        requires = "tls_cert"
    )]
    client_ca: Vec<PathBuf>,
    /// Proxies that may connect: a SPIFFE ID, in which `*` stands for a segment, at the end for all below; may be repeated.
    #[arg(
        long,
        env = "OUTRIGGER_XDS_ALLOW_IDENTITY",
        value_name = "PATTERN",
        value_delimiter = ',',
        requires = "client_ca"
    )]
    xds_allow_identity: Vec<IdentityMatch>,
    /// Tokens of other proxies, one a line.
    #[arg(long, env = "OUTRIGGER_XDS_TOKEN_FILE", value_name = "FILE")]
    xds_token_file: Option<PathBuf>,
    /// Operators that may use the HTTP API, as for proxies; may be repeated.
    #[arg(
        long,
        env = "OUTRIGGER_HTTP_ALLOW_IDENTITY",
        value_name = "PATTERN",
        value_delimiter = ',',
        requires = "client_ca"
    )]
    http_allow_identity: Vec<IdentityMatch>,
    /// Tokens of other operators, one a line.
    #[arg(long, env = "OUTRIGGER_HTTP_TOKEN_FILE", value_name = "FILE")]
    http_token_file: Option<PathBuf>,
    /// Lets anybody in who reaches a port beyond loopback that has neither TLS nor a credential.
    #[arg(long = "insecure-open-ports-i-know-what-this-means")]
    open_ports: bool,
}

impl Access {
    /// The doors of xDS and of the HTTP API.
    ///
    /// # Errors
    /// When one would be open to anybody, or a file is not what it should be.
    pub fn doors(&self, xds: SocketAddr, http: SocketAddr) -> Result<[Entrance; 2], Mistake> {
        let proxies = (&self.xds_allow_identity, &self.xds_token_file);
        let operators = (&self.http_allow_identity, &self.http_token_file);
        let doors = [
            self.door(XDS, xds, proxies)?,
            self.door(HTTP, http, operators)?,
        ];
        if !self.client_ca.is_empty() && proxies.0.is_empty() && operators.0.is_empty() {
            return Err(Mistake::Useless(
                "--client-ca vouches for certificates by which nobody is let in",
                "say who is: --xds-allow-identity, --http-allow-identity",
            ));
        }
        match self.tls_cert.is_some() && !doors.iter().any(Entrance::speaks_tls) {
            true => Err(Mistake::Useless(
                "--tls-cert is shown by no port: both are on loopback, and ask for no credential",
                "say --xds or --http with another address, or who is let in",
            )),
            false => Ok(doors),
        }
    }

    fn door(
        &self,
        what: &'static str,
        address: SocketAddr,
        (identities, token): (&Vec<IdentityMatch>, &Option<PathBuf>),
    ) -> Result<Entrance, Mistake> {
        let files = self.tls_cert.as_ref().zip(self.tls_key.as_ref());
        let files = files.map(|(cert, key)| TlsFiles {
            cert: cert.clone(),
            key: key.clone(),
            client_ca: match identities.is_empty() {
                true => Vec::new(),
                false => self.client_ca.clone(),
            },
        });
        let asks = !identities.is_empty() || token.is_some();
        let settings = Settings {
            // On loopback and without a credential it would keep out nobody, and make every command name its roots.
            tls: files.filter(|_| asks || !is_loopback(address.ip())),
            allow_identities: identities.clone(),
            token_file: token.clone(),
            http2: what == XDS,
        };
        Entrance::open(what, address, &settings, self.open_ports)
    }
}

/// Who has come in.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// From where.
    pub address: SocketAddr,
    /// Who its certificate says it is, if it has shown one.
    pub identity: Option<SpiffeId>,
}

impl fmt::Display for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.identity {
            Some(identity) => write!(f, "{} from {}", identity.as_str(), self.address),
            None => self.address.fmt(f),
        }
    }
}

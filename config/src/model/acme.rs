//! Certificates that the proxy gets for itself, by ACME (RFC 8555).

use std::path::PathBuf;

use super::Certificate;

/// Where certificates are got, and where they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// The URL of an authority's directory.
    pub directory: String,
    /// Who vouches for that; empty: the roots of the system.
    pub ca: Vec<PathBuf>,
    /// Mail addresses that the authority writes to.
    pub contact: Vec<String>,
    /// A directory of the proxy's own: the account's key and the certificates with theirs.
    pub storage: PathBuf,
    /// How it is proven whose the hosts are; the first that works.
    pub challenges: Vec<Challenge>,
}

/// A way to prove whose a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// By an answer in cleartext, at port 80 of the host (RFC 8555, 8.3).
    Http01,
    /// By a certificate within a handshake, at port 443 of the host (RFC 8737).
    TlsAlpn01,
}

impl Challenge {
    /// As it is registered.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http01 => "http-01",
            Self::TlsAlpn01 => "tls-alpn-01",
        }
    }
}

impl Acme {
    /// Where the certificate of a host lies, and its key: in one file, so that no moment sees one of each kind.
    pub fn certificate(&self, host: &str) -> Certificate {
        let file = self
            .storage
            .join("certificates")
            .join(format!("{host}.pem"));
        Certificate {
            cert: file.clone(),
            key: file,
        }
    }
}

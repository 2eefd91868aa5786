//! Why something that TLS needs can't be used, in words that say what to do about it.

use std::{fmt, io, path::PathBuf, time::Duration};

use httpdate::HttpDate;
use outrigger_entrance::pem;

/// What is wrong, and with which file.
#[derive(Debug)]
pub struct Flaw {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub kind: Kind,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Kind {
    /// It is not the PEM that it should be.
    #[error(transparent)]
    Pem(#[from] pem::Flaw),
    /// It can't be written.
    #[error("can't be written: {0}")]
    Unwritable(#[source] io::Error),
    /// What is in it is no certificate.
    #[error("not a certificate: {0}")]
    Malformed(String),
    /// A key of a kind that is not known.
    #[error("the key can't be used: {0}")]
    BadKey(String),
    /// They do not belong together.
    #[error("the key is not that of the certificate {}", certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// It is the key of another certificate in that file: this one from the top, from 1.
        of_another: Option<usize>,
    },
    /// Its time is over.
    #[error("expired on {}", HttpDate::from(*.0))]
    Expired(std::time::SystemTime),
    /// Its time has not come.
    #[error("not valid before {}", HttpDate::from(*.0))]
    NotYet(std::time::SystemTime),
    /// The certificate of an authority, which is no server.
    #[error(
        "this is the certificate of an authority (CA:TRUE), and clients refuse it for a server"
    )]
    Authority {
        /// It has signed itself.
        self_signed: bool,
    },
    /// It names no member of a mesh.
    #[error("no SPIFFE ID in it: it needs exactly one URI, of the form spiffe://domain/path")]
    NoIdentity,
    /// The roots can't be used.
    #[error("not a root of trust: {0}")]
    BadRoot(String),
    /// The system has no roots.
    #[error("the system has no roots of trust{}", reason(.0))]
    NoSystemRoots(Option<String>),
    /// The revocation list can't be used.
    #[error("not a revocation list: {0}")]
    BadRevocations(String),
    /// The pieces are right, and do not fit.
    #[error("{0}")]
    Unusable(String),
}

fn reason(reason: &Option<String>) -> String {
    reason
        .as_ref()
        .map(|reason| format!(": {reason}"))
        .unwrap_or_default()
}

impl Kind {
    /// Of this file.
    pub fn of(self, file: impl Into<PathBuf>) -> Flaw {
        Flaw {
            file: file.into(),
            kind: self,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Pem(flaw) => flaw.hint()?.to_owned(),
            Self::Unwritable(_) => {
                "the user that the proxy runs as needs a directory of its own there: `acme.storage` names another".to_owned()
            }
            Self::Mismatch { of_another: Some(place), .. } => {
                format!("it is the key of certificate {place} in that file: the proxy's own comes first, its issuers after it")
            }
            Self::Mismatch { of_another: None, .. } => {
                "they come in pairs: take both from the same issue".to_owned()
            }
            Self::NotYet(_) => "is this machine's clock right?".to_owned(),
            Self::Authority { self_signed: true } => {
                "for a test, `openssl req -x509 -addext basicConstraints=critical,CA:FALSE` makes one that clients can take"
                    .to_owned()
            }
            Self::Authority { self_signed: false } => {
                "the proxy's own certificate comes first, its issuers after it".to_owned()
            }
            Self::NoSystemRoots(_) => {
                "install `ca-certificates`, or name a file of roots as `ca`".to_owned()
            }
            _ => return None,
        })
    }
}

/// As everywhere: what is wrong, then what to do.
impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.kind)?;
        match self.kind.hint() {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Flaw {}

/// `12d`, `3h`, `5m`: how long something is still good.
pub fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        172_800.. => format!("{}d", seconds / 86_400),
        7_200.. => format!("{}h", seconds / 3_600),
        _ => format!("{}m", seconds / 60),
    }
}

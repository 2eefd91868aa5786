//! Who gets in at the ports that are not for traffic: the proxy's admin server, the control plane's xDS and HTTP API.
//!
//! ```text
//! address, Settings --exposure--> Entrance
//! TcpStream --welcome: TLS--> Stream, who shows a certificate --admit: identity or token--> Pass
//! Pass --Stay--> until the token is taken away;  Stream --> until nobody vouches for the certificate
//! a request's Host and Origin --hosts--> not from a foreign page
//! ```
//!
//! On loopback, who is on the machine is let in, as ever. Beyond, a port asks for TLS and a credential, or is not opened:
//! to forget that must not be possible, so it is no setting but a condition. What is secret is read here from files and
//! leaves only as a header to the one it is for; it has no way into a log, a message or a table.

mod caller;
mod credentials;
mod exposure;
mod files;
mod hosts;
pub mod pem;
mod stay;
mod tls;
mod token;
mod vouched;

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use http::HeaderMap;
use outrigger_config::model::{IdentityMatch, SpiffeId};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::either::Either;

pub use caller::{Caller, ClientFiles, Shown};
pub use credentials::{Pass, Refusal};
pub use exposure::{FLAG, is_loopback};
pub use hosts::{Hosts, Stranger};
pub use stay::Stay;
pub use token::Token;
pub use vouched::Vouched;

use credentials::Credentials;
use tls::Tls;
pub use tls::provider;

/// The bytes of a caller: as they come, or decrypted. Boxed: the state of TLS is a kilobyte.
pub type Stream = Either<TcpStream, Box<Vouched>>;

/// So long after a refusal was told, the next is.
const NEWS: Duration = Duration::from_secs(60);

/// A handshake that takes longer is none.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// What a port asks of its callers, as it is configured.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// `None`: cleartext is spoken.
    pub tls: Option<TlsFiles>,
    /// Who is let in by a certificate.
    pub allow_identities: Vec<IdentityMatch>,
    /// Who is let in otherwise: whoever has a token of this file.
    pub token_file: Option<PathBuf>,
    /// Whether HTTP/2 is spoken there, or else HTTP/1.1: never both.
    pub http2: bool,
}

/// What a port shows its callers, and who vouches for theirs.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// Its certificate, in PEM, and those of its issuers.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Roots of callers; empty: none is asked for a certificate.
    pub client_ca: Vec<PathBuf>,
}

/// Why a port is not opened.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// Anybody who reaches it could use it.
    #[error(
        "{what} would be open to whoever reaches {address}: {}\nhint: {}; on a network where nobody else is, say {FLAG}",
        exposure::missing(*.tls, *.credential),
        exposure::advice(what)
    )]
    Open {
        /// Which port.
        what: &'static str,
        /// Where it is to be.
        address: SocketAddr,
        /// Whether TLS is spoken.
        tls: bool,
        /// Whether a credential is asked for.
        credential: bool,
    },
    /// Identities are to be let in for which nobody vouches.
    #[error(
        "{0}: nobody vouches for the identities that may come in\nhint: TLS and the roots of client certificates are needed for that"
    )]
    NoRoots(&'static str),
    /// What is given is of no use.
    #[error("{0}\nhint: {1}")]
    Useless(&'static str, &'static str),
    /// A token would be shown to everybody on the way.
    #[error("the token would go to {0} in cleartext\nhint: say `https://`")]
    Cleartext(String),
    /// A file is not what it should be. Says nothing of what is in it.
    #[error("{path}: {cause}", path = .0.display(), cause = .1)]
    File(PathBuf, String),
}

/// A port's door.
#[derive(Debug)]
pub struct Entrance {
    what: &'static str,
    tls: Option<Arc<Tls>>,
    credentials: Credentials,
    /// When a refusal was last told.
    told: Mutex<Option<Instant>>,
}

impl Entrance {
    /// Of the port called `what` at `address`. With `open_ports` it may be open to anybody.
    ///
    /// # Errors
    /// When it would be without, or a file is not what it should be.
    pub fn open(
        what: &'static str,
        address: SocketAddr,
        settings: &Settings,
        open_ports: bool,
    ) -> Result<Self, Mistake> {
        exposure::check(what, address, settings, open_ports)?;
        Ok(Self {
            what,
            told: Mutex::new(None),
            tls: settings
                .tls
                .clone()
                .map(|files| Tls::open(files, settings.http2).map(Arc::new))
                .transpose()?,
            credentials: Credentials::open(settings)?,
        })
    }

    /// Takes in a connection; also whom it is from, if that was shown by a certificate for which the roots vouch.
    ///
    /// # Errors
    /// When there is no handshake in time.
    pub async fn welcome(&self, stream: TcpStream) -> io::Result<(Stream, Option<SpiffeId>)> {
        match &self.tls {
            None => Ok((Stream::Left(stream), None)),
            Some(tls) => timeout(HANDSHAKE, tls.accept(stream)).await?,
        }
    }

    /// Whether a request with these headers is let in, from `identity`; and by what, for one that lasts.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, identity: Option<&SpiffeId>, headers: &HeaderMap) -> Result<Pass, Refusal> {
        let admitted = self.credentials.admit(identity, headers);
        if let Err(refusal) = &admitted {
            self.tell(refusal);
        }
        admitted
    }

    /// The first, and then one in a while: who knocks often must not fill the log.
    fn tell(&self, refusal: &Refusal) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_none_or(|told| told.elapsed() > NEWS) {
            *told = Some(Instant::now());
            tracing::warn!(port = self.what, reason = %refusal, "somebody is not let in");
        }
    }

    /// Whether nothing is spoken there in cleartext.
    pub fn speaks_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// What it asks for, in a word or two for the log.
    pub fn asks_for(&self) -> &'static str {
        match (self.tls.is_some(), self.credentials.are_asked_for()) {
            (true, true) => "TLS and a credential",
            (true, false) => "TLS",
            (false, true) => "a credential",
            (false, false) => "nothing",
        }
    }
}

//! Certificates that the proxy gets for itself, by ACME (RFC 8555), and renews before they end.
//!
//! ```text
//! keeper   when is which host's turn?                             schedule: the times, nothing else
//!   order    asks the authority, proves whose the host is         authority: HTTP to it
//!              challenges: what workers answer it meanwhile
//!   storage  account and certificates, as files                   self_signed: what is shown before the first
//! ```
//!
//! What comes out is a file, and TLS takes it as it takes any other that changes: nothing there knows of authorities. One
//! task on the control thread does all of it, one host at a time: authorities count what is asked of them, and a
//! certificate has weeks.

mod authority;
pub mod challenges;
mod keeper;
mod order;
mod schedule;
mod self_signed;
pub mod storage;

use outrigger_config::Config;

pub use challenges::Challenges;
pub use keeper::Keeper;

use crate::tls::Flaw;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The authority says no, or is not to be had.
    #[error("{0}")]
    Authority(#[from] instant_acme::Error),
    /// It has no other way than those that it may not use.
    #[error("the authority does not offer `{0}`")]
    NotOffered(&'static str),
    /// What it was shown did not convince it.
    #[error("the authority could not check the host: {0}")]
    Unproven(String),
    /// What lies on the disk can't be used.
    #[error("{0}")]
    Storage(#[from] Flaw),
    /// A key or a certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Cryptography(String),
    /// It took too long.
    #[error("the authority took longer than {:?}", keeper::PATIENCE)]
    Slow,
    /// Another process is at it in the same directory.
    #[error("another process gets certificates in this directory")]
    Busy,
}

/// Hosts that a table wants certificates for, each once.
fn hosts(config: &Config) -> Vec<String> {
    use outrigger_config::model::ListenerTls;
    let listeners = config.listeners.iter();
    let tls = listeners.filter_map(|listener| match &listener.tls {
        Some(ListenerTls::Own(own)) => Some(&own.acme),
        _ => None,
    });
    let mut hosts: Vec<String> = tls.flatten().cloned().collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

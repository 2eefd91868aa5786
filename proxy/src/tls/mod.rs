//! TLS: what the proxy shows and checks, toward callers and endpoints, and as a member of a mesh.
//!
//! ```text
//! files --Source--> Pair, Roots, Revoked --Store--> Server (a listener), Client (a cluster)
//!                                                      |                    |
//!                                                  a handshake          a handshake   -> Stream, Session
//! ```
//!
//! The control thread's [`Store`] reads and judges; workers only take what is in force when a handshake begins, so that a
//! rotated certificate touches no connection. What is bad is refused in words ([`Flaw`]), and what was good before serves
//! on. The cryptography is aws-lc-rs, and named wherever it is used: nothing depends on what a process installed.

mod attempt;
pub mod certificate;
pub mod client;
pub mod flaw;
pub mod names;
pub mod peer;
pub mod resolver;
pub mod server;
pub mod session;
pub mod source;
pub mod store;
mod verify;
mod watch;

use std::sync::{Arc, LazyLock};

use outrigger_config::model::TlsVersion;
use rustls::{
    SupportedProtocolVersion,
    crypto::{CryptoProvider, aws_lc_rs},
    version::{TLS12, TLS13},
};

pub use client::{Client, Offer};
pub use flaw::Flaw;
pub use peer::Peer;
pub use server::Server;
pub use session::Session;
pub use store::{Material, Store};

/// Suites with forward secrecy and authenticated encryption; key exchange by X25519MLKEM768 first, which a recording of
/// today will withstand tomorrow's quantum computer with.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// Whether both are one thing, or nothing.
pub fn same<T: ?Sized>(one: Option<&Arc<T>>, other: Option<&Arc<T>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}

/// The versions from this one on.
fn versions(from: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    static NEWEST_FIRST: [&SupportedProtocolVersion; 2] = [&TLS13, &TLS12];
    match from {
        TlsVersion::Tls12 => &NEWEST_FIRST,
        TlsVersion::Tls13 => &NEWEST_FIRST[..1],
    }
}

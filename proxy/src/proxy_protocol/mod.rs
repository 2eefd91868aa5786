//! The PROXY protocol (HAProxy, versions 1 and 2): a header before the first byte of a connection that says whose it is.
//!
//! In: a listener's `proxy_protocol` names the networks that are trusted. Their connections must begin with a header, as the
//! specification asks (a receiver must not guess), else they are closed; for whatever is done afterwards the client that
//! it names has called: forwarding headers, logs, hashing, rate limits. What all others send is not looked at. Out: a
//! cluster's `proxy_protocol`, on each connection before anything else.

mod header;
mod version1;
mod version2;

use std::io;

use outrigger_config::model::{Cluster, ProxyVersion};
use tokio::{io::AsyncReadExt, net::TcpStream};

pub use header::{Addresses, Malformed, Parsed, parse};

/// What is enough for every header without unusual additions.
const USUAL: usize = 256;

/// The longest header, its additions included. nginx's.
const LONGEST: usize = 4096;

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// What came instead is none, or a wrong one.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// The connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads the header, and not a byte of what follows. `None`: the connection is the sender's own, a health check perhaps.
pub async fn read(stream: &mut TcpStream) -> Result<Option<Addresses>, Failure> {
    let mut header = vec![0; USUAL];
    let mut held = 0;
    loop {
        // Looked at first, since what follows belongs to somebody else; then taken, so that the next look waits for more.
        let seen = held + stream.peek(&mut header[held..]).await?;
        if seen == held {
            return Err(Malformed("the connection ended within it").into());
        }
        let parsed = parse(&header[..seen])?;
        let end = match &parsed {
            Parsed::Whole { length, .. } => *length,
            Parsed::Part => seen,
        };
        stream.read_exact(&mut header[held..end]).await?;
        if let Parsed::Whole { addresses, .. } = parsed {
            return Ok(addresses);
        }
        held = end;
        if held == LONGEST {
            return Err(Malformed("it is too long").into());
        }
        if held == header.len() {
            header.resize(LONGEST, 0);
        }
    }
}

/// The header that endpoints of `cluster` want of a connection between these two, if they want any.
pub fn header(cluster: &Cluster, addresses: Addresses) -> Option<Vec<u8>> {
    let version = cluster.proxy_protocol?;
    Some(write(version, Some(addresses)))
}

/// The header of a connection made for a client; `None`: for ourselves.
pub fn write(version: ProxyVersion, addresses: Option<Addresses>) -> Vec<u8> {
    let addresses = addresses.map(Addresses::of_one_family);
    match version {
        ProxyVersion::V1 => version1::write(addresses),
        ProxyVersion::V2 => version2::write(addresses),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

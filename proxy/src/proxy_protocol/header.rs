//! What a header says, in either form.

use std::net::{IpAddr, SocketAddr};

use super::{version1, version2};

/// Both ends of a connection, as the one who accepted it first saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// Who called.
    pub source: SocketAddr,
    /// What was called.
    pub destination: SocketAddr,
}

/// What some bytes at the beginning of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// The beginning of a header.
    Part,
    /// A header.
    Whole {
        /// Whose the connection is; `None`: the sender's own, or of a kind that there is not here.
        addresses: Option<Addresses>,
        /// The bytes that it takes.
        length: usize,
    },
}

/// There is no header, or a wrong one; what exactly is for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no header of the PROXY protocol: {0}")]
pub struct Malformed(pub &'static str);

/// Reads what `bytes` begin with.
///
/// # Errors
/// When that can become no header whatever comes next.
pub fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    match bytes.first() {
        None => Ok(Parsed::Part),
        Some(b'P') => version1::parse(bytes),
        Some(_) => version2::parse(bytes),
    }
}

/// Whether `bytes` begin with `mark`; `None`: so far.
pub(super) fn begins(bytes: &[u8], mark: &[u8]) -> Option<bool> {
    let shared = bytes.len().min(mark.len());
    match bytes[..shared] == mark[..shared] {
        false => Some(false),
        true if shared == mark.len() => Some(true),
        true => None,
    }
}

impl Addresses {
    /// In a family that both addresses have: a header has room for one.
    pub fn of_one_family(self) -> Self {
        let Self {
            source,
            destination,
        } = self;
        let canonical = |address: SocketAddr| address.ip().to_canonical();
        let (from, to) = match (canonical(source), canonical(destination)) {
            (IpAddr::V4(from), IpAddr::V6(to)) => (from.to_ipv6_mapped().into(), to.into()),
            (IpAddr::V6(from), IpAddr::V4(to)) => (from.into(), to.to_ipv6_mapped().into()),
            same => same,
        };
        Self {
            source: SocketAddr::new(from, source.port()),
            destination: SocketAddr::new(to, destination.port()),
        }
    }
}

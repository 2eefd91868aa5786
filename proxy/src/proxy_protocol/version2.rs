//! Version 2: binary. A mark, what it is, a length, the addresses, and additions that are passed over.

use std::net::{IpAddr, SocketAddr};

use super::{
    LONGEST,
    header::{Addresses, Malformed, Parsed, begins},
};

/// Bytes that no other protocol begins with.
const MARK: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// The mark, version and command, family and protocol, the length of what follows.
const FIXED: usize = MARK.len() + 4;

/// Version 2 in the upper half of a byte.
const VERSION: u8 = 0x20;
const LOCAL: u8 = 0;
const PROXY: u8 = 1;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    if begins(bytes, MARK) == Some(false) {
        return Err(Malformed("it begins with something else"));
    }
    let Some(([.., command, kind, high, low], rest)) = bytes.split_first_chunk::<FIXED>() else {
        return Ok(Parsed::Part);
    };
    if command & 0xf0 != VERSION {
        return Err(Malformed("its version is not known"));
    }
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    if FIXED + length > LONGEST {
        return Err(Malformed("it is too long"));
    }
    let Some(body) = rest.get(..length) else {
        return Ok(Parsed::Part);
    };
    let addresses = match command & 0x0f {
        LOCAL => None,
        PROXY => read(*kind, body)?,
        _ => return Err(Malformed("its command is not known")),
    };
    Ok(Parsed::Whole {
        addresses,
        length: FIXED + length,
    })
}

/// `None`: of Unix sockets, datagrams and whatever there is not here, the connection's own addresses hold.
fn read(kind: u8, body: &[u8]) -> Result<Option<Addresses>, Malformed> {
    let short = Malformed("it is too short for its addresses");
    match kind {
        TCP_OVER_IPV4 => ends::<4>(body).ok_or(short).map(Some),
        TCP_OVER_IPV6 => ends::<16>(body).ok_or(short).map(Some),
        _ => Ok(None),
    }
}

/// Two addresses of `N` bytes each, and two ports.
fn ends<const N: usize>(body: &[u8]) -> Option<Addresses>
where
    IpAddr: From<[u8; N]>,
{
    let (from, rest) = body.split_first_chunk::<N>()?;
    let (to, rest) = rest.split_first_chunk::<N>()?;
    let ([a, b, c, d], _) = rest.split_first_chunk::<4>()?;
    Some(Addresses {
        source: SocketAddr::new((*from).into(), u16::from_be_bytes([*a, *b])),
        destination: SocketAddr::new((*to).into(), u16::from_be_bytes([*c, *d])),
    })
}

pub(super) fn write(addresses: Option<Addresses>) -> Vec<u8> {
    let mut header = MARK.to_vec();
    let Some(Addresses {
        source,
        destination,
    }) = addresses
    else {
        header.extend_from_slice(&[VERSION | LOCAL, 0, 0, 0]);
        return header;
    };
    let (kind, length) = match source {
        SocketAddr::V4(_) => (TCP_OVER_IPV4, 12),
        SocketAddr::V6(_) => (TCP_OVER_IPV6, 36),
    };
    header.extend_from_slice(&[VERSION | PROXY, kind, 0, length]);
    for ip in [source.ip(), destination.ip()] {
        match ip {
            IpAddr::V4(ip) => header.extend_from_slice(&ip.octets()),
            IpAddr::V6(ip) => header.extend_from_slice(&ip.octets()),
        }
    }
    for port in [source.port(), destination.port()] {
        header.extend_from_slice(&port.to_be_bytes());
    }
    header
}

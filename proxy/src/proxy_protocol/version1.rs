//! Version 1: `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`, a line of text.

use std::net::{IpAddr, SocketAddr};

use super::header::{Addresses, Malformed, Parsed, begins};

const MARK: &[u8] = b"PROXY ";

/// With its end, as the specification bounds it.
const LONGEST: usize = 107;

pub(super) fn parse(bytes: &[u8]) -> Result<Parsed, Malformed> {
    match begins(bytes, MARK) {
        None => return Ok(Parsed::Part),
        Some(false) => return Err(Malformed("it begins with something else")),
        Some(true) => {}
    }
    let within = &bytes[..bytes.len().min(LONGEST)];
    let Some(end) = within.windows(2).position(|pair| pair == b"\r\n") else {
        return match bytes.len() >= LONGEST {
            true => Err(Malformed("its line does not end")),
            false => Ok(Parsed::Part),
        };
    };
    let line = std::str::from_utf8(&bytes[MARK.len()..end]);
    let addresses = match line {
        // What follows is to be ignored.
        Ok(line) if line == "UNKNOWN" || line.starts_with("UNKNOWN ") => None,
        Ok(line) => Some(read(line).ok_or(Malformed("its line makes no sense"))?),
        Err(_) => return Err(Malformed("its line is not text")),
    };
    Ok(Parsed::Whole {
        addresses,
        length: end + 2,
    })
}

fn read(line: &str) -> Option<Addresses> {
    let mut words = line.split(' ');
    let family = words.next()?;
    let mut address = || {
        let address: IpAddr = words.next()?.parse().ok()?;
        let fits = match family {
            "TCP4" => address.is_ipv4(),
            "TCP6" => address.is_ipv6(),
            _ => false,
        };
        fits.then_some(address)
    };
    let (source, destination) = (address()?, address()?);
    let mut port = || {
        let word = words.next()?;
        let digits = word.bytes().all(|byte| byte.is_ascii_digit());
        word.parse::<u16>().ok().filter(|_| digits)
    };
    let ports = (port()?, port()?);
    words.next().is_none().then_some(Addresses {
        source: SocketAddr::new(source, ports.0),
        destination: SocketAddr::new(destination, ports.1),
    })
}

pub(super) fn write(addresses: Option<Addresses>) -> Vec<u8> {
    let Some(Addresses {
        source,
        destination,
    }) = addresses
    else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    let ports = (source.port(), destination.port());
    format!("PROXY {family} {from} {to} {} {}\r\n", ports.0, ports.1).into_bytes()
}

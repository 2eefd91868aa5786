//! Socket addresses and networks, with advice for what people write instead.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use serde_json::json;

use crate::{
    Network,
    problem::{Fault, quote},
    shape::{Shape, parsed},
};

const EXPECTED: &str = "an address as IP:port";

/// An address to bind. Port 0 lets the system choose.
pub(super) fn bind_address() -> Shape<SocketAddr> {
    parsed(
        EXPECTED,
        schema(),
        |text| parse(text, Use::Bind),
        SocketAddr::to_string,
    )
}

/// An address to connect to.
pub(super) fn peer_address() -> Shape<SocketAddr> {
    parsed(
        EXPECTED,
        schema(),
        |text| parse(text, Use::Endpoint),
        SocketAddr::to_string,
    )
}

/// An address of a DNS resolver.
pub(super) fn resolver_address() -> Shape<SocketAddr> {
    parsed(
        EXPECTED,
        schema(),
        |text| parse(text, Use::Resolver),
        SocketAddr::to_string,
    )
}

/// An IP network, or one address.
pub(super) fn network() -> Shape<Network> {
    let schema = json!({"type": "string", "examples": ["10.0.0.0/8", "::1"]});
    let parse = |text: &str| {
        text.parse().map_err(|cause: String| {
            Fault::new(format!("{} is not a network", quote(text)))
                .cause(cause)
                .hint("write it as `10.0.0.0/8` or `fd00::/8`")
        })
    };
    parsed(
        "a network like `10.0.0.0/8`",
        schema,
        parse,
        Network::to_string,
    )
}

fn schema() -> serde_json::Value {
    json!({"type": "string", "pattern": ":[0-9]+$", "examples": ["127.0.0.1:8080", "[::1]:8080"]})
}

/// What an address is for decides what to advise.
#[derive(Clone, Copy, PartialEq)]
enum Use {
    Bind,
    Endpoint,
    Resolver,
}

fn parse(text: &str, purpose: Use) -> Result<SocketAddr, Fault> {
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() == 0 && purpose != Use::Bind => {
            Err(Fault::new("nothing can be reached at port 0"))
        }
        Ok(address) => Ok(address),
        Err(_) => {
            let fault = Fault::new(format!("expected {EXPECTED}, found {}", quote(text)));
            Err(match advice(text, purpose) {
                Some(hint) => fault.hint(hint),
                None => fault,
            })
        }
    }
}

fn advice(text: &str, purpose: Use) -> Option<String> {
    if text.contains("://") {
        return Some("leave the scheme out".to_owned());
    }
    let (host, port) = match text.rsplit_once(':') {
        Some(parts) => parts,
        None if text.parse::<u16>().is_ok() => ("", text),
        None => (text, ""),
    };
    if host.parse::<Ipv6Addr>().is_ok() {
        return Some(format!(
            "an IPv6 address stands in brackets: `[{host}]:{port}`"
        ));
    }
    if let Ok(ip) = text.parse::<IpAddr>() {
        let port = if purpose == Use::Resolver { 53 } else { 80 };
        return Some(format!(
            "the port is missing: `{}`",
            SocketAddr::new(ip, port)
        ));
    }
    let unbracketed = host.trim_start_matches('[').trim_end_matches(']');
    if unbracketed.parse::<IpAddr>().is_ok() {
        return Some("a port is a number from 1 to 65535".to_owned());
    }
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let is_name = host.chars().all(name) && host.chars().any(|c| c.is_ascii_alphabetic());
    match purpose {
        Use::Bind if matches!(host, "" | "*") => {
            Some(format!("for all interfaces: `0.0.0.0:{port}`"))
        }
        Use::Bind if host == "localhost" => Some(format!("write `127.0.0.1:{port}`")),
        Use::Endpoint if is_name && port.is_empty() => Some(format!(
            "endpoints are IP:port; for a name use `dns: {{ name: {host}, port: 80 }}`"
        )),
        Use::Endpoint if is_name => Some(format!(
            "endpoints are IP:port; for a name use `dns: {{ name: {host}, port: {port} }}`"
        )),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn common_slips_get_advice() {
        let advice = |text| advice(text, Use::Endpoint).unwrap();
        assert!(advice("10.0.0.1").contains("`10.0.0.1:80`"));
        assert!(advice("::1:80").contains("brackets"));
        assert!(advice("fe80::1").contains("`[fe80::1]:80`"));
        assert!(advice("localhost:80").contains("dns: { name: localhost, port: 80 }"));
        assert!(advice("10.0.0.1:99999").contains("65535"));
        assert!(advice("http://10.0.0.1:80").contains("scheme"));
    }

    #[test]
    fn only_a_listener_may_leave_the_port_to_the_system() {
        assert!(parse("127.0.0.1:0", Use::Bind).is_ok());
        assert!(parse("127.0.0.1:0", Use::Endpoint).is_err());
    }
}

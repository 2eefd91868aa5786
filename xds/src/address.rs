//! Socket addresses.

use std::net::{IpAddr, SocketAddr};

use crate::{
    Refused,
    pb::envoy::config::core::v3::{
        Address, SocketAddress,
        address::Address as Kind,
        socket_address::{PortSpecifier, Protocol},
    },
};

/// An address that is known.
pub(crate) fn to_wire(address: SocketAddr) -> Address {
    named(host(address), address.port())
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(_) => address.ip().to_string(),
        SocketAddr::V6(v6) if v6.scope_id() == 0 => v6.ip().to_string(),
        SocketAddr::V6(v6) => format!("{}%{}", v6.ip(), v6.scope_id()),
    }
}

/// An address that is to be resolved.
pub(crate) fn named(name: String, port: u16) -> Address {
    let socket = SocketAddress {
        address: name,
        port_specifier: Some(PortSpecifier::PortValue(port.into())),
        ..SocketAddress::default()
    };
    Address {
        address: Some(Kind::SocketAddress(socket)),
    }
}

/// An IP address with its port.
pub(crate) fn from_wire(address: Option<&Address>) -> Result<SocketAddr, Refused> {
    let (host, port) = parts(address)?;
    ip(host, port).ok_or_else(|| Refused::new(format!("`{host}` is not an IP address")))
}

/// What is before the port, and the port.
pub(crate) fn parts(address: Option<&Address>) -> Result<(&str, u16), Refused> {
    let socket = match address.and_then(|address| address.address.as_ref()) {
        Some(Kind::SocketAddress(socket)) => socket,
        Some(_) => return Err(Refused::new("only socket addresses are supported")),
        None => return Err(Refused::new("no address is given")),
    };
    if socket.protocol != i32::from(Protocol::Tcp) {
        return Err(Refused::new("only TCP is supported"));
    }
    if !matches!(socket.resolver_name.as_str(), "") {
        let reason = format!("no resolver named `{}`", socket.resolver_name);
        return Err(Refused::new(reason));
    }
    let port = match socket.port_specifier {
        Some(PortSpecifier::PortValue(port)) => u16::try_from(port).ok(),
        Some(PortSpecifier::NamedPort(_)) | None => None,
    };
    let port = port.ok_or_else(|| Refused::new("no port of 0 to 65535 is given"))?;
    Ok((&socket.address, port))
}

/// An address, if the host is an IP.
pub(crate) fn ip(host: &str, port: u16) -> Option<SocketAddr> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Some(SocketAddr::new(ip, port)),
        // With a scope.
        Err(_) => format!("[{host}]:{port}").parse().ok(),
    }
}

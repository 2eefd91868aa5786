//! Which address a connection was meant for, before the kernel sent it here.

use std::{io, net::SocketAddr};

use outrigger_config::model::Capture;
use socket2::SockRef;
use tokio::net::TcpStream;

/// The address that the caller of `stream` called; `None`: this very socket, or what the kernel has forgotten.
///
/// # Errors
/// When the socket has ended already.
pub fn destination(stream: &TcpStream, by: Capture) -> io::Result<Option<SocketAddr>> {
    let own = canonical(stream.local_addr()?);
    let called = match by {
        // What this machine called itself is translated all the same.
        Capture::Tproxy => Some(translated(stream, own).unwrap_or(own)),
        Capture::Redirect => translated(stream, own),
    };
    Ok(called.filter(|called| by == Capture::Tproxy || *called != own))
}

/// What the kernel's connection tracking remembers: SO_ORIGINAL_DST, or IP6T_SO_ORIGINAL_DST.
fn translated(stream: &TcpStream, own: SocketAddr) -> Option<SocketAddr> {
    let socket = SockRef::from(stream);
    // IPv4 on a socket of IPv6 is asked for as IPv4.
    let remembered = match own {
        SocketAddr::V4(_) => socket.original_dst_v4(),
        SocketAddr::V6(_) => socket.original_dst_v6(),
    };
    // It remembers none where nothing was translated, and where no rule made it track anything.
    remembered.ok()?.as_socket().map(canonical)
}

/// IPv4 in the clothes of IPv6 is IPv4.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

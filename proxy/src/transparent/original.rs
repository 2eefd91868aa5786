//! Which address a connection was meant for, before the kernel sent it here.

use std::net::SocketAddr;

use outrigger_config::model::Capture;
use socket2::SockRef;
use tokio::net::TcpStream;

/// The address that the caller of `stream` called, which came to `own`; `None`: that very address, or one that the kernel has
/// forgotten.
pub fn destination(stream: &TcpStream, own: SocketAddr, by: Capture) -> Option<SocketAddr> {
    let own = canonical(own);
    let called = translated(stream, own);
    match by {
        Capture::Redirect => called.filter(|called| *called != own),
        // What this machine called itself is translated all the same.
        Capture::Tproxy => Some(called.unwrap_or(own)),
    }
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

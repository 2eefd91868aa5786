//! Which address a connection was meant for, before the kernel sent it here.

use std::net::SocketAddr;

use outrigger_config::model::Capture;
use socket2::SockRef;
use tokio::net::TcpStream;

/// The address that the caller of `stream` called, which came to `own`, by the listener at `port`; `None`: that very listener,
/// or an address that the kernel has forgotten.
pub fn destination(
    stream: &TcpStream,
    own: SocketAddr,
    by: Capture,
    port: u16,
) -> Option<SocketAddr> {
    let own = canonical(own);
    meant(translated(stream, own), own, by, port)
}

fn meant(
    translated: Option<SocketAddr>,
    own: SocketAddr,
    by: Capture,
    port: u16,
) -> Option<SocketAddr> {
    let called = translated.filter(|called| *called != own);
    match by {
        Capture::Redirect => called,
        // What this machine called itself is translated all the same. All else has the address that was called as its own, but
        // for who called the listener.
        Capture::Tproxy => called.or_else(|| (own.port() != port).then_some(own)),
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const PORT: u16 = 15006;

    #[test]
    fn a_call_of_the_listener_itself_was_meant_for_nobody_else() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let (own, app) = (address("10.0.0.1:15006"), address("10.0.0.1:8080"));
        for (translated, own, by, expected) in [
            (Some(app), own, Capture::Redirect, Some(app)),
            (Some(own), own, Capture::Redirect, None),
            (None, own, Capture::Redirect, None),
            (None, app, Capture::Tproxy, Some(app)),
            (Some(app), own, Capture::Tproxy, Some(app)),
            (None, own, Capture::Tproxy, None),
            (Some(own), own, Capture::Tproxy, None),
        ] {
            assert_eq!(
                meant(translated, own, by, PORT),
                expected,
                "{translated:?} {own} {by:?}"
            );
        }
    }
}

//! Free loopback addresses for processes that must be told where to listen.
//!
//! Port 0 is not in the proxy's contract, so ports are reserved here: from below the kernel's ephemeral range
//! (32768 and up), where no outgoing connection of another test can take one in between.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{
    OnceLock,
    atomic::{AtomicU16, Ordering},
};

const LOWEST: u16 = 10_000;
const COUNT: u16 = 22_000;

/// An address that nobody listens on now and that this process gives out only once.
///
/// The start is random, so that test processes that run side by side seldom meet.
pub fn free_address() -> SocketAddr {
    static NEXT: OnceLock<AtomicU16> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU16::new(fastrand::u16(0..COUNT)));
    loop {
        let port = LOWEST + next.fetch_add(1, Ordering::Relaxed) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// An address that refuses connections at once.
pub fn refusing_address() -> SocketAddr {
    free_address()
}

//! Sockets that systemd has bound for this process (sd_listen_fds(3)): they are there before it and after it, so that a
//! restart refuses nobody. They are told apart by their address; the names that they may have are for the log.

use std::{env, net::TcpListener};

use listenfd::ListenFd;

use super::sockets::Given;

/// What systemd has given, if it has.
pub fn sockets() -> Given {
    let mut given = Given::default();
    let mut passed = ListenFd::from_env();
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    for index in 0..passed.len() {
        let name = names.next().unwrap_or_default();
        let taken = passed.take_tcp_listener(index);
        let socket = taken.and_then(|socket| socket.map(ready).transpose());
        match socket {
            Ok(Some((address, socket))) => given.add(address, [socket]),
            Ok(None) => {}
            // Before the log is there, which depends on the table.
            Err(error) => {
                eprintln!("warning: socket {index} of systemd ({name}) is left alone: {error}")
            }
        }
    }
    given
}

fn ready(socket: TcpListener) -> std::io::Result<(std::net::SocketAddr, TcpListener)> {
    socket.set_nonblocking(true)?;
    Ok((socket.local_addr()?, socket))
}

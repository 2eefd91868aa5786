//! A listening socket of one worker: takes connections until it is told to stop.

use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use outrigger_config::model::Capture;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    task::{spawn_local, yield_now},
};

use super::{begin::Accepted, serve::serve};
use crate::{stack::Stack, telemetry::metrics::DownstreamError, worker::Worker};

/// Connections that the kernel holds while the worker is busy; the kernel's own limit usually is 4096.
const BACKLOG: i32 = 4096;

/// So much may wait in the kernel that a connection has not begun to send. Without this it takes megabytes for a client that
/// reads none of them, and some hundreds of such clients leave the whole machine short of memory for TCP.
const UNSENT: u32 = 64 * 1024;

/// How long to wait when the process is out of file descriptors, or the like, before accepting again.
const PAUSE: Duration = Duration::from_millis(50);

/// After so many in a row those that have been let in go first: their requests are not to wait for everybody who would like
/// to be.
const IN_A_ROW: u32 = 4;

/// Binds one socket a worker to `address`. The kernel spreads new connections over them.
///
/// # Errors
/// When the address is taken, by another Outrigger too, or not ours to bind.
pub fn bind(
    address: SocketAddr,
    workers: usize,
    capture: Option<Capture>,
) -> io::Result<Vec<std::net::TcpListener>> {
    // Two processes with SO_REUSEPORT would share the port in silence; one socket without it finds out.
    drop(socket(address, false, capture)?);
    let one = |_| {
        let socket = socket(address, workers > 1, capture)?;
        socket.listen(BACKLOG)?;
        ready(socket)
    };
    (0..workers).map(one).collect()
}

/// Binds one more socket beside others at `address`. Nobody is sent to it until it is told to [`listen`]: its queue would be
/// nobody's.
///
/// # Errors
/// As of [`bind`].
pub fn beside(address: SocketAddr, capture: Option<Capture>) -> io::Result<std::net::TcpListener> {
    ready(socket(address, true, capture)?)
}

fn ready(socket: Socket) -> io::Result<std::net::TcpListener> {
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// From now on connections come to `socket`. One to which they came before stays as it is.
///
/// # Errors
/// When the system does not let it.
pub fn listen(socket: &std::net::TcpListener) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match socket.is_listener()? {
        true => Ok(()),
        false => socket.listen(BACKLOG),
    }
}

fn socket(address: SocketAddr, shared: bool, capture: Option<Capture>) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    if shared {
        socket.set_reuse_port(true)?;
    }
    prepare(&SockRef::from(&socket), capture)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Has a socket take what `capture` gives it, whoever bound it and for what; what accepts on it need not know. The
/// connections that it makes have all of this from it.
///
/// # Errors
/// When the process may not.
pub fn prepare(socket: &SockRef<'_>, capture: Option<Capture>) -> io::Result<()> {
    // A kernel that does not know it, as a sandbox may have, serves all the same.
    let _ = socket.set_tcp_notsent_lowat(UNSENT);
    match capture {
        // It holds for IPv6, too. Takes CAP_NET_ADMIN.
        Some(Capture::Tproxy) => socket.set_ip_transparent_v4(true),
        Some(Capture::Redirect) | None => Ok(()),
    }
}

/// Whether sockets may be had that are [`prepared`](prepare) for this.
///
/// # Errors
/// When not.
pub fn may_take(capture: Option<Capture>) -> io::Result<()> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
    prepare(&SockRef::from(&socket), capture)
}

/// Accepts connections of the listener at `address` until `stop`, then takes what has already queued up.
pub async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    worker: Rc<Worker>,
    stack: Rc<Stack>,
    mut stop: oneshot::Receiver<()>,
) {
    let mut stopping = false;
    let mut row = 0;
    loop {
        row += 1;
        if row > IN_A_ROW {
            row = 1;
            yield_now().await;
        }
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            _ = &mut stop, if !stopping => {
                stopping = true;
                continue;
            }
            // A client whose connection the kernel has already made must not be met with a reset.
            () = std::future::ready(()), if stopping => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let admitted = worker.with_snapshot(|snapshot| {
                    let listener = snapshot.listener(address);
                    listener.map_or(Ok(None), |listener| listener.limits.connect())
                });
                // Closed at once: whoever is over the limit must not cost what those below it need.
                let Ok(admitted) = admitted else { continue };
                let accepted = Box::new(Accepted {
                    stream,
                    peer,
                    address,
                });
                spawn_local(serve(
                    accepted,
                    admitted,
                    Rc::clone(&worker),
                    Rc::clone(&stack),
                ));
            }
            Err(error) => {
                worker.metrics().downstream_error(DownstreamError::Accept);
                tracing::warn!(%address, %error, "cannot accept");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_a_socket_accepts_holds_little_that_was_not_sent() {
        let sockets = bind(SocketAddr::from(([127, 0, 0, 1], 0)), 1, None).unwrap();
        let address = sockets[0].local_addr().unwrap();
        let _client = std::net::TcpStream::connect(address).unwrap();
        let (accepted, _) = sockets[0].accept().unwrap();
        let unsent = SockRef::from(&accepted).tcp_notsent_lowat().unwrap();
        assert_eq!(unsent, UNSENT);
    }
}

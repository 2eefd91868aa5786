//! Makes a connection to an endpoint, in time: TCP, a header of the PROXY protocol and TLS on it if its cluster says so.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use outrigger_config::model::Alpn;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    error::Error,
    stream::Stream,
    tls::{Client, Offer},
    transparent::{
        MARK, loopback,
        recent::{self, Errand},
    },
};

/// How long a connection may rest before the kernel asks whether the other machine is still there, and how often and how
/// many times in vain. A machine that is gone would not be missed otherwise by who waits for its answer, or in a tunnel.
const ASK_AFTER: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_secs(10);
const ASKED_IN_VAIN: u32 = 3;

/// How long bytes may go unacknowledged on a connection of many requests; the kernel's own patience is a quarter of an hour.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Where a connection comes from, as its endpoint sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// As the system has it.
    Usual,
    /// From a loopback address, by which the rules of `outrigger init` know what the inbound listener sends on: all else
    /// that the proxy calls on its own machine they send to that listener.
    Loopback,
    /// From this one, which is not ours.
    Caller(IpAddr),
}

/// Connects within `patience`, and sends `header` before anything else; also what is then spoken, as far as TLS has settled that.
pub async fn connect(
    address: SocketAddr,
    origin: Origin,
    header: Option<&[u8]>,
    tls: Option<&Client>,
    offer: Offer,
    patience: Duration,
) -> Result<(Stream, Option<Alpn>), Error> {
    let connecting = async {
        let mut stream = open(address, origin).await.map_err(Error::connect)?;
        // A request's head must not wait for an acknowledgement (Nagle). A socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
        let probes = TcpKeepalive::new()
            .with_time(ASK_AFTER)
            .with_interval(ASK_EVERY)
            .with_retries(ASKED_IN_VAIN);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&probes);
        if let Some(header) = header {
            stream.write_all(header).await.map_err(Error::connect)?;
        }
        match tls {
            // Boxed: clusters without it should not pay for its size.
            Some(tls) => Box::pin(tls.connect(stream, address, offer)).await,
            None => Ok((Stream::Tcp(stream), None)),
        }
    };
    timeout(patience, connecting)
        .await
        .unwrap_or(Err(Error::ConnectTimeout))
}

/// Lets bytes that go nowhere end the connection. Only where the endpoint always reads, as HTTP/2 with its own windows has it:
/// to the kernel, who does not read for so long is gone, and the receiver of an upload may well rest that long.
pub fn notice_its_end(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED));
}

async fn open(address: SocketAddr, origin: Origin) -> io::Result<TcpStream> {
    let stream = match origin {
        Origin::Usual => TcpStream::connect(address).await?,
        Origin::Loopback => {
            let socket = socket(address)?;
            socket.bind(SocketAddr::new(loopback(address.ip()), 0))?;
            socket.connect(address).await?
        }
        Origin::Caller(caller) => {
            let socket = socket(address)?;
            let options = SockRef::from(&socket);
            // It holds for IPv6, too. Both take CAP_NET_ADMIN.
            options.set_ip_transparent_v4(true)?;
            options.set_mark(MARK)?;
            socket.bind(SocketAddr::new(caller, 0))?;
            socket.connect(address).await?
        }
    };
    if recent::is_watched() {
        let errand = match origin {
            Origin::Usual => Errand::Outward,
            Origin::Loopback | Origin::Caller(_) => Errand::Inward,
        };
        recent::made(errand, stream.local_addr()?, address);
    }
    Ok(stream)
}

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A port that was bound to a moment ago will do.
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_kernel_asks_whether_the_other_machine_is_there() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let patience = Duration::from_secs(10);
        let connecting = connect(address, Origin::Usual, None, None, Offer::Http1, patience);
        let (stream, _) = connecting.await.ok().unwrap();
        let socket = SockRef::from(stream.socket());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), ASK_AFTER);
        assert_eq!(socket.tcp_user_timeout().unwrap(), None, "it need not read");
        notice_its_end(stream.socket());
        let timeout = socket.tcp_user_timeout().unwrap();
        assert_eq!(timeout, Some(UNACKNOWLEDGED));
    }
}

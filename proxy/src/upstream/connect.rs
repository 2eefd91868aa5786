//! Makes a connection to an endpoint, in time: TCP, a header of the PROXY protocol and TLS on it if its cluster says so.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use outrigger_config::model::Alpn;
use socket2::SockRef;
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

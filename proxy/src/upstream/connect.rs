//! Makes a connection to an endpoint, in time: TCP, a header of the PROXY protocol and TLS on it if its cluster says so.

use std::{io, net::SocketAddr, time::Duration};

use outrigger_config::model::Alpn;
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
        loopback,
        recent::{self, Errand},
    },
};

/// Connects within `patience`, and sends `header` before anything else; also what is then spoken, as far as TLS has settled that.
pub async fn connect(
    address: SocketAddr,
    errand: Errand,
    header: Option<&[u8]>,
    tls: Option<&Client>,
    offer: Offer,
    patience: Duration,
) -> Result<(Stream, Option<Alpn>), Error> {
    let connecting = async {
        let mut stream = open(address, errand).await.map_err(Error::connect)?;
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

async fn open(address: SocketAddr, errand: Errand) -> io::Result<TcpStream> {
    let stream = match errand {
        Errand::Outward => TcpStream::connect(address).await?,
        Errand::Inward => {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            // The address by which the rules of `outrigger init` know what is done with: they send what the proxy calls on
            // its own machine to the inbound listener, but for what comes from there.
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::new(loopback(address.ip()), 0))?;
            socket.connect(address).await?
        }
    };
    if recent::is_watched() {
        recent::made(errand, stream.local_addr()?, address);
    }
    Ok(stream)
}

//! Makes a connection to an endpoint, in time: TCP, a header of the PROXY protocol and TLS on it if its cluster says so.

use std::{net::SocketAddr, time::Duration};

use outrigger_config::model::Alpn;
use tokio::{io::AsyncWriteExt, net::TcpStream, time::timeout};

use crate::{
    error::Error,
    stream::Stream,
    tls::{Client, Offer},
};

/// Connects within `patience`, and sends `header` before anything else; also what is then spoken, as far as TLS has settled that.
pub async fn connect(
    address: SocketAddr,
    header: Option<&[u8]>,
    tls: Option<&Client>,
    offer: Offer,
    patience: Duration,
) -> Result<(Stream, Option<Alpn>), Error> {
    let connecting = async {
        let mut stream = TcpStream::connect(address).await.map_err(Error::connect)?;
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

//! Makes a TCP connection to an endpoint, in time.

use std::{net::SocketAddr, time::Duration};

use tokio::{net::TcpStream, time::timeout};

use crate::{error::Error, stream::Stream};

/// Connects within `patience`.
pub async fn connect(address: SocketAddr, patience: Duration) -> Result<Stream, Error> {
    let stream = timeout(patience, TcpStream::connect(address))
        .await
        .map_err(|_| Error::ConnectTimeout)?
        .map_err(Error::connect)?;
    // A request's head must not wait for an acknowledgement (Nagle). A socket that refuses the option still works.
    let _ = stream.set_nodelay(true);
    Ok(stream.into())
}

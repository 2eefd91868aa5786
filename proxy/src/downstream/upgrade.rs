//! The client's side of a protocol switch, which is there once the response that agrees to it has been sent.

use bytes::BytesMut;
use tokio::sync::oneshot;

use crate::{http2::Tunneled, stream::Stream};

/// An HTTP/1 connection that has switched.
#[derive(Debug)]
pub struct Switched {
    /// What has been read of it already.
    pub first: BytesMut,
    /// All else.
    pub stream: Stream,
}

/// A switch to come.
#[derive(Debug)]
pub enum OnUpgrade {
    /// Of a whole connection.
    Http1(oneshot::Receiver<Switched>),
    /// Of a stream.
    Http2(oneshot::Receiver<Tunneled>),
}

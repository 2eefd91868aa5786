//! Where a body comes from that is not at hand.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Error;
use crate::{
    downstream::http1::Received, http1::Broken, http2::Incoming, upstream::http1::Reading,
};

/// See the module.
pub enum Source {
    /// A stream of HTTP/2, of either side.
    Http2(Incoming),
    /// A request over HTTP/1.
    Received(Received),
    /// A response over HTTP/1. Boxed: it has a connection with it.
    Reading(Box<Reading>),
}

impl From<Broken> for Error {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken.into())
    }
}

impl From<outrigger_http2::Error> for Error {
    fn from(error: outrigger_http2::Error) -> Self {
        Self::Broken(error.into())
    }
}

impl Body for Source {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.get_mut() {
            Self::Http2(incoming) => incoming.poll_frame(cx).map_err(Error::from),
            Self::Received(received) => received.poll_frame(cx).map_err(Error::from),
            Self::Reading(reading) => reading.poll_frame(cx).map_err(Error::from),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http2(incoming) => incoming.is_end_stream(),
            Self::Received(received) => received.is_end_stream(),
            Self::Reading(reading) => reading.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http2(incoming) => incoming.size_hint(),
            Self::Received(received) => received.size_hint(),
            Self::Reading(reading) => reading.size_hint(),
        }
    }
}

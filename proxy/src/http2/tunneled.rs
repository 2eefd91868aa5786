//! A stream as bytes both ways, for CONNECT (RFC 9113, 8.5).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use h2::{Reason, RecvStream, SendStream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::outgoing::poll_room;

/// What is written at once: a frame of the usual size.
const MOST: usize = 16 * 1024;

/// Both directions of a stream.
#[derive(Debug)]
pub struct Tunneled {
    incoming: RecvStream,
    outgoing: SendStream<Bytes>,
    /// What has come and is not read yet.
    come: Bytes,
}

impl Tunneled {
    /// Of a stream whose head has been answered.
    pub fn new(incoming: RecvStream, outgoing: SendStream<Bytes>) -> Self {
        Self {
            incoming,
            outgoing,
            come: Bytes::new(),
        }
    }
}

impl AsyncRead for Tunneled {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        while this.come.is_empty() {
            match ready!(this.incoming.poll_data(cx)).transpose() {
                Ok(Some(data)) => this.come = data,
                Ok(None) => return Poll::Ready(Ok(())),
                // As if it had sent its end, and wanted nothing more.
                Err(error) if error.reason() == Some(Reason::NO_ERROR) => {
                    return Poll::Ready(Ok(()));
                }
                Err(error) => return Poll::Ready(Err(io::Error::other(error))),
            }
        }
        let taken = this.come.len().min(buffer.remaining());
        buffer.put_slice(&this.come[..taken]);
        this.come.advance(taken);
        // That the stream is gone shows soon enough.
        let _ = this.incoming.flow_control().release_capacity(taken);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Tunneled {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = &mut self.get_mut().outgoing;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        stream.reserve_capacity(bytes.len().min(MOST));
        ready!(poll_room(stream, cx)).map_err(io::Error::other)?;
        let taken = stream.capacity().min(bytes.len()).min(MOST);
        let sent = stream.send_data(Bytes::copy_from_slice(&bytes[..taken]), false);
        Poll::Ready(sent.map(|()| taken).map_err(io::Error::other))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = self.get_mut().outgoing.send_data(Bytes::new(), true);
        Poll::Ready(ended.map_err(io::Error::other))
    }
}

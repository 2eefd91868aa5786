//! A stream as bytes both ways, for CONNECT (RFC 9113, 8.5).

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use outrigger_http2::{Reason, Receiving, Sending};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What is written at once: a frame of the usual size.
const MOST: usize = 16 * 1024;

/// Both directions of a stream.
#[derive(Debug)]
pub struct Tunneled {
    incoming: Receiving,
    outgoing: Sending,
    /// What has come and is not read yet.
    come: Bytes,
    /// What was taken to be written and is not yet.
    going: Bytes,
}

impl Tunneled {
    /// Of a stream whose head has been answered.
    pub fn new(incoming: Receiving, outgoing: Sending) -> Self {
        Self {
            incoming,
            outgoing,
            come: Bytes::new(),
            going: Bytes::new(),
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
        this.incoming.release(taken);
        Poll::Ready(Ok(()))
    }
}

impl Tunneled {
    /// Sends what was taken before.
    fn poll_going(&mut self, end: bool, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let sent = self.outgoing.poll_send(&mut self.going, end, cx);
        sent.map_err(io::Error::other)
    }
}

impl AsyncWrite for Tunneled {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_going(false, cx))?;
        let taken = bytes.len().min(MOST);
        this.going = Bytes::copy_from_slice(&bytes[..taken]);
        // What it has taken it will send; that there is no room now is for the next one to wait for.
        match this.poll_going(false, cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(taken)),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_going(false, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_going(true, cx)
    }
}

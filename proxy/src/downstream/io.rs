//! The byte stream under a downstream connection that speaks HTTP/2: what was read to detect the protocol, then the socket.

use std::{
    cell::Cell,
    io::{self, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::chatter::{Chatter, TooMuch};
use crate::stream::Stream;

/// Where a connection stands between its requests. Shared by its stream and its [`super::Connection`].
#[derive(Debug, Default)]
pub struct Phase {
    /// Requests that have no complete response yet.
    pub in_flight: Cell<u32>,
    /// When the head that is being awaited began, in microseconds; 0: none has begun.
    pub head_since: Cell<u64>,
    /// Since when the client takes no bytes that wait to be sent, in microseconds; 0: none wait.
    pub stuck_since: Cell<u64>,
    /// Asks for a look at whether the client is still there.
    pub probe: Cell<bool>,
}

/// A downstream connection's bytes.
pub struct Io {
    stream: Stream,
    /// Read before that was known.
    first: BytesMut,
    chatter: Chatter,
    phase: Rc<Phase>,
    /// The worker's clock as of its last tick: exact enough for a time-out of seconds, and free.
    tick: Rc<Cell<u64>>,
}

impl Io {
    /// Of `stream`, from which `first` was read.
    pub fn new(stream: Stream, first: BytesMut, phase: Rc<Phase>, tick: Rc<Cell<u64>>) -> Self {
        Self {
            stream,
            first,
            chatter: Chatter::new(tick.get()),
            phase,
            tick,
        }
    }

    /// Keeps in mind since when the client takes nothing, and how much it has taken.
    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let stuck = &self.phase.stuck_since;
        match (written.is_pending(), stuck.get()) {
            (true, 0) => stuck.set(self.tick.get().max(1)),
            (true, _) | (false, 0) => {}
            (false, _) => stuck.set(0),
        }
        if let Poll::Ready(Ok(bytes)) = written {
            self.chatter.sent(bytes);
        }
        written
    }

    /// Reads on, before it is looked at what was read.
    fn read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let length = self.first.len().min(buffer.remaining());
        buffer.put_slice(&self.first[..length]);
        self.first.advance(length);
        if self.first.is_empty() {
            self.first = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(this.read(cx, buffer))?;
        let heard = &buffer.filled()[before..];
        let heard = this.chatter.hear(heard, this.tick.get());
        Poll::Ready(heard.map_err(|TooMuch| io::ErrorKind::QuotaExceeded.into()))
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.wrote(written)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.wrote(written)
    }
}

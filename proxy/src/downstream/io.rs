//! The byte stream under a downstream connection: what was read to detect the protocol, then the socket; and, for
//! HTTP/1, a look at the heads on their way to hyper.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    mem::MaybeUninit,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::net::TcpStream;

#[cfg(doc)]
use super::framing::Framing;
use super::framing::Guard;

/// The most that is looked at in one read while a head is awaited.
const HEAD_READ: usize = 16 * 1024;

thread_local! {
    /// Heads pass through here to be looked at: hyper's buffer can't be read back without `unsafe`.
    static HEAD: RefCell<Box<[u8; HEAD_READ]>> = RefCell::new(Box::new([0; HEAD_READ]));
}

/// Where a connection stands between its requests. Shared by its stream (which hyper may want to send to another
/// thread, hence the atomics) and its [`super::Connection`]; only ever touched by one thread.
#[derive(Debug, Default)]
pub struct Phase {
    /// Requests that have no complete response yet.
    pub in_flight: AtomicU32,
    /// When the head that is being awaited began, in microseconds; 0: none has begun.
    pub head_since: AtomicU64,
    /// Asks for a look at whether the client is still there.
    pub probe: AtomicBool,
    /// What the head that was last read says of its framing: a [`Framing`].
    pub framing: AtomicU8,
}

/// A downstream connection's bytes.
pub struct Io {
    stream: TokioIo<TcpStream>,
    /// Read before hyper took over.
    first: BytesMut,
    /// HTTP/1 only.
    heads: Option<Heads>,
}

struct Heads {
    phase: Arc<Phase>,
    guard: Guard,
    /// The worker's clock as of its last tick: exact enough for a time-out of seconds, and free.
    tick: Arc<AtomicU64>,
}

impl Io {
    /// HTTP/1: heads are looked at.
    pub fn http1(
        stream: TcpStream,
        first: BytesMut,
        phase: Arc<Phase>,
        tick: Arc<AtomicU64>,
    ) -> Self {
        let heads = Some(Heads {
            phase,
            guard: Guard::default(),
            tick,
        });
        Self {
            stream: TokioIo::new(stream),
            first,
            heads,
        }
    }

    /// HTTP/2: its framing leaves no doubt.
    pub fn http2(stream: TcpStream, first: BytesMut) -> Self {
        Self {
            stream: TokioIo::new(stream),
            first,
            heads: None,
        }
    }

    fn read_first(&mut self, cursor: &mut ReadBufCursor<'_>) {
        let len = self.first.len().min(cursor.remaining());
        if let Some(heads) = &mut self.heads {
            heads.look(&self.first[..len]);
        }
        cursor.put_slice(&self.first[..len]);
        self.first.advance(len);
        if self.first.is_empty() {
            self.first = BytesMut::new();
        }
    }
}

impl Heads {
    fn awaited(&self) -> bool {
        self.phase.in_flight.load(Relaxed) == 0
    }

    fn look(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.phase.head_since.load(Relaxed) == 0 {
            self.phase
                .head_since
                .store(self.tick.load(Relaxed).max(1), Relaxed);
            self.guard = Guard::default();
        }
        self.phase
            .framing
            .store(self.guard.feed(bytes) as u8, Relaxed);
    }
}

/// What hyper itself answers to what is no request gets what every answer of ours has.
const OURS: &[u8] =
    b"server: outrigger\r\nproxy-status: outrigger; error=http_request_error\r\n\r\n";

impl Io {
    /// Looks whether the client has closed, if asked to. hyper would look by itself, but it makes room for 8 KiB before it
    /// does, with every request: a fortieth of what a request costs, for what a look now and then finds as well.
    fn client_has_left(&self) -> bool {
        let asked = self.heads.as_ref().is_some_and(|heads| {
            heads.phase.probe.load(Relaxed) && heads.phase.probe.swap(false, Relaxed)
        });
        asked
            && matches!(
                SockRef::from(self.stream.inner()).peek(&mut [MaybeUninit::uninit()]),
                Ok(0)
            )
    }

    /// hyper's own refusal, if this is one: a head has begun, no request came of it, and an error is written.
    fn refusal(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let heads = self.heads.as_ref()?;
        let unanswerable = heads.awaited() && heads.phase.head_since.load(Relaxed) != 0;
        let head = bytes
            .strip_suffix(b"\r\n")
            .filter(|_| unanswerable && bytes.starts_with(b"HTTP/1.1 4"))?;
        Some([head, OURS].concat())
    }
}

impl Read for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.first.is_empty() {
            this.read_first(&mut cursor);
            return Poll::Ready(Ok(()));
        }
        let stream = Pin::new(&mut this.stream);
        match &mut this.heads {
            Some(heads) if heads.awaited() => HEAD.with_borrow_mut(|head| {
                let len = head.len().min(cursor.remaining());
                let mut buffer = ReadBuf::new(&mut head[..len]);
                ready!(stream.poll_read(cx, buffer.unfilled()))?;
                heads.look(buffer.filled());
                cursor.put_slice(buffer.filled());
                Poll::Ready(Ok(()))
            }),
            _ => stream.poll_read(cx, cursor),
        }
    }
}

impl Write for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(refusal) = this.refusal(bytes) {
            // The last words on a connection: what does not fit into an empty socket buffer is lost.
            ready!(Pin::new(&mut this.stream).poll_write(cx, &refusal))?;
            return Poll::Ready(Ok(bytes.len()));
        }
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.client_has_left() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut this.stream).poll_flush(cx)
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
        if let [only] = slices {
            return self.poll_write(cx, only);
        }
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }
}

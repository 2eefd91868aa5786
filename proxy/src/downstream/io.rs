//! The byte stream under a downstream connection: what was read to detect the protocol, then the socket; and, for
//! HTTP/1, a look at the heads on their way to hyper.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
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

#[cfg(doc)]
use super::framing::Framing;
use super::framing::Guard;
use crate::stream::Stream;

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
    /// Since when the client takes no bytes that wait to be sent, in microseconds; 0: none wait.
    pub stuck_since: AtomicU64,
    /// Asks for a look at whether the client is still there.
    pub probe: AtomicBool,
    /// What the head that was last read says of its framing: a [`Framing`].
    pub framing: AtomicU8,
}

/// A downstream connection's bytes.
pub struct Io {
    stream: TokioIo<Stream>,
    /// Read before hyper took over.
    first: BytesMut,
    seen: Seen,
}

/// What is seen of them in passing.
struct Seen {
    phase: Arc<Phase>,
    /// The worker's clock as of its last tick: exact enough for a time-out of seconds, and free.
    tick: Arc<AtomicU64>,
    /// Of heads; HTTP/1 only.
    guard: Option<Guard>,
}

impl Io {
    /// HTTP/1: heads are looked at.
    pub fn http1(stream: Stream, first: BytesMut, phase: Arc<Phase>, tick: Arc<AtomicU64>) -> Self {
        Self::new(stream, first, phase, tick, Some(Guard::default()))
    }

    /// HTTP/2: its framing leaves no doubt.
    pub fn http2(stream: Stream, first: BytesMut, phase: Arc<Phase>, tick: Arc<AtomicU64>) -> Self {
        Self::new(stream, first, phase, tick, None)
    }

    fn new(
        stream: Stream,
        first: BytesMut,
        phase: Arc<Phase>,
        tick: Arc<AtomicU64>,
        guard: Option<Guard>,
    ) -> Self {
        Self {
            stream: TokioIo::new(stream),
            first,
            seen: Seen { phase, tick, guard },
        }
    }

    fn read_first(&mut self, cursor: &mut ReadBufCursor<'_>) {
        let len = self.first.len().min(cursor.remaining());
        self.seen.look(&self.first[..len]);
        cursor.put_slice(&self.first[..len]);
        self.first.advance(len);
        if self.first.is_empty() {
            self.first = BytesMut::new();
        }
    }
}

impl Seen {
    /// Whether what comes next is a head that is to be looked at.
    fn awaits_head(&self) -> bool {
        self.guard.is_some() && self.phase.in_flight.load(Relaxed) == 0
    }

    fn look(&mut self, bytes: &[u8]) {
        let Some(guard) = &mut self.guard else {
            return;
        };
        if bytes.is_empty() {
            return;
        }
        if self.phase.head_since.load(Relaxed) == 0 {
            self.phase
                .head_since
                .store(self.tick.load(Relaxed).max(1), Relaxed);
            *guard = Guard::default();
        }
        self.phase.framing.store(guard.feed(bytes) as u8, Relaxed);
    }

    /// Keeps in mind since when the client takes nothing.
    fn wrote<T>(&self, written: Poll<T>) -> Poll<T> {
        let stuck = &self.phase.stuck_since;
        match (written.is_pending(), stuck.load(Relaxed)) {
            (true, 0) => stuck.store(self.tick.load(Relaxed).max(1), Relaxed),
            (true, _) | (false, 0) => {}
            (false, _) => stuck.store(0, Relaxed),
        }
        written
    }
}

/// What hyper itself answers to what is no request gets what every answer of ours has.
const OURS: &[u8] =
    b"server: outrigger\r\nproxy-status: outrigger; error=http_request_error\r\n\r\n";

impl Io {
    /// Looks whether the client has closed, if asked to. hyper would look by itself, but it makes room for 8 KiB before it
    /// does, with every request: a fortieth of what a request costs, for what a look now and then finds as well.
    fn client_has_left(&mut self) -> bool {
        let Seen { phase, guard, .. } = &self.seen;
        let asked =
            guard.is_some() && phase.probe.load(Relaxed) && phase.probe.swap(false, Relaxed);
        asked && self.stream.inner_mut().has_ended()
    }

    /// hyper's own refusal, if this is one: a head has begun, no request came of it, and an error is written.
    fn refusal(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let seen = &self.seen;
        let unanswerable = seen.awaits_head() && seen.phase.head_since.load(Relaxed) != 0;
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
        if !this.seen.awaits_head() {
            return stream.poll_read(cx, cursor);
        }
        HEAD.with_borrow_mut(|head| {
            let len = head.len().min(cursor.remaining());
            let mut buffer = ReadBuf::new(&mut head[..len]);
            ready!(stream.poll_read(cx, buffer.unfilled()))?;
            this.seen.look(buffer.filled());
            cursor.put_slice(buffer.filled());
            Poll::Ready(Ok(()))
        })
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
        this.seen
            .wrote(Pin::new(&mut this.stream).poll_write(cx, bytes))
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
        let this = self.get_mut();
        this.seen
            .wrote(Pin::new(&mut this.stream).poll_write_vectored(cx, slices))
    }
}

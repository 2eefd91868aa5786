//! Bytes both ways until both sides have ended.
//!
//! One buffer a worker: what is read goes out at once, and only what the other side does not take is kept, so that a
//! connection at rest holds no memory for it. What comes in bulk between two sockets without TLS is not copied (`splice.rs`).
//! A side's end is passed on when all before it has gone out, and the other way goes on (half-close). One that breaks ends the
//! way to it; what it had sent before still arrives.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::{
    Flow,
    splice::{Failed, Pipe},
};
use crate::{stream::Stream, turn::Turn};

/// What is read at once: what was copied in is still in the first cache when it is copied out. 64 KiB take a quarter of the
/// system calls and a fifth more of the time.
const CHUNK: usize = 16 * 1024;

thread_local! {
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK].into_boxed_slice());
}

/// The side that broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// The caller's.
    Downstream,
    /// The endpoint's.
    Upstream,
}

/// Carries bytes between a caller and an endpoint, each with what has been read of it.
pub(super) async fn carry(
    (downstream, first): (&mut Stream, Bytes),
    (upstream, greeting): (&mut Stream, Bytes),
    flow: &Flow,
) -> Result<(), Broken> {
    let mut inward = Way::with(first);
    let mut outward = Way::with(greeting);
    let mut inward_first = false;
    let (mut there, mut back) = (Poll::Pending, Poll::Pending);
    poll_fn(|cx| {
        let refused = |way: Poll<End>| way == Poll::Ready(End::Unwritable);
        let received = |bytes| flow.received(bytes);
        let sent = |bytes| flow.sent(bytes);
        // By turns: the one that is first may use up the time that a task has.
        inward_first = !inward_first;
        if inward_first {
            there = inward.poll(cx, downstream, upstream, refused(back), received);
            back = outward.poll(cx, upstream, downstream, refused(there), sent);
        } else {
            back = outward.poll(cx, upstream, downstream, refused(there), sent);
            there = inward.poll(cx, downstream, upstream, refused(back), received);
        }
        match (there, back) {
            // Nothing can come of the other way any more.
            (Poll::Ready(End::Unreadable), _) => Poll::Ready(Err(Broken::Downstream)),
            (_, Poll::Ready(End::Unreadable)) => Poll::Ready(Err(Broken::Upstream)),
            (Poll::Ready(there), Poll::Ready(back)) => Poll::Ready(match (there, back) {
                (End::Unwritable, _) => Err(Broken::Upstream),
                (_, End::Unwritable) => Err(Broken::Downstream),
                _ => Ok(()),
            }),
            _ => Poll::Pending,
        }
    })
    .await
}

/// One of the two ways.
struct Way {
    /// Read, and not taken by the other side yet.
    held: Bytes,
    /// Something was written since the last flush.
    unflushed: bool,
    /// Where bytes are that are not copied, as long as they come in bulk.
    pipe: Option<Pipe>,
    turn: Turn,
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Open,
    /// The reading side has ended.
    Ending,
    Over(End),
}

/// How a way ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The end was passed on.
    Orderly,
    /// What is read broke.
    Unreadable,
    /// What is written to broke.
    Unwritable,
}

impl Way {
    fn with(held: Bytes) -> Self {
        Self {
            held,
            unflushed: false,
            pipe: None,
            turn: Turn::default(),
            stage: Stage::Open,
        }
    }

    /// `broken`: who is read has refused to be written to. Its end is none to pass on then: of a connection that was reset
    /// whoever meets the reset first is told so, and the other sees an end.
    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        broken: bool,
        passed: impl Fn(usize),
    ) -> Poll<End> {
        if let Stage::Over(end) = self.stage {
            return Poll::Ready(end);
        }
        let end = match ready!(self.advance(cx, from, to, broken, passed)) {
            Ok(()) => End::Orderly,
            Err(end) => end,
        };
        self.stage = Stage::Over(end);
        (self.held, self.pipe) = (Bytes::new(), None);
        Poll::Ready(end)
    }

    fn advance(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        broken: bool,
        passed: impl Fn(usize),
    ) -> Poll<Result<(), End>> {
        loop {
            while !self.held.is_empty() {
                let written = ready!(write(cx, to, &self.held))?;
                self.held.advance(written);
                self.unflushed = true;
                passed(written);
            }
            if let (Stream::Tcp(from), Stream::Tcp(to)) = (&*from, &*to) {
                ready!(self.splice(cx, from, to, &passed))?;
            }
            if let Stage::Ending = self.stage {
                if broken {
                    return Poll::Ready(Err(End::Unreadable));
                }
                let ended = ready!(Pin::new(&mut *to).poll_shutdown(cx));
                return Poll::Ready(ended.map_err(|_| End::Unwritable));
            }
            let taken = self.take(cx, from, to, &passed);
            if taken.is_pending() && self.unflushed {
                self.unflushed = Pin::new(&mut *to).poll_flush(cx).is_pending();
            }
            ready!(taken)?;
        }
    }

    /// Reads and passes on, once it is its turn.
    fn take(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        passed: &impl Fn(usize),
    ) -> Poll<Result<(), End>> {
        ready!(self.turn.poll(cx));
        BUFFER.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let read = ready!(Pin::new(&mut *from).poll_read(cx, &mut buffer));
            read.map_err(|_| End::Unreadable)?;
            self.turn.took(buffer.filled().len());
            if buffer.remaining() == 0 && is_bare(from) && is_bare(to) {
                self.pipe = Pipe::take();
            }
            Poll::Ready(self.pass(cx, to, buffer.filled(), passed))
        })
    }

    /// Passes on by the pipe, if there is one, as long as more comes.
    fn splice(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        passed: &impl Fn(usize),
    ) -> Poll<Result<(), End>> {
        let Some(pipe) = &mut self.pipe else {
            return Poll::Ready(Ok(()));
        };
        let moved = loop {
            ready!(self.turn.poll(cx));
            let moved = pipe.poll(cx, from, to, passed);
            match moved {
                Poll::Ready(Ok(read @ 1..)) => self.turn.took(read),
                _ => break moved,
            }
        };
        if let Some(pipe) = self.pipe.take_if(|pipe| pipe.is_empty()) {
            pipe.give();
        }
        Poll::Ready(match ready!(moved) {
            Ok(_) => {
                self.stage = Stage::Ending;
                Ok(())
            }
            Err(Failed::Reading) => Err(End::Unreadable),
            Err(Failed::Writing) => Err(End::Unwritable),
        })
    }

    /// Passes `bytes` on, which were just read; keeps what is not taken at once. None: the end.
    fn pass(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut Stream,
        mut bytes: &[u8],
        passed: &impl Fn(usize),
    ) -> Result<(), End> {
        if bytes.is_empty() {
            self.stage = Stage::Ending;
        }
        while !bytes.is_empty() {
            let Poll::Ready(written) = write(cx, to, bytes) else {
                self.held = Bytes::copy_from_slice(bytes);
                break;
            };
            let written = written?;
            self.unflushed = true;
            passed(written);
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

fn is_bare(stream: &Stream) -> bool {
    matches!(stream, Stream::Tcp(_))
}

fn write(cx: &mut Context<'_>, to: &mut Stream, bytes: &[u8]) -> Poll<Result<usize, End>> {
    let written: Poll<io::Result<usize>> = Pin::new(to).poll_write(cx, bytes);
    written.map(|written| match written {
        Ok(written @ 1..) => Ok(written),
        Ok(0) | Err(_) => Err(End::Unwritable),
    })
}

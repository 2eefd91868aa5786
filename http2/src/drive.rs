//! A connection's bytes: read into its state, and written out of it.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use crate::{
    error::{Error, Reason},
    handle::Shared,
};

/// Room for what is read at once.
const ROOM: usize = 16 * 1024;

/// Below this more room is made before the next reading.
const LEAST: usize = 4 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Drive<T> {
    io: T,
    input: BytesMut,
    pub(crate) state: Shared,
    /// Everything has been said; what is left is to close.
    said: bool,
    flushed: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Drive<T> {
    pub(crate) fn new(io: T, state: Shared) -> Self {
        Self {
            io,
            input: BytesMut::new(),
            state,
            said: false,
            flushed: true,
        }
    }

    /// Reads what there is, and writes what there is to say; ready when the connection has ended. To be polled whenever that may
    /// be more.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        // Until this is over there is no need to be woken.
        self.state.borrow_mut().driver = None;
        let polled = self.poll_all(cx);
        if polled.is_pending() {
            self.state.borrow_mut().driver = Some(cx.waker().clone());
        }
        polled
    }

    fn poll_all(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        loop {
            let all = self.read_frames();
            if let Poll::Ready(Err(error)) = self.poll_write(cx) {
                return self.broken(error.kind());
            }
            if self.state.borrow().is_done() {
                return self.poll_close(cx);
            }
            // Who does not read what is answered is not read.
            if self.state.borrow().output.is_clogged() {
                return Poll::Pending;
            }
            if all {
                match ready!(self.poll_read(cx)) {
                    // What reads for us counts, too.
                    Err(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
                        let mut state = self.state.borrow_mut();
                        state.give_up(Reason::ENHANCE_YOUR_CALM);
                    }
                    Ok(0) => return self.broken(io::ErrorKind::UnexpectedEof),
                    Ok(_) => {}
                    Err(error) => return self.broken(error.kind()),
                }
            }
        }
    }

    /// Takes in the frames that have been read, unless too much is to be written; whether that was all.
    fn read_frames(&mut self) -> bool {
        let mut state = self.state.borrow_mut();
        while state.error.is_none() {
            if state.output.is_clogged() {
                return false;
            }
            match state.receive(&mut self.input) {
                Ok(true) => {}
                Ok(false) => break,
                Err(reason) => state.give_up(reason),
            }
        }
        true
    }

    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut state = self.state.borrow_mut();
        if state.output.len() > 0 {
            self.flushed = false;
            let written = state.output.poll_write(Pin::new(&mut self.io), cx)?;
            // There is room for those who wait for it.
            state.next_turn();
            ready!(written);
        }
        drop(state);
        if !self.flushed {
            ready!(Pin::new(&mut self.io).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.input.capacity() - self.input.len() < LEAST {
            self.input.reserve(ROOM);
        }
        let read = poll_read_buf(Pin::new(&mut self.io), cx, &mut self.input);
        let mut state = self.state.borrow_mut();
        if read.is_pending() && self.input.is_empty() && state.is_idle() {
            // Nobody is asking for anything.
            self.input = BytesMut::new();
            state.rest();
        }
        read
    }

    /// Says goodbye, and closes.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if !self.said {
            self.said = true;
            self.state.borrow_mut().say_goodbye();
        }
        if ready!(self.poll_write(cx)).is_ok() {
            // Whoever closed first has no need of it.
            let _ = ready!(Pin::new(&mut self.io).poll_shutdown(cx));
        }
        let error = self.state.borrow().error;
        Poll::Ready(error.map_or(Ok(()), Err))
    }

    fn broken(&mut self, kind: io::ErrorKind) -> Poll<Result<(), Error>> {
        let mut state = self.state.borrow_mut();
        state.fail(Error::Io(kind));
        match state.error {
            // Everybody may leave; its streams have been told.
            Some(Error::Io(io::ErrorKind::UnexpectedEof)) | None => Poll::Ready(Ok(())),
            Some(error) => Poll::Ready(Err(error)),
        }
    }
}

impl<T> Drop for Drive<T> {
    fn drop(&mut self) {
        self.state
            .borrow_mut()
            .fail(Error::Io(io::ErrorKind::ConnectionAborted));
    }
}

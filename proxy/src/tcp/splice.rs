//! Bytes from socket to socket by way of a pipe: they stay in the kernel, which moves pages and copies nothing (splice(2)).
//!
//! Worth it for what comes faster than it is passed on: a pipe costs two system calls more for the first bytes. A worker
//! keeps a few, and has no more than some dozens; a connection at rest holds none.

use std::{
    cell::{Cell, RefCell},
    io,
    os::fd::OwnedFd,
    task::{Context, Poll, ready},
};

use rustix::{
    io::Errno,
    pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice},
};
use tokio::{io::Interest, net::TcpStream};

/// What a pipe is to hold, if the kernel lets it: a fifth of the system calls of the usual 64 KiB.
const ROOM: usize = 256 * 1024;

/// What is asked for at once: more than a pipe holds.
const MOST: usize = 1024 * 1024;

/// How many a worker has: each takes two descriptors, which connections want, too. Whoever gets none copies.
const ALL: usize = 64;

/// How many of them it keeps when nobody uses them.
const KEPT: usize = 16;

thread_local! {
    static OPEN: Cell<usize> = const { Cell::new(0) };
    static SPARE: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// A pipe, and how many bytes are in it.
#[derive(Debug)]
pub(super) struct Pipe {
    out: OwnedFd,
    into: OwnedFd,
    inside: usize,
}

/// Which side of it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    Reading,
    Writing,
}

impl Pipe {
    /// An empty one; `None`: there can be no more.
    pub fn take() -> Option<Self> {
        let spare = SPARE.with_borrow_mut(Vec::pop);
        spare.or_else(|| {
            if OPEN.get() == ALL {
                return None;
            }
            let (out, into) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).ok()?;
            let _ = fcntl_setpipe_size(&into, ROOM);
            OPEN.set(OPEN.get() + 1);
            Some(Self {
                out,
                into,
                inside: 0,
            })
        })
    }

    /// Gives it back; one that is not empty goes.
    pub fn give(self) {
        SPARE.with_borrow_mut(|spare| {
            if self.inside == 0 && spare.len() < KEPT {
                spare.push(self);
            }
        });
    }

    /// Nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.inside == 0
    }

    /// Passes on what is in it, tells how much each time, and then takes what there is to read: how many bytes, 0 at the end.
    pub fn poll(
        &mut self,
        cx: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        passed: impl Fn(usize),
    ) -> Poll<Result<usize, Failed>> {
        while self.inside > 0 {
            let written = ready!(self.poll_write(cx, to)).map_err(|_| Failed::Writing)?;
            self.inside -= written;
            passed(written);
        }
        let read = ready!(self.poll_read(cx, from)).map_err(|_| Failed::Reading)?;
        self.inside = read;
        Poll::Ready(Ok(read))
    }

    fn poll_read(&self, cx: &mut Context<'_>, from: &TcpStream) -> Poll<io::Result<usize>> {
        loop {
            ready!(from.poll_read_ready(cx))?;
            let read = from.try_io(Interest::READABLE, || moved(from, &self.into, MOST));
            if !would_block(&read) {
                return Poll::Ready(read);
            }
        }
    }

    fn poll_write(&self, cx: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
        loop {
            ready!(to.poll_write_ready(cx))?;
            let written = to.try_io(Interest::WRITABLE, || moved(&self.out, to, self.inside));
            if !would_block(&written) {
                return Poll::Ready(written);
            }
        }
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        OPEN.set(OPEN.get() - 1);
    }
}

fn would_block(moved: &io::Result<usize>) -> bool {
    matches!(moved, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn moved(
    from: impl std::os::fd::AsFd,
    to: impl std::os::fd::AsFd,
    most: usize,
) -> io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    loop {
        match splice(&from, None, &to, None, most, flags) {
            Err(Errno::INTR) => {}
            moved => return Ok(moved?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_has_so_many_pipes_and_no_more() {
        let mut pipes: Vec<_> = std::iter::from_fn(Pipe::take).collect();
        assert_eq!(pipes.len(), ALL);
        pipes.pop().into_iter().for_each(Pipe::give);
        pipes.extend(Pipe::take());
        assert_eq!(pipes.len(), ALL);
        assert!(Pipe::take().is_none());
        drop(pipes);
        assert!(Pipe::take().is_some());
    }
}

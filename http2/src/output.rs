//! What is to be written, in the order in which it is.

use std::{
    collections::VecDeque,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

/// When so much waits, more data has to wait where it is.
const FULL: usize = 64 * 1024;

/// When so much waits of what is answered by itself, it is more than any honest side leaves unread. What is sent for others does
/// not count: of two sides that read no more until they have written that, neither would.
const CLOGGED: usize = 64 * 1024;

/// As much as any answer has.
const ANSWER: usize = 17;

/// What is shorter than this is copied: a system call's slice costs as much.
const SHORT: usize = 1024;

/// Slices of one system call.
const SLICES: usize = 32;

/// What a connection at rest keeps.
const KEPT: usize = 1024;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// What comes first.
    parts: VecDeque<Bytes>,
    /// What comes last, and more may be appended to.
    tail: BytesMut,
    /// Bytes in `parts`.
    queued: usize,
    /// Bytes of answers, at most.
    owed: usize,
}

impl Output {
    /// Where frames are appended.
    pub(crate) fn tail(&mut self) -> &mut BytesMut {
        &mut self.tail
    }

    /// Where a frame is appended that the other side has caused.
    pub(crate) fn answer(&mut self) -> &mut BytesMut {
        self.owed += ANSWER;
        &mut self.tail
    }

    /// Appends a payload.
    pub(crate) fn push(&mut self, payload: Bytes) {
        if payload.len() < SHORT {
            return self.tail.extend_from_slice(&payload);
        }
        let before = self.tail.split().freeze();
        for part in [before, payload] {
            if !part.is_empty() {
                self.queued += part.len();
                self.parts.push_back(part);
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.queued + self.tail.len()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len() >= FULL
    }

    pub(crate) fn is_clogged(&self) -> bool {
        self.owed >= CLOGGED
    }

    /// Writes all of it; ready when that is done.
    pub(crate) fn poll_write(
        &mut self,
        mut io: Pin<&mut (impl AsyncWrite + ?Sized)>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while self.len() > 0 {
            let written = match self.parts.front() {
                None => ready!(io.as_mut().poll_write(cx, &self.tail))?,
                Some(_) if io.is_write_vectored() => {
                    let mut slices = [IoSlice::new(&[]); SLICES];
                    let parts = self.parts.iter().map(|part| &part[..]);
                    let filled = slices.iter_mut().zip(parts.chain([&self.tail[..]]));
                    let count = filled
                        .map(|(slice, part)| *slice = IoSlice::new(part))
                        .count();
                    ready!(io.as_mut().poll_write_vectored(cx, &slices[..count]))?
                }
                Some(part) => ready!(io.as_mut().poll_write(cx, part))?,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.owed = self.owed.saturating_sub(written);
        while let Some(part) = self.parts.front_mut() {
            let taken = written.min(part.len());
            part.advance(taken);
            self.queued -= taken;
            written -= taken;
            if !part.is_empty() {
                return;
            }
            self.parts.pop_front();
        }
        match written == self.tail.len() {
            // Where it begins again it has all of its room.
            true => self.tail.clear(),
            false => self.tail.advance(written),
        }
    }

    /// Gives back what a connection at rest does not need.
    pub(crate) fn rest(&mut self) {
        if self.len() == 0 && self.tail.capacity() > KEPT {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// Takes a few bytes at a time.
    struct Sink(Vec<u8>, bool);

    impl AsyncWrite for Sink {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            let taken = bytes.len().min(700);
            self.0.extend_from_slice(&bytes[..taken]);
            Poll::Ready(Ok(taken))
        }

        fn poll_write_vectored(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            slices: &[IoSlice<'_>],
        ) -> Poll<io::Result<usize>> {
            let before = self.0.len();
            for slice in slices {
                let room = 3_000 - (self.0.len() - before);
                self.0.extend_from_slice(&slice[..slice.len().min(room)]);
            }
            Poll::Ready(Ok(self.0.len() - before))
        }

        fn is_write_vectored(&self) -> bool {
            self.1
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn everything_is_written_in_its_order_however_little_is_taken() {
        for vectored in [false, true] {
            let (mut output, mut expected) = (Output::default(), Vec::new());
            let mut sink = Sink(Vec::new(), vectored);
            for round in 0..100_usize {
                let part = vec![round as u8; (round * 97) % 5_000];
                expected.extend_from_slice(&part);
                match round % 3 {
                    0 => output.tail().extend_from_slice(&part),
                    _ => output.push(part.into()),
                }
                if round % 7 == 0 {
                    let written = output
                        .poll_write(Pin::new(&mut sink), &mut Context::from_waker(Waker::noop()));
                    assert!(written.is_ready());
                    assert_eq!(output.len(), 0);
                }
            }
            let _ = output.poll_write(Pin::new(&mut sink), &mut Context::from_waker(Waker::noop()));
            assert_eq!(sink.0, expected);
            output.rest();
            assert!(output.tail.capacity() <= KEPT);
        }
    }
}

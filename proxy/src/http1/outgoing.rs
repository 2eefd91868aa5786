//! What waits to be written: heads and what is small in one piece, a large part of a body as it came.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

/// Copying so much costs less than one more slice of a system call.
const SMALL: usize = 2 * 1024;

/// Bytes in the order in which they are written: `front`, `data`, `back`.
#[derive(Debug, Default)]
pub struct Outgoing {
    front: BytesMut,
    data: Bytes,
    back: &'static [u8],
    /// How many bytes have been written.
    written: u64,
}

impl From<BytesMut> for Outgoing {
    fn from(front: BytesMut) -> Self {
        Self {
            front,
            ..Self::default()
        }
    }
}

impl Outgoing {
    /// Where small things are appended. Only while there is no [`data`](Self::data): see [`is_open`](Self::is_open).
    pub fn front(&mut self) -> &mut BytesMut {
        &mut self.front
    }

    /// Whether more can be added: it stands behind all that is here.
    pub fn is_open(&self) -> bool {
        self.data.is_empty() && self.back.is_empty()
    }

    /// Adds a part of a body, and what stands behind it.
    pub fn data(&mut self, data: Bytes, back: &'static [u8]) {
        if data.len() <= SMALL {
            self.front.extend_from_slice(&data);
            self.front.extend_from_slice(back);
        } else {
            (self.data, self.back) = (data, back);
        }
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.front.is_empty() && self.is_open()
    }

    /// How many bytes have been written.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes all of it.
    pub fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let stream = Pin::new(&mut *stream);
            let written = if self.is_open() {
                ready!(stream.poll_write(cx, &self.front))?
            } else {
                let slices = [&self.front, &self.data[..], self.back].map(IoSlice::new);
                let from = usize::from(self.front.is_empty());
                ready!(stream.poll_write_vectored(cx, &slices[from..]))?
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.written += written as u64;
        let front = written.min(self.front.len());
        self.front.advance(front);
        written -= front;
        let data = written.min(self.data.len());
        self.data.advance(data);
        if self.data.is_empty() {
            // It would hold the whole buffer that it was read into.
            self.data = Bytes::new();
        }
        written -= data;
        self.back = self.back.get(written..).unwrap_or_default();
    }
}

#[cfg(test)]
impl Outgoing {
    /// Moves all of it behind `wire`.
    pub fn take_all(&mut self, wire: &mut BytesMut) {
        wire.extend_from_slice(&std::mem::take(&mut self.front));
        wire.extend_from_slice(&std::mem::take(&mut self.data));
        wire.extend_from_slice(std::mem::take(&mut self.back));
    }
}

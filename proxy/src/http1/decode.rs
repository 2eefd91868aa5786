//! A body, read.

use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use super::{
    Broken, Framing, Malformed,
    buffer::{LARGE, SIZE, poll_fill},
    chunked::Chunked,
};
use crate::{stream::Stream, turn::Turn};

/// Takes a body out of the bytes that come.
#[derive(Debug)]
pub struct Decoder {
    body: Body,
    /// A read has filled all the room that there was: it comes fast.
    fast: bool,
    turn: Turn,
}

#[derive(Debug)]
enum Body {
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks are.
    Chunked(Chunked),
    /// All that comes is of it.
    Close,
}

impl Decoder {
    /// For a body of this framing.
    pub fn new(framing: Framing) -> Self {
        let body = match framing {
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked(Chunked::default()),
            Framing::Close => Body::Close,
        };
        Self {
            body,
            fast: false,
            turn: Turn::default(),
        }
    }

    /// The next frame of what is in `buffer`; `None`: more is needed, or it is done.
    ///
    /// # Errors
    /// When it is not framed as it should be.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Malformed> {
        match &mut self.body {
            Body::Chunked(chunked) => chunked.decode(buffer),
            Body::Length(0) => Ok(None),
            _ if buffer.is_empty() => Ok(None),
            Body::Length(left) => {
                let here =
                    usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                *left -= here as u64;
                Ok(Some(Frame::data(buffer.split_to(here).freeze())))
            }
            Body::Close => Ok(Some(Frame::data(buffer.split().freeze()))),
        }
    }

    /// The next frame, for which `stream` is read behind `buffer` if need be.
    pub fn poll_frame(
        &mut self,
        stream: &mut Stream,
        buffer: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        loop {
            self.fast |= !buffer.is_empty() && buffer.len() == buffer.capacity();
            match self.decode(buffer) {
                Ok(Some(frame)) => return Poll::Ready(Some(Ok(frame))),
                Ok(None) if self.is_done() => return Poll::Ready(None),
                Ok(None) => {}
                Err(malformed) => return Poll::Ready(Some(Err(malformed.into()))),
            }
            ready!(self.turn.poll(cx));
            let Poll::Ready(filled) = poll_fill(stream, buffer, self.room(), cx) else {
                self.turn.rested();
                return Poll::Pending;
            };
            match filled {
                Ok(0) if matches!(self.body, Body::Close) => return Poll::Ready(None),
                Ok(0) => return Poll::Ready(Some(Err(Broken::Ended))),
                Ok(read) => self.turn.took(read),
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    /// How much is read at once.
    fn room(&self) -> usize {
        match &self.body {
            _ if !self.fast => SIZE,
            Body::Length(left) => {
                usize::try_from(*left).map_or(LARGE, |left| left.clamp(SIZE, LARGE))
            }
            Body::Chunked(_) | Body::Close => LARGE,
        }
    }

    /// The body has been read to its end, as far as its own bytes say.
    pub fn is_done(&self) -> bool {
        match &self.body {
            Body::Length(left) => *left == 0,
            Body::Chunked(chunked) => chunked.is_done(),
            Body::Close => false,
        }
    }

    /// How much is still to come.
    pub fn size_hint(&self) -> SizeHint {
        match &self.body {
            Body::Length(left) => SizeHint::with_exact(*left),
            Body::Chunked(_) | Body::Close => SizeHint::default(),
        }
    }
}

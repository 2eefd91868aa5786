//! A body, read.

use bytes::{Bytes, BytesMut};
use http_body::{Frame, SizeHint};

use super::{Framing, Malformed, chunked::Chunked};

/// Takes a body out of the bytes that come.
#[derive(Debug)]
pub enum Decoder {
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
        match framing {
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunked::default()),
            Framing::Close => Self::Close,
        }
    }

    /// The next frame of what is in `buffer`; `None`: more is needed, or it is done.
    ///
    /// # Errors
    /// When it is not framed as it should be.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Malformed> {
        match self {
            Self::Chunked(chunked) => chunked.decode(buffer),
            Self::Length(0) => Ok(None),
            _ if buffer.is_empty() => Ok(None),
            Self::Length(left) => {
                let here =
                    usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
                *left -= here as u64;
                Ok(Some(Frame::data(buffer.split_to(here).freeze())))
            }
            Self::Close => Ok(Some(Frame::data(buffer.split().freeze()))),
        }
    }

    /// The body has been read to its end, as far as its own bytes say.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunked) => chunked.is_done(),
            Self::Close => false,
        }
    }

    /// Whether the end of the connection is its end.
    pub fn ends_with_connection(&self) -> bool {
        matches!(self, Self::Close)
    }

    /// How much is still to come.
    pub fn size_hint(&self) -> SizeHint {
        match self {
            Self::Length(left) => SizeHint::with_exact(*left),
            Self::Chunked(_) | Self::Close => SizeHint::default(),
        }
    }
}

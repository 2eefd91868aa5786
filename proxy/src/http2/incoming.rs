//! A body, read.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use outrigger_http2::{Error, Receiving};

/// A body on its way in. What is read makes room for more at once: who reads slowly is sent slowly.
#[derive(Debug)]
pub struct Incoming {
    stream: Receiving,
    awaits: Awaits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Data,
    Trailers,
    Nothing,
}

impl From<Receiving> for Incoming {
    fn from(stream: Receiving) -> Self {
        Self {
            stream,
            awaits: Awaits::Data,
        }
    }
}

impl Incoming {
    /// The next frame. A stream that is reset before its end, for whatever reason, is an error: what came of it must not
    /// be taken for all of it.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.awaits == Awaits::Data {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    self.stream.release(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => {
                    self.awaits = Awaits::Nothing;
                    return Poll::Ready(Some(Err(error)));
                }
                None => self.awaits = Awaits::Trailers,
            }
        }
        if self.awaits == Awaits::Nothing {
            return Poll::Ready(None);
        }
        let trailers = ready!(self.stream.poll_trailers(cx));
        self.awaits = Awaits::Nothing;
        Poll::Ready(
            trailers
                .transpose()
                .map(|trailers| trailers.map(Frame::trailers)),
        )
    }

    /// It has come to its end.
    pub fn is_end_stream(&self) -> bool {
        self.awaits == Awaits::Nothing || self.stream.is_end_stream()
    }

    /// How much is still to come.
    pub fn size_hint(&self) -> SizeHint {
        match self.awaits {
            Awaits::Data => self.stream.left(),
            Awaits::Trailers | Awaits::Nothing => Some(0),
        }
        .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

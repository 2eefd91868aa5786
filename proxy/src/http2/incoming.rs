//! A body, read.

use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::{HeaderMap, header};
use http_body::{Frame, SizeHint};

use super::has_foreign_name;

/// A body on its way in. What is read makes room for more at once: who reads slowly is sent slowly.
#[derive(Debug)]
pub struct Incoming {
    stream: RecvStream,
    /// How much is still to come, if its head says so; h2 sees to it that it is true.
    left: Option<u64>,
    awaits: Awaits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaits {
    Data,
    Trailers,
    Nothing,
}

impl Incoming {
    /// The body of the message with these headers.
    pub fn new(stream: RecvStream, headers: &HeaderMap) -> Self {
        let length = headers.get(header::CONTENT_LENGTH);
        let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Self {
            stream,
            left,
            awaits: Awaits::Data,
        }
    }

    /// The next frame. A stream that is reset before its end, for whatever reason, is an error: what came of it must not
    /// be taken for all of it.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.awaits == Awaits::Data {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // That the stream is gone shows soon enough.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
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
        Poll::Ready(match trailers {
            Ok(Some(trailers)) if has_foreign_name(&trailers) => {
                Some(Err(Reason::PROTOCOL_ERROR.into()))
            }
            trailers => trailers
                .transpose()
                .map(|trailers| trailers.map(Frame::trailers)),
        })
    }

    /// It has come to its end.
    pub fn is_end_stream(&self) -> bool {
        self.awaits == Awaits::Nothing || self.stream.is_end_stream()
    }

    /// How much is still to come.
    pub fn size_hint(&self) -> SizeHint {
        match self.left {
            _ if self.is_end_stream() => SizeHint::with_exact(0),
            Some(left) => SizeHint::with_exact(left),
            None => SizeHint::default(),
        }
    }
}

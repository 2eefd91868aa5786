//! A message on its way out.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use http_body::Body as _;
use tokio::io::AsyncWrite;

use super::{Encoder, Framing, Outgoing, encode::WrongLength};
use crate::body::{self, Body};

/// So much may wait to be written before more of the body is read: the pieces of one that comes in crumbs go together.
const ENOUGH: usize = 16 * 1024;

/// A message, as far as it is not sent yet.
pub struct Sending {
    outgoing: Outgoing,
    encoder: Encoder,
    /// What is still to be read of it.
    body: Option<Body>,
    /// Some of that has been read.
    read: bool,
    /// How its body broke off, if it did.
    broken: Option<Unsendable>,
}

/// Why a message can't be sent to its end.
pub enum Unsendable {
    /// The other side takes no more.
    Io(io::Error),
    /// Its body broke off.
    Body(body::Error),
}

impl From<WrongLength> for Unsendable {
    fn from(error: WrongLength) -> Self {
        Self::Body(body::Error::Broken(Box::new(error)))
    }
}

impl Sending {
    /// A message whose head is `head`, as bytes, and says that its body is framed so.
    pub fn new(head: BytesMut, framing: Framing, body: Body) -> Self {
        Self {
            outgoing: Outgoing::from(head),
            encoder: Encoder::new(framing),
            body: (!body.is_end_stream()).then_some(body),
            read: false,
            broken: None,
        }
    }

    /// How many bytes of it have gone out.
    pub fn written(&self) -> u64 {
        self.outgoing.written()
    }

    /// Whether there are bytes that the other side has not taken.
    pub fn is_stuck(&self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Its body, if nothing of the message has gone out, and nothing of its body is lost with it.
    pub fn into_untouched(self) -> Option<Body> {
        let untouched = self.outgoing.written() == 0 && !self.read;
        untouched.then(|| self.body.unwrap_or_default())
    }

    /// Sends what can be sent; ready when that is all. Of a body that breaks off, what came before that is sent.
    pub fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Unsendable>> {
        loop {
            let waiting = self.read_on(cx).unwrap_or_else(|broken| {
                (self.body, self.broken) = (None, Some(broken));
                false
            });
            ready!(self.outgoing.poll_write(stream, cx)).map_err(Unsendable::Io)?;
            if self.body.is_none() || waiting {
                ready!(Pin::new(stream).poll_flush(cx)).map_err(Unsendable::Io)?;
                return match (waiting, self.broken.take()) {
                    (true, _) => Poll::Pending,
                    (false, None) => Poll::Ready(Ok(())),
                    (false, Some(broken)) => Poll::Ready(Err(broken)),
                };
            }
        }
    }

    /// Reads more of the body, as long as there is room for it; whether more of it has to be waited for.
    fn read_on(&mut self, cx: &mut Context<'_>) -> Result<bool, Unsendable> {
        while let Some(body) = &mut self.body
            && self.outgoing.is_open()
            && self.outgoing.front().len() < ENOUGH
        {
            let frame = match Pin::new(&mut *body).poll_frame(cx) {
                Poll::Ready(frame) => {
                    self.read = true;
                    frame.transpose().map_err(Unsendable::Body)?
                }
                Poll::Pending => return Ok(true),
            };
            let trailers = match frame.map(http_body::Frame::into_data) {
                Some(Ok(data)) => {
                    let ended = body.is_end_stream();
                    self.encoder.data(data, &mut self.outgoing)?;
                    if !ended || !self.outgoing.is_open() {
                        continue;
                    }
                    None
                }
                Some(Err(frame)) => frame.into_trailers().ok(),
                None => None,
            };
            self.encoder.end(trailers.as_ref(), &mut self.outgoing)?;
            self.body = None;
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    /// A connection that was closed just now.
    struct Closed;

    impl AsyncWrite for Closed {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    fn refused(framing: Framing, body: Body) -> Sending {
        let mut sending = Sending::new(BytesMut::from("POST / HTTP/1.1"), framing, body);
        let sent = sending.poll(&mut Closed, &mut Context::from_waker(Waker::noop()));
        assert!(matches!(sent, Poll::Ready(Err(Unsendable::Io(_)))));
        sending
    }

    #[test]
    fn what_was_read_for_a_connection_that_is_gone_is_not_passed_off_as_whole() {
        let empty = refused(Framing::Length(0), Body::default());
        assert!(empty.into_untouched().is_some());
        let read = refused(Framing::Chunked, Body::full("the beginning"));
        assert!(read.into_untouched().is_none());
    }
}

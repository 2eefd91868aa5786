//! A body, written.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http_body::Body as _;

use crate::body::{self, Body};

/// A body on its way out.
pub struct Outgoing {
    stream: SendStream<Bytes>,
    body: Body,
    /// A part that was read, and waits until the other side has room; whether it is the last one.
    part: Option<(Bytes, bool)>,
}

/// Why a body was not sent to its end.
#[derive(Debug)]
pub enum Unsendable {
    /// It broke off.
    Body(body::Error),
    /// The other side wants no more of it, or is gone.
    Stream(h2::Error),
}

impl From<h2::Error> for Unsendable {
    fn from(error: h2::Error) -> Self {
        Self::Stream(error)
    }
}

impl Outgoing {
    /// Of `body`, on a stream whose head has been sent.
    pub fn new(stream: SendStream<Bytes>, body: Body) -> Self {
        Self {
            stream,
            body,
            part: None,
        }
    }

    /// Sends what can be sent; ready when that is all. A body that breaks off resets its stream.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        loop {
            if let Some((part, last)) = self.part.take() {
                if poll_room(&mut self.stream, cx)?.is_pending() {
                    self.part = Some((part, last));
                    return Poll::Pending;
                }
                self.stream.send_data(part, last)?;
                if last {
                    return Poll::Ready(Ok(()));
                }
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                // While there is nothing to send, it must still be seen that nothing is wanted.
                let reason = ready!(self.stream.poll_reset(cx))?;
                return Poll::Ready(Err(h2::Error::from(reason).into()));
            };
            let frame = frame.transpose().map_err(|error| {
                self.stream.send_reset(reason(&error));
                Unsendable::Body(error)
            })?;
            match frame.map(http_body::Frame::into_data) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    // Not before there is something to send: what one stream holds of the connection's window is missing
                    // from the others'. h2 raises it to what is sent.
                    self.stream.reserve_capacity(1);
                    self.part = Some((data, self.body.is_end_stream()));
                }
                Some(Err(frame)) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.stream.send_trailers(trailers)?;
                        return Poll::Ready(Ok(()));
                    }
                }
                None => {
                    self.stream.send_data(Bytes::new(), true)?;
                    return Poll::Ready(Ok(()));
                }
            }
        }
    }
}

/// Waits until the other side takes more of what room was reserved for.
pub(super) fn poll_room(
    stream: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), h2::Error>> {
    while stream.capacity() == 0 {
        if ready!(stream.poll_capacity(cx)).transpose()?.is_none() {
            // It has been reset, and was not waiting for the reason.
            return Poll::Ready(Err(Reason::STREAM_CLOSED.into()));
        }
    }
    Poll::Ready(Ok(()))
}

/// What the other side is told of a body that broke off: what its sender was, if that was a stream, too.
fn reason(error: &body::Error) -> Reason {
    let mut source = Some(error as &dyn std::error::Error);
    while let Some(cause) = source {
        if let Some(h2) = cause.downcast_ref::<h2::Error>().filter(|h2| h2.is_reset()) {
            return h2
                .reason()
                .filter(|reason| *reason != Reason::NO_ERROR)
                .unwrap_or(Reason::INTERNAL_ERROR);
        }
        source = cause.source();
    }
    Reason::INTERNAL_ERROR
}

//! A body, written.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Body as _;
use outrigger_http2::{Error, Reason, Sending};

use crate::body::{self, Body};

/// A body on its way out.
pub struct Outgoing {
    stream: Sending,
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
    Stream(Error),
}

impl From<Error> for Unsendable {
    fn from(error: Error) -> Self {
        Self::Stream(error)
    }
}

impl Outgoing {
    /// Of `body`, on a stream whose head has been sent.
    pub fn new(stream: Sending, body: Body) -> Self {
        Self {
            stream,
            body,
            part: None,
        }
    }

    /// Sends what can be sent; ready when that is all. A body that breaks off resets its stream.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Unsendable>> {
        loop {
            if let Some((part, last)) = &mut self.part {
                ready!(self.stream.poll_send(part, *last, cx))?;
                if *last {
                    return Poll::Ready(Ok(()));
                }
                self.part = None;
            }
            let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) else {
                // While there is nothing to send, it must still be seen that nothing is wanted.
                let error = ready!(self.stream.poll_reset(cx));
                return Poll::Ready(Err(error.into()));
            };
            let frame = frame.transpose().map_err(|error| {
                self.stream.reset(reason(&error));
                Unsendable::Body(error)
            })?;
            match frame.map(http_body::Frame::into_data) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => self.part = Some((data, self.body.is_end_stream())),
                Some(Err(frame)) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.stream.send_trailers(&trailers)?;
                        return Poll::Ready(Ok(()));
                    }
                }
                None => self.part = Some((Bytes::new(), true)),
            }
        }
    }
}

/// What the other side is told of a body that broke off: what its sender was, if that was a stream, too.
fn reason(error: &body::Error) -> Reason {
    let mut source = Some(error as &dyn std::error::Error);
    while let Some(cause) = source {
        if let Some(Error::Reset(reason, _)) = cause.downcast_ref()
            && *reason != Reason::NO_ERROR
        {
            return *reason;
        }
        source = cause.source();
    }
    Reason::INTERNAL_ERROR
}

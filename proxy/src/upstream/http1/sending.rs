//! A request on its way out.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::request;
use http_body::Body as _;
use tokio::io::AsyncWrite as _;

use crate::{
    body::{self, Body},
    http1::{
        Encoder, Framing, Outgoing,
        encode::{self, WrongLength},
    },
    stream::Stream,
};

/// So much may wait to be written before more of the body is read: the pieces of one that comes in crumbs go together.
const ENOUGH: usize = 16 * 1024;

/// A request, as far as it is not sent yet.
pub struct Sending {
    outgoing: Outgoing,
    encoder: Encoder,
    /// What is still to be read of it.
    body: Option<Body>,
}

/// Why a request can't be sent to its end.
pub enum Unsendable {
    /// The endpoint takes no more.
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
    /// The request with this head; `te`: its client takes trailers.
    pub fn new(head: &request::Parts, body: Body, te: bool) -> Self {
        let framing = match body.size_hint().exact() {
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        };
        let mut outgoing = Outgoing::default();
        encode::request(head, framing, te, outgoing.front());
        Self {
            outgoing,
            encoder: Encoder::new(framing),
            body: (!body.is_end_stream()).then_some(body),
        }
    }

    /// Nothing of it has gone out.
    pub fn untouched(&self) -> bool {
        !self.outgoing.has_begun()
    }

    /// What was not read of the body.
    pub fn into_body(self) -> Body {
        self.body.unwrap_or_default()
    }

    /// Sends what can be sent; ready when that is all.
    pub fn poll(
        &mut self,
        stream: &mut Stream,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Unsendable>> {
        loop {
            let waiting = self.read_on(cx)?;
            ready!(self.outgoing.poll_write(stream, cx)).map_err(Unsendable::Io)?;
            if self.body.is_none() || waiting {
                ready!(Pin::new(stream).poll_flush(cx)).map_err(Unsendable::Io)?;
                return match waiting {
                    true => Poll::Pending,
                    false => Poll::Ready(Ok(())),
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
                Poll::Ready(frame) => frame.transpose().map_err(Unsendable::Body)?,
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

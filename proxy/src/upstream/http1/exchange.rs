//! A request and the head of its response.

use std::{
    future::poll_fn,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use http::{Method, Response, StatusCode, request, response};
use http_body::Body as _;
use tokio::sync::Notify;

use super::{Connection, Reading};
use crate::{
    body::Body,
    error::Error,
    http1::{
        Broken, Decoder, Framing, Sending, Unsendable,
        buffer::{SIZE, poll_fill},
        connection::persists,
        encode,
        head::{Awaited, Noted},
    },
    upstream::Pool,
};

/// The largest head of a response.
const MAX_HEAD: usize = 64 * 1024;

/// What is to be sent.
pub struct Message<'a> {
    /// Its head.
    pub head: &'a request::Parts,
    /// Its body.
    pub body: Body,
    /// Its client takes trailers.
    pub te: bool,
    /// Told when the endpoint asks for the body.
    pub asked: Option<Arc<Notify>>,
}

impl Message<'_> {
    fn sending(self) -> Sending {
        let framing = match self.body.size_hint().exact() {
            Some(length) => Framing::Length(length),
            None => Framing::Chunked,
        };
        let mut head = BytesMut::new();
        encode::request(self.head, framing, self.te, &mut head);
        Sending::new(head, framing, self.body)
    }
}

/// Why a request got no response.
pub enum Failure {
    /// It was not sent, and here is its body again.
    Unsent(Body),
    /// It was sent, wholly or in part.
    Sent(Error),
}

/// What came of a request.
pub enum Answer {
    /// A response.
    Response(Response<Body>),
    /// The endpoint speaks something else from now on; what it has said of that already.
    Switched(Response<()>, Box<Connection>),
}

impl Connection {
    /// Sends a request, and waits for the head of its response. Afterwards the connection is where it belongs: in the
    /// response's body, in the pool, or closed.
    ///
    /// # Errors
    /// When there is none.
    pub async fn exchange(
        mut self: Box<Self>,
        message: Message<'_>,
        pool: Rc<Pool>,
    ) -> Result<Answer, Failure> {
        let method = message.head.method.clone();
        let asked = message.asked.clone();
        let mut sending = Some(message.sending());
        let mut awaited = Awaited::default();
        let mut unsendable = None;
        let (head, noted) = poll_fn(|cx| {
            if let Some(under_way) = &mut sending
                && let Poll::Ready(sent) = under_way.poll(&mut self.stream, cx)
            {
                let done = sending.take();
                match sent {
                    Ok(()) => {}
                    Err(Unsendable::Body(error)) => {
                        return Poll::Ready(Err(Failure::Sent(Error::RequestBody(error.into()))));
                    }
                    Err(Unsendable::Io(_))
                        if let Some(body) = done.and_then(Sending::into_untouched) =>
                    {
                        return Poll::Ready(Err(Failure::Unsent(body)));
                    }
                    // It may have answered before it hung up.
                    Err(Unsendable::Io(error)) => unsendable = Some(error),
                }
            }
            loop {
                let head = ready!(self.poll_head(&mut awaited, cx));
                let (head, noted) = head.map_err(|broken| {
                    let broken = unsendable.take().map_or(broken, Broken::Io);
                    Failure::Sent(Error::Reset(broken.into()))
                })?;
                if !head.status.is_informational() || head.status == StatusCode::SWITCHING_PROTOCOLS
                {
                    return Poll::Ready(Ok((head, noted)));
                }
                if let Some(asked) = &asked
                    && head.status == StatusCode::CONTINUE
                {
                    asked.notify_one();
                }
                awaited = Awaited::default();
            }
        })
        .await?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Ok(Answer::Switched(Response::from_parts(head, ()), self));
        }
        let spoilt = unsendable.is_some();
        self.answer(&method, (head, noted), sending, spoilt, pool)
            .map(Answer::Response)
            .map_err(|broken| Failure::Sent(Error::Reset(broken.into())))
    }

    fn poll_head(
        &mut self,
        awaited: &mut Awaited,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(response::Parts, Noted), Broken>> {
        loop {
            if !self.buffer.is_empty()
                && let Some(head) = awaited.response(&mut self.buffer, MAX_HEAD)?
            {
                return Poll::Ready(Ok(head));
            }
            if ready!(poll_fill(&mut self.stream, &mut self.buffer, SIZE, cx))? == 0 {
                return Poll::Ready(Err(Broken::Ended));
            }
        }
    }

    /// The response with this head. A body that is here already is taken along, and lets the connection go.
    fn answer(
        mut self: Box<Self>,
        method: &Method,
        (mut head, noted): (response::Parts, Noted),
        sending: Option<Sending>,
        spoilt: bool,
        pool: Rc<Pool>,
    ) -> Result<Response<Body>, Broken> {
        let framing =
            Framing::of_response(method, head.status, head.version, noted, &mut head.headers)?;
        let lasts =
            !spoilt && framing != Framing::Close && persists(head.version, noted, &head.headers);
        if sending.is_none()
            && let Framing::Length(length) = framing
            && length <= self.buffer.len() as u64
        {
            let body = self.buffer.split_to(length as usize).freeze();
            if lasts {
                self.give_back(&pool);
            }
            return Ok(Response::from_parts(head, Body::full(body)));
        }
        let reading = Reading::new(self, Decoder::new(framing), lasts, sending, pool);
        Ok(Response::from_parts(head, Body::from(reading)))
    }
}

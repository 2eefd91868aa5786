//! One request, and the head of its response.

use std::{
    cell::Cell,
    future::{Future as _, poll_fn},
    pin::Pin,
    rc::Rc,
    task::Poll,
};

use http::{HeaderValue, Response, header, request::Parts, uri::PathAndQuery};
use http_body::Body as _;
use outrigger_http2::client::{Head, Responded};

use super::Connection;
use crate::{
    body::Body,
    clock,
    error::Error,
    http2::{Incoming, Outgoing, Unsendable},
    upstream::{Pool, upload::Upload},
};

/// A request, as it goes to an endpoint.
pub struct Message<'a> {
    /// Its head; the Host header is sent as the authority.
    pub head: &'a Parts,
    /// `https` to an endpoint that is spoken to over TLS.
    pub scheme: &'static str,
    /// Its body.
    pub body: Body,
}

/// Why a request got no response.
pub enum Failure {
    /// It was not sent, and here its body is again.
    Unsent(Body),
    /// It was sent, wholly or in part.
    Sent(Error),
}

/// One stream of a connection, in use until dropped.
pub struct Stream {
    connection: Rc<Connection>,
    /// The connection has carried a request before.
    pub reused: bool,
    /// Its request is sent, and nothing has come back.
    unanswered: Cell<bool>,
    /// The rest of its request, if its response was faster.
    upload: Option<Upload>,
    /// What gets it back, where others may wait for it.
    pool: Option<Rc<Pool>>,
}

impl Stream {
    pub(super) fn of(connection: &Rc<Connection>) -> Self {
        connection.active.set(connection.active.get() + 1);
        Self {
            connection: Rc::clone(connection),
            reused: connection.used.replace(true),
            unanswered: Cell::new(false),
            upload: None,
            pool: None,
        }
    }

    /// Lets `pool` know when it ends: others may wait for it.
    pub fn of_pool(mut self, pool: &Rc<Pool>) -> Self {
        self.pool = Some(Rc::clone(pool));
        self
    }

    /// Sends a request, and waits for the head of its response.
    ///
    /// # Errors
    /// When there is none.
    pub async fn send(&mut self, message: Message<'_>) -> Result<Response<Incoming>, Failure> {
        if self.connection.requests.is_closed() {
            return Err(Failure::Unsent(message.body));
        }
        self.connection.silence.ask(clock::now());
        self.unanswered.set(true);
        let answered = self.exchange(message).await;
        self.unanswered.set(false);
        answered.map_err(Failure::Sent)
    }

    async fn exchange(&mut self, message: Message<'_>) -> Result<Response<Incoming>, Error> {
        let (mut responded, mut sending) = self.begin(message).map_err(unprocessed)?;
        let response = poll_fn(|cx| {
            if let Some(Poll::Ready(sent)) = sending.as_mut().map(|sending| sending.poll(cx)) {
                sending = None;
                // If the other side wants no more of it, its response says why.
                if let Err(Unsendable::Body(error)) = sent {
                    return Poll::Ready(Err(Error::RequestBody(error.into())));
                }
            }
            Pin::new(&mut responded).poll(cx).map_err(unprocessed)
        })
        .await?;
        self.upload = sending.map(|mut sending| {
            // How that ends shows in the response.
            Upload::beside(async move { drop(poll_fn(|cx| sending.poll(cx)).await) })
        });
        Ok(response.map(Incoming::from))
    }

    /// Sends the head of a request, and what is to follow it.
    fn begin(
        &self,
        Message { head, scheme, body }: Message<'_>,
    ) -> Result<(Responded, Option<Outgoing>), outrigger_http2::Error> {
        let host = head.headers.get(header::HOST).map(HeaderValue::to_str);
        let head = Head {
            method: &head.method,
            scheme,
            authority: host.and_then(Result::ok),
            path: head.uri.path_and_query().map_or("/", PathAndQuery::as_str),
            headers: &head.headers,
        };
        let requests = &self.connection.requests;
        if body.is_end_stream() {
            return Ok((requests.send_whole(head)?, None));
        }
        let (responded, stream) = requests.send(head)?;
        Ok((responded, Some(Outgoing::new(stream, body))))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.active.set(self.connection.active.get() - 1);
        self.connection.idle_since.set(clock::now());
        if self.unanswered.get() {
            self.connection.silence.give_up();
        }
        if let Some(pool) = self.pool.take() {
            pool.make_room();
        }
    }
}

/// What an endpoint has not processed may go to another one.
fn unprocessed(error: outrigger_http2::Error) -> Error {
    match error.is_unprocessed() {
        true => Error::RefusedStream,
        false => Error::Reset(error.into()),
    }
}

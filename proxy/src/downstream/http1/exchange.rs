//! One request, and its response.

use std::{future::poll_fn, rc::Rc, task::Poll};

use bytes::BytesMut;
use http::{Method, Response, StatusCode, Version, request};
use http_body::Body as _;
use tokio::sync::oneshot;

use super::{
    super::{
        Connection,
        upgrade::{OnUpgrade, Switched},
    },
    line::Line,
};
use crate::{
    body::Body,
    call::Arrived,
    http1::{
        Broken, Framing, Sending, Unsendable,
        connection::{expects_invitation, may_switch, persists},
        encode::{self, Lasting},
        framing::is_bodiless,
        head::Noted,
    },
    stack::Stack,
};

/// What comes of the connection after a request.
pub(super) enum After {
    /// It may carry another.
    Next(Rc<Line>),
    /// It is to be closed.
    End(Rc<Line>),
    /// It is gone: broken off on purpose, or carried on as something else.
    Gone,
}

/// What of a request matters to its response.
pub(super) struct Exchange {
    method: Method,
    version: Version,
    /// Its client wants to go on, and it is known where the next request will begin.
    lasts: bool,
    /// Gets the connection if it switches.
    switch: Option<oneshot::Sender<Switched>>,
}

impl Exchange {
    /// Serves the request with this head.
    pub(super) async fn serve(
        line: Rc<Line>,
        head: (request::Parts, Noted),
        connection: &Rc<Connection>,
        stack: &Rc<Stack>,
    ) -> Result<After, Broken> {
        let (mut exchange, arrived) = Self::begin(&line, head);
        let response = {
            let mut serving = std::pin::pin!(stack.serve(arrived, Rc::clone(connection)));
            let answered = poll_fn(|cx| match line.client_has_left() {
                true => Poll::Ready(None),
                false => serving.as_mut().poll(cx).map(Some),
            });
            answered.await.ok_or(Broken::Ended)?
        };
        match response {
            Ok(response) => {
                exchange.lasts &= !connection.draining();
                exchange.answer(line, response).await
            }
            Err(_broken_off) => Ok(After::Gone),
        }
    }

    fn begin(line: &Rc<Line>, (mut head, noted): (request::Parts, Noted)) -> (Self, Arrived) {
        let framing = Framing::of_request(head.version, noted, &mut head.headers);
        let lasts = framing.is_ok() && persists(head.version, noted, &head.headers);
        let (body, doubt) = match framing {
            Ok(framing) => {
                let invited = framing != Framing::Length(0) && expects_invitation(&head, noted);
                (line.receive(framing, invited), None)
            }
            Err(doubt) => (Body::default(), Some(doubt)),
        };
        let (switch, upgrade) = match may_switch(&head, noted) {
            true => {
                let (give, take) = oneshot::channel();
                (Some(give), Some(OnUpgrade::Http1(take)))
            }
            false => (None, None),
        };
        let exchange = Self {
            method: head.method.clone(),
            version: head.version,
            lasts,
            switch,
        };
        let arrived = Arrived {
            head,
            body,
            upgrade,
            doubt,
        };
        (exchange, arrived)
    }

    async fn answer(self, line: Rc<Line>, response: Response<Body>) -> Result<After, Broken> {
        let (head, body) = response.into_parts();
        let switches = head.status == StatusCode::SWITCHING_PROTOCOLS
            || (self.method == Method::CONNECT && head.status.is_success());
        let framing = match switches || is_bodiless(&self.method, head.status) {
            true => None,
            false => Some(self.framing(&body)),
        };
        let lasting = match self.lasts && framing != Some(Framing::Close) {
            // Its client may send the body that it was not asked for, or not.
            _ if line.awaits_invitation() => Lasting::No,
            true if self.version == Version::HTTP_10 => Lasting::Kept,
            true => Lasting::Yes,
            false => Lasting::No,
        };
        line.answer();
        let (tick, mut bytes) = (line.tick(), BytesMut::new());
        let lasting = match switches {
            true => encode::response(&head, None, Lasting::Yes, tick, &mut bytes),
            false => encode::response(&head, framing, lasting, tick, &mut bytes),
        };
        drop(head);
        let (sent, unsent) = match framing {
            Some(_) => (body, Body::default()),
            None => (Body::default(), body),
        };
        let mut sending = Sending::new(bytes, framing.unwrap_or(Framing::Length(0)), sent);
        let sent = poll_fn(|cx| match line.poll_send(&mut sending, cx) {
            Poll::Pending if line.client_has_left() => Poll::Ready(Err(Unsendable::Io(
                std::io::ErrorKind::ConnectionReset.into(),
            ))),
            sent => sent,
        });
        match sent.await {
            Ok(()) => {}
            Err(Unsendable::Io(error)) => return Err(error.into()),
            // What has come of it must not be taken for all of it.
            Err(Unsendable::Body(_)) => {
                if framing == Some(Framing::Close) {
                    line.reset();
                }
                return Ok(After::Gone);
            }
        }
        drop((sending, unsent));
        if switches {
            return Ok(self.switch(line));
        }
        Ok(match line.is_clear() && lasting != Lasting::No {
            true => After::Next(line),
            false => After::End(line),
        })
    }

    fn switch(self, line: Rc<Line>) -> After {
        if let Some(switch) = self.switch
            && let Some((first, stream)) = line.into_parts()
        {
            let _ = switch.send(Switched { first, stream });
        }
        After::Gone
    }

    fn framing(&self, body: &Body) -> Framing {
        match body.size_hint().exact() {
            Some(length) => Framing::Length(length),
            None if self.version == Version::HTTP_10 => Framing::Close,
            None => Framing::Chunked,
        }
    }
}

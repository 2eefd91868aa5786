//! `Expect: 100-continue` from end to end (RFC 9110, 10.1.1): the body waits until the endpoint asks for it.
//!
//! A client is answered with `100 Continue` when the body is first read, so not reading it is all it takes: an
//! endpoint that refuses an upload with 413 or 417 spares the client the sending. Endpoints that never send a 1xx get
//! the body after [`PATIENCE`].

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::{
    sync::Notify,
    time::{Timeout, timeout},
};

use crate::body::{self, Body};

/// How long a body waits for `100 Continue`; curl's.
const PATIENCE: Duration = Duration::from_secs(1);

type Asked = Pin<Box<Timeout<tokio::sync::futures::OwnedNotified>>>;

/// A request body that waits until it is asked for.
pub struct Gated {
    asked: Option<Asked>,
    body: Body,
}

/// Holds `body` back, whose client expects `100-continue`, until what is returned is told that the endpoint asks for it.
pub fn gate(body: &mut Body) -> Arc<Notify> {
    let asked = Arc::new(Notify::new());
    let waiting = Box::pin(timeout(PATIENCE, Arc::clone(&asked).notified_owned()));
    body.gate(|body| Gated {
        asked: Some(waiting),
        body,
    });
    asked
}

impl http_body::Body for Gated {
    type Data = Bytes;
    type Error = body::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, body::Error>>> {
        if let Some(asked) = &mut self.asked {
            // Asked or out of patience: either way it goes.
            let _ = ready!(asked.as_mut().poll(cx));
            self.asked = None;
        }
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

//! A response's body on its way in.

use std::{
    cell::RefCell,
    future::poll_fn,
    net::Shutdown,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use socket2::SockRef;

use super::Connection;
use crate::{
    http1::{Broken, Decoder, Sending, buffer},
    upstream::{Pool, upload::Upload},
};

/// A response's body, with the connection that it comes on until its end; then the pool has that.
pub struct Reading {
    hold: Option<Hold>,
    decoder: Decoder,
    /// The connection can be used again.
    lasts: bool,
    /// How it broke off, if it did.
    broken: Option<Broken>,
    pool: Rc<Pool>,
}

/// Who has the connection.
enum Hold {
    Alone(Box<Connection>),
    /// Its request is still being sent.
    Beside(
        Rc<RefCell<Box<Connection>>>,
        #[expect(dead_code, reason = "held")] Upload,
    ),
}

impl Connection {
    /// To where others find it.
    pub(super) fn give_back(mut self: Box<Self>, pool: &Pool) {
        if self.buffer.is_empty() {
            buffer::give(std::mem::take(&mut self.buffer));
            pool.give_back(self);
        }
    }
}

impl Reading {
    pub(super) fn new(
        connection: Box<Connection>,
        decoder: Decoder,
        lasts: bool,
        sending: Option<Sending>,
        pool: Rc<Pool>,
    ) -> Self {
        let hold = match sending {
            None => Hold::Alone(connection),
            Some(sending) => {
                let connection = Rc::new(RefCell::new(connection));
                let upload = Upload::beside(upload(Rc::clone(&connection), sending));
                Hold::Beside(connection, upload)
            }
        };
        Self {
            hold: Some(hold),
            decoder,
            lasts,
            broken: None,
            pool,
        }
    }

    /// The next frame.
    pub fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let frame = match &mut self.hold {
            None => return Poll::Ready(self.broken.take().map(Err)),
            Some(Hold::Alone(connection)) => ready!(connection.poll_frame(&mut self.decoder, cx)),
            Some(Hold::Beside(connection, _)) => {
                ready!(connection.borrow_mut().poll_frame(&mut self.decoder, cx))
            }
        };
        if self.decoder.is_done() {
            self.let_go();
            return Poll::Ready(frame);
        }
        match frame {
            Some(Err(broken)) => {
                (self.hold, self.broken) = (None, Some(broken));
                // A turn later: what came before it is on its way by then, and is not lost with it.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                self.hold = None;
                Poll::Ready(None)
            }
            frame => Poll::Ready(frame),
        }
    }

    /// It has been read to its end.
    fn let_go(&mut self) {
        let connection = match self.hold.take() {
            Some(Hold::Alone(connection)) => Some(connection),
            // It is there alone if all of the request has been sent.
            Some(Hold::Beside(connection, _)) => {
                Rc::try_unwrap(connection).ok().map(RefCell::into_inner)
            }
            None => None,
        };
        if let Some(connection) = connection.filter(|_| self.lasts) {
            connection.give_back(&self.pool);
        }
    }

    /// It has come to its end.
    pub fn is_end_stream(&self) -> bool {
        self.hold.is_none() && self.broken.is_none()
    }

    /// How much is still to come.
    pub fn size_hint(&self) -> SizeHint {
        self.decoder.size_hint()
    }
}

impl Connection {
    fn poll_frame(
        &mut self,
        decoder: &mut Decoder,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        decoder.poll_frame(&mut self.stream, &mut self.buffer, cx)
    }
}

/// Sends the rest of a request. If that can't be, its connection ends: half of a request is none.
async fn upload(connection: Rc<RefCell<Box<Connection>>>, mut sending: Sending) {
    let sent = poll_fn(|cx| sending.poll(&mut connection.borrow_mut().stream, cx)).await;
    if sent.is_err() {
        let mut connection = connection.borrow_mut();
        connection.expires = 0;
        // Whoever reads the response sees its end, or that it broke off.
        let _ = SockRef::from(connection.stream.socket()).shutdown(Shutdown::Both);
    }
}

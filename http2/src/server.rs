//! The side that answers.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::Rc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};

use crate::{
    PREFACE, Receiving, Sending, Settings,
    drive::Drive,
    error::{By, Error, Reason},
    state::{Side, State},
};

/// A request, and what answers it.
pub type Arrived = (Request<Receiving>, Responding);

/// A connection that is polled for requests, and does everything else meanwhile.
#[derive(Debug)]
pub struct Connection<T> {
    drive: Drive<T>,
}

/// Over `io`, whose first bytes must be the [preface](PREFACE). If it refuses to read on with `QuotaExceeded`, the client is told
/// to calm down, and the connection ends.
///
/// # Errors
/// When they are not.
pub async fn handshake<T: AsyncRead + AsyncWrite + Unpin>(
    mut io: T,
    settings: Settings,
) -> Result<Connection<T>, Error> {
    let mut preface = [0; PREFACE.len()];
    let read = io.read_exact(&mut preface).await;
    read.map_err(|error| Error::Io(error.kind()))?;
    if preface != *PREFACE {
        return Err(Error::GoAway(Reason::PROTOCOL_ERROR, By::Us));
    }
    let state = State::new(Side::Server, settings);
    let drive = Drive::new(io, Rc::new(RefCell::new(state)));
    Ok(Connection { drive })
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection<T> {
    /// The next request; none when there will be no more.
    ///
    /// # Errors
    /// When the connection has come to a bad end.
    pub fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Arrived, Error>>> {
        let state = &self.drive.state;
        let mut taken = state.borrow_mut().take_arrived();
        if taken.is_none() {
            let polled = self.drive.poll(cx);
            taken = self.drive.state.borrow_mut().take_arrived();
            if taken.is_none() {
                return match ready!(polled) {
                    Ok(()) => Poll::Ready(None),
                    Err(error) => Poll::Ready(Some(Err(error))),
                };
            }
        }
        let state = &self.drive.state;
        Poll::Ready(taken.map(|(request, key)| {
            let receiving = Receiving::new(Rc::clone(state), key);
            let sending = Sending::new(Rc::clone(state), key);
            Ok((request.map(|()| receiving), Responding { sending }))
        }))
    }

    /// The same, as a future.
    ///
    /// # Errors
    /// See [`poll_accept`](Self::poll_accept).
    pub async fn accept(&mut self) -> Option<Result<Arrived, Error>> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// Takes no more requests than are on their way, and ends when these are answered.
    pub fn shut_down(&mut self) {
        self.drive.state.borrow_mut().shut_down();
    }
}

/// A request that is to be answered. Dropped, it resets the stream.
#[derive(Debug)]
pub struct Responding {
    sending: Sending,
}

impl Responding {
    /// Sends the head of the response.
    ///
    /// # Errors
    /// When the client wants none any more, or is gone.
    pub fn send(self, head: Response<()>) -> Result<Sending, Error> {
        let Sending { state, key } = &self.sending;
        state
            .borrow_mut()
            .send_response(*key, &head.into_parts().0, false)?;
        Ok(self.sending)
    }

    /// Sends a response that has neither body nor trailers.
    ///
    /// # Errors
    /// When the client wants none any more, or is gone.
    pub fn send_whole(self, head: Response<()>) -> Result<(), Error> {
        let Sending { state, key } = &self.sending;
        state
            .borrow_mut()
            .send_response(*key, &head.into_parts().0, true)
    }

    /// Sends no response.
    pub fn reset(mut self, reason: Reason) {
        self.sending.reset(reason);
    }

    /// Waits until the client wants none any more, or is gone.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.sending.poll_reset(cx)
    }
}

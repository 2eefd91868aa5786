//! The side that asks.

use std::{
    cell::RefCell,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use http::Response;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Receiving, Sending, Settings,
    drive::Drive,
    error::Error,
    handle::Shared,
    state::{Side, State},
    stream::remember,
};

pub use crate::message::Head;

/// A connection, which must be polled for anything to happen on it. Ends when its [`Requests`] are gone and answered.
#[derive(Debug)]
pub struct Connection<T> {
    drive: Drive<T>,
}

/// Over `io`.
pub fn connect<T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    settings: Settings,
) -> (Requests, Connection<T>) {
    let mut state = State::new(Side::Client, settings);
    state.requesters = 1;
    let state = Rc::new(RefCell::new(state));
    let requests = Requests {
        state: Rc::clone(&state),
    };
    let drive = Drive::new(io, state);
    (requests, Connection { drive })
}

impl<T: AsyncRead + AsyncWrite + Unpin> Future for Connection<T> {
    type Output = Result<(), Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().drive.poll(cx)
    }
}

/// What requests are sent by.
pub struct Requests {
    state: Shared,
}

impl Requests {
    /// Sends the head of a request.
    ///
    /// # Errors
    /// When it can't be sent now; [`Reason::REFUSED_STREAM`](crate::Reason::REFUSED_STREAM) if the server allows no more at a time.
    pub fn send<'a>(&self, head: impl Into<Head<'a>>) -> Result<(Responded, Sending), Error> {
        let key = self.state.borrow_mut().send_request(head.into(), false)?;
        let receiving = Receiving::new(Rc::clone(&self.state), key);
        Ok((
            Responded(Some(receiving)),
            Sending::new(Rc::clone(&self.state), key),
        ))
    }

    /// Sends a request that has neither body nor trailers.
    ///
    /// # Errors
    /// See [`send`](Self::send).
    pub fn send_whole<'a>(&self, head: impl Into<Head<'a>>) -> Result<Responded, Error> {
        let key = self.state.borrow_mut().send_request(head.into(), true)?;
        let receiving = Receiving::new(Rc::clone(&self.state), key);
        drop(Sending::new(Rc::clone(&self.state), key));
        Ok(Responded(Some(receiving)))
    }

    /// How many requests at a time the server allows; none before it has said so.
    pub fn allowed(&self) -> usize {
        let state = self.state.borrow();
        match state.settled {
            true => state.theirs.max_streams as usize,
            false => 0,
        }
    }

    /// Whether the connection takes no more requests, now or later.
    pub fn is_closed(&self) -> bool {
        !self.state.borrow().takes_requests()
    }
}

impl Clone for Requests {
    fn clone(&self) -> Self {
        let state = Rc::clone(&self.state);
        state.borrow_mut().requesters += 1;
        Self { state }
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        state.requesters -= 1;
        state.wake_driver();
    }
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests").finish_non_exhaustive()
    }
}

/// A response that is waited for. Dropped, it tells the server that none is wanted.
#[derive(Debug)]
pub struct Responded(Option<Receiving>);

impl Future for Responded {
    type Output = Result<Response<Receiving>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(receiving) = self.0.take() else {
            return Poll::Pending;
        };
        let polled = {
            let mut state = receiving.state().borrow_mut();
            let stream = state.stream(receiving.key);
            match (stream.response.take(), stream.error) {
                (Some(response), _) => Poll::Ready(Ok(*response)),
                (None, Some(error)) => Poll::Ready(Err(error)),
                (None, None) => {
                    remember(&mut stream.reader, cx.waker());
                    Poll::Pending
                }
            }
        };
        match polled {
            Poll::Ready(response) => Poll::Ready(response.map(|head| head.map(|()| receiving))),
            Poll::Pending => {
                self.0 = Some(receiving);
                Poll::Pending
            }
        }
    }
}

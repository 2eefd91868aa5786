//! What those hold who read a stream or write it. Each gives its half up when it is dropped.

use std::{
    cell::RefCell,
    fmt,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;

use crate::{
    error::{Error, Reason},
    state::{Key, State},
    stream::{Awaits, remember},
};

/// A connection's state, as its driver and all handles of its streams have it.
pub(crate) type Shared = Rc<RefCell<State>>;

/// What comes on a stream after the head.
pub struct Receiving {
    state: Shared,
    pub(crate) key: Key,
}

impl Receiving {
    pub(crate) fn new(state: Shared, key: Key) -> Self {
        Self { state, key }
    }

    pub(crate) fn state(&self) -> &Shared {
        &self.state
    }

    /// The next data; none when that is all. No more comes than the window has room for until they are [released](Self::release).
    ///
    /// # Errors
    /// When the stream has come to an end that is not its own. What came before is given first.
    pub fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut state = self.state.borrow_mut();
        let stream = state.stream(self.key);
        if let Some(data) = stream.take_data() {
            return Poll::Ready(Some(Ok(data)));
        }
        match stream.error {
            _ if stream.awaits == Awaits::Nothing => Poll::Ready(None),
            Some(error) => Poll::Ready(Some(Err(error))),
            None => {
                remember(&mut stream.reader, cx.waker());
                Poll::Pending
            }
        }
    }

    /// The trailers, after the data; none if there are none.
    ///
    /// # Errors
    /// As for data.
    pub fn poll_trailers(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<HeaderMap>, Error>> {
        let mut state = self.state.borrow_mut();
        let stream = state.stream(self.key);
        match stream.error {
            _ if stream.awaits == Awaits::Nothing => {
                Poll::Ready(Ok(stream.trailers.take().map(|trailers| *trailers)))
            }
            Some(error) => Poll::Ready(Err(error)),
            None => {
                remember(&mut stream.reader, cx.waker());
                Poll::Pending
            }
        }
    }

    /// So many bytes of data are done with: as many may come again.
    pub fn release(&mut self, bytes: usize) {
        self.state.borrow_mut().release(self.key, bytes);
    }

    /// Whether neither data nor trailers are to be had any more.
    pub fn is_end_stream(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let stream = state.stream(self.key);
        stream.awaits == Awaits::Nothing && stream.held() == 0 && stream.trailers.is_none()
    }

    /// Bytes of data that are still to come or to be taken, if that is known.
    pub fn left(&self) -> Option<u64> {
        let mut state = self.state.borrow_mut();
        let stream = state.stream(self.key);
        let held = stream.held();
        match stream.awaits {
            // Where trailers follow, a length that nobody has told would keep them from getting through HTTP/1.
            Awaits::Nothing if stream.trailers.is_none() => Some(held as u64),
            _ => stream.left.map(|left| left + held as u64),
        }
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.state.borrow_mut().forget_receiving(self.key);
    }
}

impl fmt::Debug for Receiving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiving")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// What goes out on a stream after the head. Dropped before its end, it resets the stream.
pub struct Sending {
    pub(crate) state: Shared,
    pub(crate) key: Key,
}

impl Sending {
    pub(crate) fn new(state: Shared, key: Key) -> Self {
        Self { state, key }
    }

    /// Takes off `data` what can be sent now; ready when that is all of it. With it, it is the `end` of the stream.
    ///
    /// # Errors
    /// When the other side wants no more, or is gone.
    pub fn poll_send(
        &mut self,
        data: &mut Bytes,
        end: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        self.state.borrow_mut().poll_send(self.key, data, end, cx)
    }

    /// Ends the stream with these.
    ///
    /// # Errors
    /// When the other side wants no more, or is gone.
    pub fn send_trailers(&mut self, trailers: &HeaderMap) -> Result<(), Error> {
        self.state.borrow_mut().send_trailers(self.key, trailers)
    }

    /// Resets the stream, in both directions.
    pub fn reset(&mut self, reason: Reason) {
        self.state.borrow_mut().reset(self.key, reason);
    }

    /// Waits until nothing more is wanted, or the other side is gone.
    pub fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        self.state.borrow_mut().poll_reset(self.key, cx)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.state.borrow_mut().forget_sending(self.key);
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

//! A request body that can be sent again, as long as it is small.
//!
//! What an attempt reads is kept, up to the route's `body_limit`; another attempt begins with what was kept and reads on.
//! A larger body streams through and merely loses its chance. Nothing is kept once nobody could ask for it any more.
//!
//! One reading at a time takes from the source, so that nothing is ever missing from its middle. When another attempt
//! takes over, the earlier one, which may still be sending, gets an error and never an end: its endpoint sees a request
//! that broke off, not a shorter one.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

use crate::body::{Error, Source};

/// One reading of a body; `S` is where it comes from, which a test may choose.
pub struct Replay<S = Source> {
    recording: Rc<RefCell<Recording<S>>>,
    id: u32,
    /// How many of the kept chunks it has read.
    read: usize,
    /// How many bytes of the body.
    bytes: u64,
    /// It has come to its end, trailers included.
    finished: bool,
}

struct Recording<S> {
    source: S,
    /// Of the whole body.
    size: SizeHint,
    /// How many bytes are kept at most.
    limit: usize,
    chunks: Vec<Bytes>,
    kept: usize,
    trailers: Option<HeaderMap>,
    /// Some of what was read is not here any more.
    lost: bool,
    /// The source has come to its end.
    ended: bool,
    /// The reading that takes from the source.
    reader: u32,
    readings: u32,
    /// Whoever waits for the source.
    waiting: Option<Waker>,
}

impl<S> Replay<S>
where
    S: Body<Data = Bytes, Error: Into<Error>> + Unpin,
{
    /// The first reading of `source`, of which up to `limit` bytes are kept.
    pub fn new(source: S, limit: usize) -> Self {
        let size = source.size_hint();
        let recording = Recording {
            lost: size.lower() > limit as u64,
            ended: source.is_end_stream(),
            source,
            size,
            limit,
            chunks: Vec::new(),
            kept: 0,
            trailers: None,
            reader: 0,
            readings: 1,
            waiting: None,
        };
        Self::reading(Rc::new(RefCell::new(recording)), 0)
    }

    /// Another reading, from the start.
    pub fn again(&self) -> Self {
        let mut recording = self.recording.borrow_mut();
        let id = recording.readings;
        recording.readings += 1;
        Self::reading(Rc::clone(&self.recording), id)
    }

    fn reading(recording: Rc<RefCell<Recording<S>>>, id: u32) -> Self {
        Self {
            recording,
            id,
            read: 0,
            bytes: 0,
            finished: false,
        }
    }

    /// From now on this is the reading that counts.
    pub fn take_over(&self) {
        let mut recording = self.recording.borrow_mut();
        recording.reader = self.id;
        // Whoever waited learns that it waits in vain.
        if let Some(waiting) = recording.waiting.take() {
            waiting.wake();
        }
    }

    /// Whether it can still be read from its start.
    pub fn whole(&self) -> bool {
        !self.recording.borrow().lost
    }

    /// Whether all of it is kept: it can be read by any number at once.
    pub fn at_hand(&self) -> bool {
        let recording = self.recording.borrow();
        recording.ended && !recording.lost
    }
}

impl<S> Recording<S>
where
    S: Body<Data = Bytes, Error: Into<Error>> + Unpin,
{
    /// Takes a chunk from the source; `None`: it has ended.
    fn take(&mut self, wanted: bool, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let Poll::Ready(frame) = Pin::new(&mut self.source).poll_frame(cx) else {
            self.waiting = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let chunk = match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(chunk) => {
                    self.keep(&chunk, wanted);
                    Some(Ok(chunk))
                }
                Err(frame) => {
                    self.trailers = frame.into_trailers().ok();
                    None
                }
            },
            Some(Err(error)) => {
                self.lost = true;
                Some(Err(error.into()))
            }
            None => None,
        };
        self.ended = chunk.is_none() || self.source.is_end_stream();
        Poll::Ready(chunk)
    }

    fn keep(&mut self, chunk: &Bytes, wanted: bool) {
        if !wanted || self.kept + chunk.len() > self.limit {
            self.lost = true;
            self.chunks = Vec::new();
        } else if !self.lost {
            self.kept += chunk.len();
            self.chunks.push(chunk.clone());
        }
    }

    /// Whether there is nothing more for reading `id`, which has read all that is kept, but trailers.
    fn over(&self, id: u32) -> bool {
        self.ended && (self.reader == id || !self.lost)
    }
}

impl<S> Body for Replay<S>
where
    S: Body<Data = Bytes, Error: Into<Error>> + Unpin,
{
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if this.finished {
            return Poll::Ready(None);
        }
        let wanted = Rc::strong_count(&this.recording) > 1;
        let mut recording = this.recording.borrow_mut();
        let kept = recording.chunks.get(this.read).cloned();
        let chunk = match kept {
            Some(chunk) => {
                this.read += 1;
                Some(Ok(chunk))
            }
            None if recording.over(this.id) => None,
            None if recording.reader != this.id => Some(Err(Error::Superseded)),
            None => {
                let chunk = ready!(recording.take(wanted, cx));
                this.read = recording.chunks.len();
                chunk
            }
        };
        Poll::Ready(match chunk {
            Some(chunk) => Some(chunk.map(|chunk| {
                this.bytes += chunk.len() as u64;
                Frame::data(chunk)
            })),
            None => {
                this.finished = true;
                let trailers = recording.trailers.clone();
                trailers.map(|trailers| Ok(Frame::trailers(trailers)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        let recording = self.recording.borrow();
        let read = self.read >= recording.chunks.len();
        self.finished || (read && recording.over(self.id) && recording.trailers.is_none())
    }

    /// Of what is left to read.
    fn size_hint(&self) -> SizeHint {
        let size = self.recording.borrow().size;
        let mut left = SizeHint::new();
        if let Some(upper) = size.upper() {
            left.set_upper(upper.saturating_sub(self.bytes));
        }
        left.set_lower(size.lower().saturating_sub(self.bytes));
        left
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "replay/tests.rs"]
mod tests;

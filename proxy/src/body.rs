//! The one body type, of requests and of responses.
//!
//! What must end with a response ends with its *body*: the endpoint's in-flight count, the pooled connection, the
//! request's metrics and log line. They ride here, so that streaming and gRPC are counted honestly, and dropping a body
//! half-way (a client that went away) ends them just as well.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use crate::{
    call::Call,
    clock,
    layer::track::Tracked,
    retry::Replay,
    upstream::{Lease, expect::Gated},
};

/// A request's or response's body.
#[derive(Default)]
pub struct Body {
    inner: Inner,
    riders: Riders,
    /// How far it came.
    progress: Progress,
}

#[derive(Default)]
enum Inner {
    #[default]
    Empty,
    Full(Bytes),
    Incoming(Incoming),
    /// Can be sent again.
    Replay(Replay),
    /// Waits for the endpoint's `100 Continue`.
    Gated(Box<Gated>),
}

/// What ends with the body.
#[derive(Default)]
struct Riders {
    lease: Option<Lease>,
    tracked: Option<Tracked>,
    call: Option<Box<Call>>,
    /// Counts the bytes of a request's body.
    counter: Option<Rc<Cell<u64>>>,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Progress {
    /// It was dropped before its end: whoever was reading it went away.
    #[default]
    Partial,
    /// It came to its end.
    Complete,
    /// It broke off: whoever was writing it failed.
    Broken,
}

impl Body {
    /// A body that is at hand.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        Self::of(Inner::Full(bytes.into()))
    }

    fn of(inner: Inner) -> Self {
        Self {
            inner,
            riders: Riders::default(),
            progress: Progress::default(),
        }
    }

    /// Lets `lease` end with this body.
    pub fn lease(&mut self, lease: Lease) {
        self.riders.lease = Some(lease);
    }

    /// Lets an attempt's accounts be closed with this body.
    pub fn track(&mut self, tracked: Tracked) {
        self.riders.tracked = Some(tracked);
    }

    /// Lets the request be closed with this body.
    pub fn observe(&mut self, call: Box<Call>) {
        self.riders.call = Some(call);
    }

    /// Counts the bytes that go by.
    pub fn count(&mut self, counter: Rc<Cell<u64>>) {
        self.riders.counter = Some(counter);
    }

    /// Holds the body back until the endpoint asks for it.
    pub fn gate(&mut self, gate: impl FnOnce(Self) -> Gated) {
        let body = std::mem::take(self);
        self.inner = Inner::Gated(Box::new(gate(body)));
    }

    /// The same body once more, from its start; what is read of either is kept for the other.
    pub fn again(&mut self) -> Self {
        let replay = match std::mem::take(&mut self.inner) {
            Inner::Incoming(incoming) => Replay::new(incoming),
            Inner::Replay(replay) => replay,
            at_hand => {
                self.inner = at_hand;
                return match &self.inner {
                    Inner::Full(bytes) => Self::full(bytes.clone()),
                    _ => Self::default(),
                };
            }
        };
        let again = Self::of(Inner::Replay(replay.again()));
        self.inner = Inner::Replay(replay);
        again
    }

    /// Whether it can be read from where it stands: a replay may have lost its start.
    pub fn whole(&self) -> bool {
        match &self.inner {
            Inner::Replay(replay) => replay.whole(),
            _ => true,
        }
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        let ended = http_body::Body::is_end_stream(&incoming);
        Self::of(if ended {
            Inner::Empty
        } else {
            Inner::Incoming(incoming)
        })
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = match &mut self.inner {
            Inner::Empty => None,
            Inner::Full(bytes) if bytes.is_empty() => None,
            Inner::Full(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Inner::Incoming(incoming) => ready!(Pin::new(incoming).poll_frame(cx)),
            Inner::Replay(replay) => ready!(Pin::new(replay).poll_frame(cx)),
            Inner::Gated(gated) => ready!(Pin::new(&mut **gated).poll_frame(cx)),
        };
        match &frame {
            None => self.progress = Progress::Complete,
            Some(Err(_)) => self.progress = Progress::Broken,
            Some(Ok(frame)) => {
                if let (Some(counter), Some(data)) = (&self.riders.counter, frame.data_ref()) {
                    counter.set(counter.get() + data.len() as u64);
                }
                if let (Some(tracked), Some(trailers)) =
                    (&mut self.riders.tracked, frame.trailers_ref())
                {
                    tracked.trailers(trailers, clock::now());
                }
                if let Some(call) = &mut self.riders.call {
                    if let Some(data) = frame.data_ref() {
                        call.sent(data.len());
                    } else if let Some(trailers) = frame.trailers_ref() {
                        call.trailers(trailers);
                    }
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Empty => true,
            Inner::Full(bytes) => bytes.is_empty(),
            Inner::Incoming(incoming) => incoming.is_end_stream(),
            Inner::Replay(replay) => replay.is_end_stream(),
            Inner::Gated(gated) => gated.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Empty => SizeHint::with_exact(0),
            Inner::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Inner::Incoming(incoming) => incoming.size_hint(),
            Inner::Replay(replay) => replay.size_hint(),
            Inner::Gated(gated) => gated.size_hint(),
        }
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let Riders {
            lease,
            tracked,
            call,
            ..
        } = std::mem::take(&mut self.riders);
        if lease.is_none() && tracked.is_none() && call.is_none() {
            return;
        }
        let now = clock::now();
        let progress = match self.progress {
            Progress::Partial if http_body::Body::is_end_stream(self) => Progress::Complete,
            progress => progress,
        };
        if let Some(lease) = lease {
            lease.end(progress, now);
        }
        if let Some(tracked) = tracked {
            tracked.end(progress, now);
        }
        if let Some(mut call) = call {
            call.end(progress, now);
        }
    }
}

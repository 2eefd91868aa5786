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
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

use crate::{
    call::Call,
    clock,
    layer::track::Tracked,
    limits::gate::Permit,
    retry::Replay,
    upstream::{Lease, expect::Gated},
};

/// A request's or response's body. Boxed, because it is moved a dozen times on its way through the stack; one that is
/// empty and that nothing rides on is nothing at all.
#[derive(Default)]
pub struct Body(Option<Box<Content>>);

#[derive(Default)]
struct Content {
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
    Gated(Gated),
}

/// What ends with the body.
#[derive(Default)]
struct Riders {
    lease: Option<Lease>,
    tracked: Option<Tracked>,
    call: Option<Box<Call>>,
    /// Of limits.
    permits: Vec<Permit>,
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
        let content = Content {
            inner,
            riders: Riders::default(),
            progress: Progress::default(),
        };
        Self(Some(Box::new(content)))
    }

    fn riders(&mut self) -> &mut Riders {
        &mut self.0.get_or_insert_default().riders
    }

    /// Lets `lease` end with this body.
    pub fn lease(&mut self, lease: Lease) {
        self.riders().lease = Some(lease);
    }

    /// Lets an attempt's accounts be closed with this body.
    pub fn track(&mut self, tracked: Tracked) {
        self.riders().tracked = Some(tracked);
    }

    /// Lets a permit end with this body.
    pub fn hold(&mut self, permit: Permit) {
        self.riders().permits.push(permit);
    }

    /// Lets the request be closed with this body.
    pub fn observe(&mut self, call: Box<Call>) {
        self.riders().call = Some(call);
    }

    /// Counts the bytes that go by.
    pub fn count(&mut self, counter: Rc<Cell<u64>>) {
        self.riders().counter = Some(counter);
    }

    /// Holds the body back until the endpoint asks for it.
    pub fn gate(&mut self, gate: impl FnOnce(Self) -> Gated) {
        let body = std::mem::take(self);
        *self = Self::of(Inner::Gated(gate(body)));
    }

    /// The same body once more, from its start; what is read of either is kept for the other.
    pub fn again(&mut self) -> Self {
        let Some(content) = &mut self.0 else {
            return Self::default();
        };
        content.inner = match std::mem::take(&mut content.inner) {
            Inner::Incoming(incoming) => Inner::Replay(Replay::new(incoming)),
            inner => inner,
        };
        match &content.inner {
            Inner::Replay(replay) => Self::of(Inner::Replay(replay.again())),
            Inner::Full(bytes) => Self::full(bytes.clone()),
            // A gated one has been taken by an attempt, and is not here to be asked.
            Inner::Empty | Inner::Incoming(_) | Inner::Gated(_) => Self::default(),
        }
    }

    /// Whether it can be read from where it stands: a replay may have lost its start.
    pub fn whole(&self) -> bool {
        match &self.0 {
            Some(content) => !matches!(&content.inner, Inner::Replay(replay) if !replay.whole()),
            None => true,
        }
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        match incoming.is_end_stream() {
            true => Self::default(),
            false => Self::of(Inner::Incoming(incoming)),
        }
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
        let Some(content) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let frame = ready!(content.inner.poll_frame(cx));
        match &frame {
            None => content.progress = Progress::Complete,
            Some(Err(_)) => content.progress = Progress::Broken,
            Some(Ok(frame)) => content.riders.see(frame),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.0
            .as_ref()
            .is_none_or(|content| content.inner.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        match self.0.as_ref().map(|content| &content.inner) {
            None | Some(Inner::Empty) => SizeHint::with_exact(0),
            Some(Inner::Full(bytes)) => SizeHint::with_exact(bytes.len() as u64),
            Some(Inner::Incoming(incoming)) => incoming.size_hint(),
            Some(Inner::Replay(replay)) => replay.size_hint(),
            Some(Inner::Gated(gated)) => gated.size_hint(),
        }
    }
}

impl Inner {
    fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Incoming(incoming) => Pin::new(incoming).poll_frame(cx),
            Self::Replay(replay) => Pin::new(replay).poll_frame(cx),
            Self::Gated(gated) => Pin::new(gated).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Incoming(incoming) => incoming.is_end_stream(),
            Self::Replay(replay) => replay.is_end_stream(),
            Self::Gated(gated) => gated.is_end_stream(),
        }
    }
}

impl Riders {
    fn see(&mut self, frame: &Frame<Bytes>) {
        if let Some(call) = &mut self.call {
            call.see(frame);
        }
        if let (Some(tracked), Some(trailers)) = (&mut self.tracked, frame.trailers_ref()) {
            tracked.trailers(trailers, clock::now());
        }
        if let (Some(counter), Some(data)) = (&self.counter, frame.data_ref()) {
            counter.set(counter.get() + data.len() as u64);
        }
    }
}

impl Drop for Content {
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
            Progress::Partial if self.inner.is_end_stream() => Progress::Complete,
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

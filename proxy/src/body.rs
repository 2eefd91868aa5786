//! The one body type, of requests and of responses.
//!
//! What must end with a response ends with its *body*: the endpoint's in-flight count, the pooled connection, the
//! request's metrics and log line. They ride here, so that streaming and gRPC are counted honestly, and dropping a body
//! half-way (a client that went away) ends them just as well.

mod peeked;
mod source;

use std::{
    cell::Cell,
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};

use crate::{
    call::Call,
    clock,
    downstream::http1::Received,
    http2::Incoming,
    idle_timeout::{Flow, Idle, Silent},
    layer::track::Tracked,
    limits::gate::Permit,
    retry::Replay,
    upstream::{expect::Gated, http1::Reading, http2::Stream},
};
use peeked::Peeked;
pub use source::Source;

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
    Source(Source),
    /// Can be sent again.
    Replay(Replay),
    /// Waits for the endpoint's `100 Continue`.
    Gated(Gated),
    /// Its first frame has been looked at.
    Peeked(Box<Peeked>),
}

/// What ends with the body.
#[derive(Default)]
struct Riders {
    stream: Option<Stream>,
    tracked: Option<Tracked>,
    call: Option<Box<Call>>,
    /// Watches that it moves.
    idle: Option<Rc<Idle>>,
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
    /// Nothing of it moved for too long.
    Idle(Silent),
}

/// What went wrong below.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a body broke off. It is passed on as a broken connection or stream, so that what came of the body is never
/// taken for all of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Whoever was writing it failed.
    #[error(transparent)]
    Broken(Cause),
    /// Nothing of it moved for too long.
    #[error("idle timeout")]
    Idle,
    /// Another attempt reads it now; the one that this is told to has been given up.
    #[error("another attempt took its place")]
    Superseded,
}

impl Body {
    /// A body that is at hand.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        match bytes.is_empty() {
            true => Self::default(),
            false => Self::of(Inner::Full(bytes)),
        }
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

    /// Lets a stream to an endpoint end with this body.
    pub fn lease(&mut self, stream: Stream) {
        self.riders().stream = Some(stream);
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

    /// Lets `idle` know how a request's body moves.
    pub fn watch(&mut self, idle: Rc<Idle>) {
        self.riders().idle = Some(idle);
    }

    /// Holds the body back until the endpoint asks for it.
    pub fn gate(&mut self, gate: impl FnOnce(Self) -> Gated) {
        let body = std::mem::take(self);
        *self = Self::of(Inner::Gated(gate(body)));
    }

    /// The same body once more, from its start; what is read of either is kept for the other, up to `limit` bytes.
    pub fn again(&mut self, limit: usize) -> Self {
        let Some(content) = &mut self.0 else {
            return Self::default();
        };
        content.inner = match std::mem::take(&mut content.inner) {
            Inner::Source(source) => Inner::Replay(Replay::new(source, limit)),
            inner => inner,
        };
        match &content.inner {
            Inner::Replay(replay) => Self::of(Inner::Replay(replay.again())),
            Inner::Full(bytes) => Self::full(bytes.clone()),
            // Those have been taken by an attempt, and are not here to be asked.
            Inner::Empty | Inner::Source(_) | Inner::Gated(_) | Inner::Peeked(_) => Self::default(),
        }
    }

    /// From now on this is the reading that counts: another one, which an attempt may still be sending, breaks off.
    pub fn take_over(&self) {
        if let Some(replay) = self.replay() {
            replay.take_over();
        }
    }

    /// Whether it can be read from where it stands: a replay may have lost its start.
    pub fn whole(&self) -> bool {
        self.replay().is_none_or(Replay::whole)
    }

    /// Whether all of it is here, so that two attempts can send it at once.
    pub fn at_hand(&self) -> bool {
        self.replay().is_none_or(Replay::at_hand)
    }

    fn replay(&self) -> Option<&Replay> {
        match &self.0.as_ref()?.inner {
            Inner::Replay(replay) => Some(replay),
            _ => None,
        }
    }

    /// Waits for the first frame, and puts it back. To whoever reads the body nothing has happened; its riders have
    /// seen the frame.
    pub async fn peek(&mut self) {
        let first = poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await;
        if let Some(content) = &mut self.0 {
            let rest = Self::of(std::mem::take(&mut content.inner));
            content.inner = Inner::Peeked(Box::new(Peeked::new(first, rest)));
        }
    }

    /// The trailers, if a [`peek`](Self::peek) found that they are all there is.
    pub fn peeked_trailers(&self) -> Option<&HeaderMap> {
        match &self.0.as_ref()?.inner {
            Inner::Peeked(peeked) => peeked.trailers(),
            _ => None,
        }
    }
}

impl From<Source> for Body {
    fn from(source: Source) -> Self {
        match source.is_end_stream() {
            true => Self::default(),
            false => Self::of(Inner::Source(source)),
        }
    }
}

impl From<Incoming> for Body {
    fn from(incoming: Incoming) -> Self {
        Self::from(Source::Http2(incoming))
    }
}

impl From<Received> for Body {
    fn from(received: Received) -> Self {
        Self::from(Source::Received(received))
    }
}

impl From<Reading> for Body {
    fn from(reading: Reading) -> Self {
        Self::from(Source::Reading(Box::new(reading)))
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Some(content) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let Poll::Ready(frame) = content.inner.poll_frame(cx) else {
            return content.riders.wait(cx);
        };
        match &frame {
            None => content.progress = Progress::Complete,
            Some(Err(_)) => content.progress = Progress::Broken,
            Some(Ok(frame)) => {
                content.riders.see(frame);
                match (content.inner.is_end_stream(), &mut content.riders.call) {
                    (false, _) => _ = content.riders.note(Flow::Given),
                    (true, Some(call)) => call.given_away(),
                    (true, None) => {}
                }
            }
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
            Some(Inner::Source(source)) => source.size_hint(),
            Some(Inner::Replay(replay)) => replay.size_hint(),
            Some(Inner::Gated(gated)) => gated.size_hint(),
            Some(Inner::Peeked(peeked)) => peeked.size_hint(),
        }
    }
}

impl Inner {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Full(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Source(source) => Pin::new(source).poll_frame(cx),
            Self::Replay(replay) => Pin::new(replay).poll_frame(cx),
            Self::Gated(gated) => Pin::new(gated).poll_frame(cx),
            Self::Peeked(peeked) => Pin::new(&mut **peeked).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Source(source) => source.is_end_stream(),
            Self::Replay(replay) => replay.is_end_stream(),
            Self::Gated(gated) => gated.is_end_stream(),
            Self::Peeked(peeked) => peeked.is_end_stream(),
        }
    }
}

impl Riders {
    /// Where the body stands, for a response's call or a request's watch to know.
    fn note(&mut self, flow: Flow) -> Option<&Idle> {
        if let Some(call) = &mut self.call {
            if self.idle.is_none() {
                self.idle = call.idle();
            }
            self.idle.as_ref()?.response(flow);
        } else {
            self.idle.as_ref()?.request(flow);
        }
        self.idle.as_deref()
    }

    /// There is nothing to read now.
    fn wait(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let response = self.call.is_some();
        match self.note(Flow::Waiting) {
            // A request's end is for those to make who wait for its response.
            Some(idle) if response && idle.silent_or_wake(cx.waker()).is_some() => {
                Poll::Ready(Some(Err(Error::Idle)))
            }
            _ => Poll::Pending,
        }
    }

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
            stream,
            tracked,
            call,
            idle,
            ..
        } = std::mem::take(&mut self.riders);
        if call.is_none()
            && let Some(idle) = &idle
        {
            idle.request(Flow::Ended);
        }
        if tracked.is_none() && call.is_none() {
            return;
        }
        let silent = call.as_ref().and_then(|call| call.silent());
        let now = clock::now();
        let progress = match (self.progress, silent) {
            (Progress::Partial, Some(silent)) => Progress::Idle(silent),
            (Progress::Partial, None) if self.inner.is_end_stream() => Progress::Complete,
            (progress, _) => progress,
        };
        // Before others are told that there is room.
        drop(stream);
        if let Some(tracked) = tracked {
            tracked.end(progress, now);
        }
        if let Some(mut call) = call {
            call.end(progress, now);
        }
    }
}

//! A request body that can be sent again, as long as it is small.
//!
//! What an attempt reads is kept, up to [`CAP`] bytes; another attempt begins with what was kept and reads on. A larger
//! body streams through and merely loses its chance: nothing is ever truncated, or sent twice to the same endpoint.
//! Nothing is kept once nobody could ask for it any more.

use std::{
    cell::RefCell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use hyper::body::Incoming;

/// Linkerd's. What a worker holds at most is this times the requests that are being sent.
const CAP: usize = 64 * 1024;

/// One reading of a body.
pub struct Replay {
    recording: Rc<RefCell<Recording>>,
    /// How many of the kept chunks it has read.
    read: usize,
}

struct Recording {
    source: Incoming,
    /// Of the whole body.
    size: SizeHint,
    chunks: Vec<Bytes>,
    kept: usize,
    trailers: Option<HeaderMap>,
    /// Some of what was read is not here any more.
    lost: bool,
    ended: bool,
}

impl Replay {
    /// The first reading of `source`.
    pub fn new(source: Incoming) -> Self {
        let size = source.size_hint();
        let lost = size.lower() > CAP as u64;
        let recording = Recording {
            source,
            size,
            chunks: Vec::new(),
            kept: 0,
            trailers: None,
            lost,
            ended: false,
        };
        Self {
            recording: Rc::new(RefCell::new(recording)),
            read: 0,
        }
    }

    /// Another reading, from the start.
    pub fn again(&self) -> Self {
        Self {
            recording: Rc::clone(&self.recording),
            read: 0,
        }
    }

    /// Whether it can still be read from where it stands.
    pub fn whole(&self) -> bool {
        !self.recording.borrow().lost
    }
}

impl Recording {
    fn keep(&mut self, chunk: &Bytes, wanted: bool) {
        if !wanted || self.kept + chunk.len() > CAP {
            self.lost = true;
            self.chunks = Vec::new();
        } else if !self.lost {
            self.kept += chunk.len();
            self.chunks.push(chunk.clone());
        }
    }
}

impl http_body::Body for Replay {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let wanted = Rc::strong_count(&this.recording) > 1;
        let mut recording = this.recording.borrow_mut();
        if let Some(chunk) = recording.chunks.get(this.read) {
            this.read += 1;
            return Poll::Ready(Some(Ok(Frame::data(chunk.clone()))));
        }
        if !recording.ended {
            match ready!(Pin::new(&mut recording.source).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) => {
                        recording.keep(&chunk, wanted);
                        this.read = recording.chunks.len();
                        return Poll::Ready(Some(Ok(Frame::data(chunk))));
                    }
                    Err(frame) => recording.trailers = frame.into_trailers().ok(),
                },
                Some(Err(error)) => {
                    recording.lost = true;
                    return Poll::Ready(Some(Err(error)));
                }
                None => {}
            }
            recording.ended = true;
        }
        // Past the chunks come the trailers, then nothing.
        let last = this.read == recording.chunks.len();
        this.read = recording.chunks.len() + 1;
        Poll::Ready(
            recording
                .trailers
                .clone()
                .filter(|_| last)
                .map(|trailers| Ok(Frame::trailers(trailers))),
        )
    }

    fn is_end_stream(&self) -> bool {
        let recording = self.recording.borrow();
        let ended = recording.ended || recording.source.is_end_stream();
        ended && self.read >= recording.chunks.len() && recording.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.recording.borrow().size
    }
}

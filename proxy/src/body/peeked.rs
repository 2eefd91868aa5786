//! A body whose first frame has been looked at before anybody reads it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use super::{Body, Error};

/// A body with its first frame put back: to whoever reads it nothing has happened.
pub struct Peeked {
    /// What came first, `Some(None)` if that was the end; `None` once it is read.
    first: Option<Option<Result<Frame<Bytes>, Error>>>,
    rest: Body,
}

impl Peeked {
    /// `first` was read of what is `rest` now.
    pub fn new(first: Option<Result<Frame<Bytes>, Error>>, rest: Body) -> Self {
        Self {
            first: Some(first),
            rest,
        }
    }

    /// The trailers, if they are all there is.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        match &self.first {
            Some(Some(Ok(frame))) => frame.trailers_ref(),
            _ => None,
        }
    }
}

impl http_body::Body for Peeked {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(first),
            None => Pin::new(&mut self.rest).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.first {
            Some(first) => first.is_none(),
            None => self.rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.rest.size_hint();
        if let Some(Some(Ok(frame))) = &self.first
            && let Some(data) = frame.data_ref()
        {
            let length = data.len() as u64;
            // The upper bound first: a lower one above it would be refused.
            if let Some(upper) = hint.upper() {
                hint.set_upper(upper + length);
            }
            hint.set_lower(hint.lower() + length);
        }
        hint
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http_body::Body as _;
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn what_was_peeked_at_counts_until_it_is_read() {
        let first = Frame::data(Bytes::from_static(b"one "));
        let mut peeked = Peeked::new(Some(Ok(first)), Body::full("and the rest"));
        let exact = |body: &Peeked| body.size_hint().exact();
        assert_eq!(exact(&peeked), Some(16));
        assert!(!peeked.is_end_stream());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut peeked).poll_frame(&mut cx) else {
            panic!("it is there");
        };
        assert_eq!(frame.into_data().unwrap(), "one ");
        assert_eq!(exact(&peeked), Some(12));
        let Poll::Ready(Ok(rest)) = std::pin::pin!(peeked.collect()).poll(&mut cx) else {
            panic!("it is there");
        };
        assert_eq!(rest.to_bytes(), "and the rest");
    }

    #[test]
    fn an_end_that_was_peeked_at_is_the_end() {
        let peeked = Peeked::new(None, Body::default());
        assert!(peeked.is_end_stream());
        assert_eq!(peeked.size_hint().exact(), Some(0));
    }

    #[test]
    fn trailers_that_were_peeked_at_are_not_the_end_yet() {
        let trailers = HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-status"),
            http::HeaderValue::from_static("14"),
        )]);
        let mut peeked = Peeked::new(Some(Ok(Frame::trailers(trailers.clone()))), Body::default());
        assert_eq!(peeked.trailers(), Some(&trailers));
        assert!(!peeked.is_end_stream());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(matches!(
            Pin::new(&mut peeked).poll_frame(&mut cx),
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers()
        ));
        assert!(peeked.is_end_stream());
    }
}

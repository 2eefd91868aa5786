//! The requests of a stream: gRPC's framing taken off.
//!
//! What tonic has for this keeps a buffer of the largest request for as long as the stream lives; a proxy says much once,
//! when it comes, and next to nothing after that.

use std::{
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use http_body::Body as _;
use prost::Message;
use tonic::{Status, body::Body};

/// Bytes of one request. A proxy that comes back says which version it has of each resource: a hundred bytes each.
const LARGEST: usize = 4 << 20;

/// gRPC's prefix of a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// The requests of one stream.
#[derive(Debug)]
pub(super) struct Requests<M> {
    body: Body,
    buffer: BytesMut,
    of: PhantomData<fn() -> M>,
}

impl<M: Message + Default> Requests<M> {
    /// Those in this body.
    pub(super) fn of(body: Body) -> Self {
        Self {
            body,
            buffer: BytesMut::new(),
            of: PhantomData,
        }
    }

    /// The next one; `None`: there is none to come, or the connection is broken.
    pub(super) fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<M, Status>>> {
        loop {
            if let Some(message) = self.take().transpose() {
                return Poll::Ready(Some(message));
            }
            let frame = Pin::new(&mut self.body).poll_frame(context);
            match ready!(frame).map(|frame| frame.map(http_body::Frame::into_data)) {
                Some(Ok(Ok(data))) => self.buffer.extend_from_slice(&data),
                // Trailers of a client say nothing.
                Some(Ok(Err(_))) => {}
                Some(Err(_)) | None => return Poll::Ready(None),
            }
        }
    }

    /// A message, if a whole one is there.
    fn take(&mut self) -> Result<Option<M>, Status> {
        let Some((&[compressed, ref length @ ..], rest)) =
            self.buffer.split_first_chunk::<PREFIX>()
        else {
            return Ok(None);
        };
        if compressed != 0 {
            return Err(Status::unimplemented("requests may not be compressed"));
        }
        let length = u32::from_be_bytes(*length) as usize;
        if length > LARGEST {
            let text = format!("a request may have {LARGEST} bytes");
            return Err(Status::resource_exhausted(text));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.buffer.advance(PREFIX);
        let message = M::decode(self.buffer.split_to(length));
        if self.buffer.is_empty() {
            self.buffer = BytesMut::new();
        }
        message
            .map(Some)
            .map_err(|error| Status::invalid_argument(error.to_string()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;
    use http_body_util::StreamBody;
    use outrigger_xds::discovery::DiscoveryRequest;

    use super::*;

    /// What is read of these pieces.
    fn read(pieces: Vec<Vec<u8>>) -> Vec<Result<String, tonic::Code>> {
        let frames = pieces
            .into_iter()
            .map(|piece| Ok::<_, Status>(http_body::Frame::data(Bytes::from(piece))));
        let body = Body::new(StreamBody::new(tokio_stream::iter(frames)));
        let mut requests = Requests::<DiscoveryRequest>::of(body);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut texts = Vec::new();
        while let Poll::Ready(Some(request)) = requests.poll_next(&mut context) {
            let failed = request.is_err();
            texts.push(request.map(|it| it.type_url).map_err(|it| it.code()));
            if failed {
                break;
            }
        }
        texts
    }

    fn framed(type_url: &str) -> Vec<u8> {
        let request = DiscoveryRequest {
            type_url: type_url.into(),
            ..DiscoveryRequest::default()
        };
        let body = request.encode_to_vec();
        [&[0][..], &(body.len() as u32).to_be_bytes(), &body].concat()
    }

    #[test]
    fn requests_are_found_wherever_the_pieces_end() {
        let both = [framed("a"), framed("b")].concat();
        let expected = [Ok("a".to_owned()), Ok("b".to_owned())];
        assert_eq!(read(vec![both.clone()]), expected);
        assert_eq!(
            read(both.iter().map(|byte| vec![*byte]).collect()),
            expected
        );
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert_eq!(
            read(vec![vec![1, 0, 0, 0, 0]]),
            [Err(tonic::Code::Unimplemented)]
        );
        assert_eq!(
            read(vec![vec![0, 255, 0, 0, 0]]),
            [Err(tonic::Code::ResourceExhausted)]
        );
        assert_eq!(
            read(vec![vec![0, 0, 0, 0, 1, 255]]),
            [Err(tonic::Code::InvalidArgument)]
        );
        assert_eq!(read(vec![vec![0, 0, 0, 0, 9]]), []);
    }
}

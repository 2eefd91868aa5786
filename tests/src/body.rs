//! Bodies for requests and responses of tests: one boxed type, and the few ways to make one.

use std::convert::Infallible;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use http_body_util::{BodyExt, Empty, Full, channel, combinators::UnsyncBoxBody};

/// What goes wrong with a body that a test sends on purpose.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Any body of a test.
pub type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Feeds a [`channel`] body.
pub type Sender = channel::Sender<Bytes, BoxError>;

/// No bytes.
pub fn empty() -> Body {
    Empty::new().map_err(never).boxed_unsync()
}

/// These bytes, with a `content-length`.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into()).map_err(never).boxed_unsync()
}

/// Sent frame by frame by the test, at its own pace.
pub fn channel() -> (Sender, Body) {
    let (sender, body) = channel::Channel::new(1);
    (sender, body.boxed_unsync())
}

/// These bytes as one chunk without `content-length`, then trailers.
pub fn with_trailers(bytes: impl Into<Bytes>, trailers: HeaderMap) -> Body {
    // Two places are enough: the sender is gone before the first poll, the frames are not.
    let (mut sender, body) = channel::Channel::<Bytes, BoxError>::new(2);
    for frame in [Frame::data(bytes.into()), Frame::trailers(trailers)] {
        assert!(
            sender.try_send(frame).is_ok(),
            "the channel has room for two frames"
        );
    }
    body.boxed_unsync()
}

/// `length` bytes that differ from place to place, so that a lost or swapped piece shows.
pub fn pattern(length: usize) -> Bytes {
    (0..length)
        .map(|i| (i ^ (i >> 8) ^ (i >> 16)) as u8)
        .collect()
}

/// FNV-1a: enough to see that bytes are the same.
pub fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn never(error: Infallible) -> BoxError {
    match error {}
}

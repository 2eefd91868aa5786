//! HTTP/1 as bytes (RFC 9112): heads and bodies, read and written. No sockets, no clock.
//!
//! ```text
//! bytes --head--> Parts, Framing --Decoder--> frames      frames --Encoder--> Outgoing --> bytes
//! ```
//!
//! One strict reading for both sides: what two servers could understand in two ways is refused, and what is written is
//! made anew from what was understood, never copied through.

pub mod buffer;
mod chunked;
pub mod decode;
pub mod encode;
pub mod framing;
pub mod head;
pub mod outgoing;

pub use decode::Decoder;
pub use encode::Encoder;
pub use framing::Framing;
pub use outgoing::Outgoing;

/// What no reading makes sense of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The first line, or a header.
    #[error("malformed head: {0}")]
    Head(&'static str),
    /// The head is larger than may be.
    #[error("head too large")]
    TooLarge,
    /// Where the body ends is unclear.
    #[error("malformed framing: {0}")]
    Framing(&'static str),
    /// The body is not framed as its head says.
    #[error("malformed body: {0}")]
    Body(&'static str),
}

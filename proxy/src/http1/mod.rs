//! HTTP/1 as bytes (RFC 9112): heads and bodies, read and written. No sockets of its own, no time-outs.
//!
//! ```text
//! bytes --head--> Parts, Framing --Decoder--> frames      frames --Encoder--> Outgoing --> bytes
//! ```
//!
//! One strict reading for both sides: what two servers could understand in two ways is refused, and what is written is
//! made anew from what was understood, never copied through.

use std::io;

pub mod buffer;
mod chunked;
pub mod connection;
pub mod decode;
pub mod encode;
pub mod framing;
pub mod head;
mod lines;
pub mod outgoing;
mod sending;

pub use decode::Decoder;
pub use encode::Encoder;
pub use framing::Framing;
pub use outgoing::Outgoing;
pub use sending::{Sending, Unsendable};

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
    /// A transfer coding other than `chunked`.
    #[error("unknown transfer coding")]
    Coding,
}

/// Why there is no message, or no more of one.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It ended too early.
    #[error("the connection ended")]
    Ended,
    /// What came is no HTTP/1.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

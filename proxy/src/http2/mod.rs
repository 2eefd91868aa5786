//! Bodies over HTTP/2 (RFC 9113), read and written, of both sides. Frames, flow control and header compression are those of
//! `outrigger-http2`; which side asks and which answers is for `downstream/http2` and `upstream/http2` to know.
//!
//! ```text
//! Receiving --Incoming--> frames      frames --Outgoing--> Sending      CONNECT: Tunneled, both at once
//! ```

mod incoming;
mod outgoing;
mod tunneled;

pub use incoming::Incoming;
pub use outgoing::{Outgoing, Unsendable};
pub use tunneled::Tunneled;

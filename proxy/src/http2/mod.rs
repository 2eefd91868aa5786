//! Bodies over HTTP/2 (RFC 9113), read and written, of both sides. Frames, flow control and header compression are the h2
//! crate's; which side asks and which answers is for `downstream/http2` and `upstream/http2` to know.
//!
//! ```text
//! RecvStream --Incoming--> frames      frames --Outgoing--> SendStream      CONNECT: Tunneled, both at once
//! ```

mod incoming;
mod outgoing;
mod tunneled;
pub mod windows;

use http::HeaderMap;
pub use incoming::Incoming;
pub use outgoing::{Outgoing, Unsendable};
pub use tunneled::Tunneled;
pub use windows::Windows;

/// Whether a name is no token (RFC 9110, 5.6.2), and HTTP/1 would make something else of it. h2 refuses all others, and lets
/// a quotation mark through.
pub fn has_foreign_name(headers: &HeaderMap) -> bool {
    let mut names = headers.keys();
    names.any(|name| name.as_str().as_bytes().contains(&b'"'))
}

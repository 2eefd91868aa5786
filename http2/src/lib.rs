//! HTTP/2 (RFC 9113) for one thread: connections of both sides, whose streams are read and written where their proxy runs.
//!
//! A worker's connections never leave its thread, so nothing here is locked, counted atomically, or sent. What is said on a
//! stream goes into its connection's output at once, or waits where it is until there is room; what comes is taken out of what
//! was read without a copy.
//!
//! ```text
//! bytes --Drive--> State: frames, HPACK, windows --> Receiving      bytes <--Drive-- Output <-- Sending
//! ```
//!
//! Not here: push, priorities (RFC 9218), extended CONNECT (RFC 8441), and time: whoever runs a connection ends it.

mod drive;
mod error;
mod frame;
mod growth;
mod handle;
mod hpack;
mod message;
mod output;
mod settings;
mod state;
mod stream;

pub mod client;
pub mod server;

pub use error::{By, Error, Reason};
pub use handle::{Receiving, Sending};
pub use settings::Settings;

/// What a client says first (RFC 9113, 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

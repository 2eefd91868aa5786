//! The side toward the callers: accepting connections, shaking hands, telling HTTP/1 from HTTP/2, and keeping an eye on them.

pub mod accept;
pub mod client_cert;
pub mod connection;
mod detect;
pub mod forwarded;
pub mod framing;
mod io;
pub mod registry;
pub mod secured;
pub mod survey;

pub use connection::Connection;
pub use registry::Registry;

//! The side toward the callers: accepting connections, finding out what they speak, and keeping an eye on them.

pub mod accept;
pub mod connection;
pub mod detect;
pub mod forwarded;
pub mod framing;
mod io;
pub mod registry;
mod serve;
pub mod survey;

pub use connection::Connection;
pub use registry::Registry;

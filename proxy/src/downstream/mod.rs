//! The side toward the callers: accepting connections, shaking hands, finding out what is spoken, and keeping an eye on them.

pub mod accept;
pub mod begin;
pub mod chatter;
pub mod client_cert;
pub mod connection;
pub mod detect;
mod enter;
mod find_out;
pub mod forwarded;
pub mod http1;
pub mod http2;
mod io;
pub mod registry;
pub mod secured;
pub mod serve;
pub mod survey;
pub mod unread;
pub mod upgrade;

pub use connection::Connection;
pub use registry::Registry;

//! What must hold for any foreign bytes: one function a parser, panicking where it does not.
//!
//! cargo-fuzz drives them (`make fuzz`, the crate in `fuzz/`); [`mutations`] drives them as ordinary tests, since a stable
//! toolchain has no coverage guidance.

mod certificate;
mod client_hello;
mod config;
mod connection;
mod dns;
mod document;
mod forwarded;
mod grpc_health;
mod http1;
mod http1_session;
mod http2;
mod http2_endpoint;
mod http2_session;
mod mutate;
mod proxy_protocol;
mod retry_after;
mod route;
mod session;
mod timeout;
mod trace;
mod xds;

pub use certificate::certificate;
pub use client_hello::client_hello;
pub use config::config;
pub use connection::connection;
pub use dns::dns;
pub use document::document;
pub use forwarded::forwarded;
pub use grpc_health::grpc_health;
pub use http1::http1;
pub use http1_session::http1_session;
pub use http2::http2;
pub use http2_endpoint::http2_endpoint;
pub use http2_session::http2_session;
pub use mutate::mutations;
pub use proxy_protocol::proxy_protocol;
pub use retry_after::retry_after;
pub use route::route;
pub use timeout::timeout;
pub use trace::trace;
pub use xds::xds;

//! What must hold for any foreign bytes: one function a parser, panicking where it does not.
//!
//! cargo-fuzz drives them (`make fuzz`, the crate in `fuzz/`); [`mutations`] drives them as ordinary tests, since a stable
//! toolchain has no coverage guidance.

mod client_hello;
mod config;
mod document;
mod grpc_health;
mod http1;
mod mutate;
mod proxy_protocol;
mod retry_after;
mod route;
mod timeout;
mod trace;
mod xds;

pub use client_hello::client_hello;
pub use config::config;
pub use document::document;
pub use grpc_health::grpc_health;
pub use http1::http1;
pub use mutate::mutations;
pub use proxy_protocol::proxy_protocol;
pub use retry_after::retry_after;
pub use route::route;
pub use timeout::timeout;
pub use trace::trace;
pub use xds::xds;

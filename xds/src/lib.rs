//! The wire form of tables: xDS v3.
//!
//! What a table says becomes the resources that Envoy and proxyless gRPC clients know, and becomes a table again in our
//! proxy. Both ways live here, so that one round trip shows both. A crate of its own, because the generated types of the
//! field's protocol take a minute to compile: neither a change of the file format nor one of the request path should
//! wait for them.

pub mod discovery;
mod kind;
mod resource;

/// The generated types of Envoy's API.
pub use envoy_types::pb;
pub use kind::Kind;
pub use resource::{Resource, version};

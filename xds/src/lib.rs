//! The wire form of tables: xDS v3.
//!
//! What a table says becomes the resources that Envoy and proxyless gRPC clients know, and becomes a table again in our
//! proxy. Both ways live here, so that one round trip shows both. A crate of its own, because the generated types of the
//! field's protocol take a minute to compile: neither a change of the file format nor one of the request path should
//! wait for them.
//!
//! [`encode`] fills the fields of xDS wherever there is one, in the way that others understand best; `remainder.rs` carries
//! the rest, so that what [`decode`] makes of it is what was encoded.

// Envoy deprecates fields faster than control planes leave them: the old ones are read too.
#![allow(deprecated)]

mod address;
mod any;
mod cluster;
pub mod decode;
pub mod discovery;
pub mod encode;
mod endpoints;
mod grpc;
mod hash;
mod kind;
mod listener;
mod parts;
mod refused;
mod remainder;
mod resource;
mod routes;
mod scalar;
mod source;
mod structs;
mod tls;

/// The generated types of Envoy's API.
pub use envoy_types::pb;
pub use kind::Kind;
pub use refused::Refused;
pub use resource::{Resource, version};

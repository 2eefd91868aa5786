//! What may be under way at once: of a cluster connections, requests that wait for one, requests and retries; of a
//! listener connections and requests.
//!
//! Shared by all workers. What is refused is nobody's fault: never charged to an endpoint, never retried. What is let
//! through counts until the end of its response's body. Limits carry over a reload: a changed cap holds at once, and what
//! is under way stays counted.

// Named here, so that the loom test can put its own in this place.
use std::sync::atomic;

pub mod adaptive;
mod cluster;
pub mod connections;
pub mod gate;
pub mod gradient;
mod listener;
mod notice;
pub mod queue;

pub use cluster::{Admitted, Limits, Retrying};
pub use listener::ListenerLimits;
pub use notice::{News, Notice};

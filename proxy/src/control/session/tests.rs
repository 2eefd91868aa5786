//! Both dialects, message by message, and against a control plane that changes its mind at random.
#![allow(clippy::unwrap_used)]

mod exact;
mod model;
mod random;

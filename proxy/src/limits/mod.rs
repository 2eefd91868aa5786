//! Caps.
use std::sync::atomic;
pub mod gate;
pub mod gradient;
pub mod queue;

//! The push: ADS, delta and state of the world.

pub mod session;

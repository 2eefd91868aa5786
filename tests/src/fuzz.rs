//! What must hold for any foreign bytes: one function a parser, panicking where it does not.
//!
//! cargo-fuzz drives them (`make fuzz`, the crate in `fuzz/`); [`mutations`] drives them as ordinary tests, since a stable
//! toolchain has no coverage guidance.

mod config;
mod mutate;
mod route;
mod timeout;
mod trace;

pub use config::config;
pub use mutate::mutations;
pub use route::route;
pub use timeout::timeout;
pub use trace::trace;

//! The routing-table model: what a user may say, its file format and defaults, its checks and messages, its JSON schema.

pub mod model;
mod network;
mod pattern;

pub use model::Config;
pub use network::Network;
pub use pattern::Pattern;

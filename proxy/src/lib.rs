//! The data plane of Outrigger.

pub mod balance;
pub mod endpoint;

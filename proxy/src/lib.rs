//! The data plane of Outrigger: see `stack.rs` for the way of a request, and ARCHITECTURE.md for the map.

pub mod admin;
pub mod app;
pub mod balance;
pub mod body;
pub mod call;
pub mod circuit_breaker;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod discovery;
pub mod downstream;
pub mod endpoint;
pub mod error;
pub mod health_check;
pub mod layer;
pub mod outlier_detection;
pub mod retry;
pub mod route;
pub mod snapshot;
pub mod stack;
pub mod status;
pub mod telemetry;
pub mod upstream;
pub mod worker;

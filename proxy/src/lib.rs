//! x
pub mod telemetry;

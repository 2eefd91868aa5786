//! What the proxy lets people see: metrics, tracing headers, the Trail, the access log, its own log.
//!
//! Everything that runs on a request's way is built before the first request and then only touched: no lock, no look-up
//! by string, no formatting unless somebody reads the result.

pub mod access_log;
pub mod lines;
pub mod log;
pub mod metrics;
pub mod trace;
pub mod trail;

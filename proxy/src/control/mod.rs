//! The control plane as the proxy sees it.

pub mod on_demand;

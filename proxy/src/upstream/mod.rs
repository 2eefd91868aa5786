//! The side toward the endpoints: connections, pools of them, and tunnels. All of it belongs to one worker.

pub mod connect;
pub mod dispatch;
pub mod expect;
mod handover;
pub mod http1;
pub mod http2;
pub mod pool;
mod silence;
pub mod tunnel;
mod upload;

pub use pool::{Pool, Pools};

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

use std::rc::Rc;

pub use pool::{Pool, Pools};

use crate::body::Progress;

/// A connection, or a stream of one, in use by one attempt until its response's body ends.
pub enum Lease {
    /// A whole connection, and the pool that gets it back.
    Http1(Box<http1::Connection>, Rc<Pool>),
    /// One stream of a connection.
    Http2(http2::Stream),
}

impl Lease {
    /// Gives the connection back, if it is in a state to be used again. `now` in microseconds.
    pub fn end(self, progress: Progress, now: u64) {
        match self {
            Self::Http1(connection, pool) if progress == Progress::Complete => {
                pool.give_back(connection, now)
            }
            Self::Http1(..) | Self::Http2(_) => {}
        }
    }
}

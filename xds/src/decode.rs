//! From resources to parts of a table.
//!
//! Takes any bytes without panic and in memory that is bounded by them. What would silently mean something else than its
//! sender meant is refused: an extension that is not known and not optional, TLS, a cluster of a kind that there is not here.
//! What changes no request is passed over: access logs, statistics, tracing, buffers. What is not said has the default of
//! our file format, except where that of xDS decides about requests (the route's time-out of 15 s).
//!
//! References to clusters are unlinked: see `Config::link`.

pub use crate::{
    cluster::{Decoded as Cluster, decode as cluster},
    endpoints::decode as endpoints,
    listener::{Decoded as Listener, Routes, decode as listener},
    routes::decode as routes,
};

//! Hard caps on what runs at once, and the one that adapts.

/// Of a cluster, over all workers. `None`: no cap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClusterLimits {
    /// Connections to its endpoints.
    pub connections: Option<ConnectionLimit>,
    /// Requests in flight, to the end of their bodies.
    pub requests: Option<u32>,
    /// Retries among them.
    pub retries: Option<u32>,
    /// A cap on requests that follows the latency of the endpoints.
    pub adaptive: Option<Adaptive>,
}

/// A cap on connections, and on those who wait for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimit {
    /// Connections that are open.
    pub open: u32,
    /// Requests that wait for one; any more are refused.
    pub pending: u32,
}

/// Between what the cap on requests moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adaptive {
    /// Never lower.
    pub min: u32,
    /// Never higher.
    pub max: u32,
}

/// Of a listener, over all workers. `None`: no cap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerLimits {
    /// Connections that are open.
    pub connections: Option<u32>,
    /// Requests in flight, to the end of their bodies.
    pub requests: Option<u32>,
}

//! When the process has too much to do.

use std::time::Duration;

/// Past these, new requests are refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Overload {
    /// Resident memory.
    pub memory: MemoryBound,
    /// How late a worker gets to what is ready to be done; `None`: whatever it is.
    pub queueing_delay: Option<Duration>,
}

/// How much memory is too much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MemoryBound {
    /// This share of what the cgroup allows; nothing is too much where it sets no bound.
    Share(f64),
    /// These bytes.
    Bytes(u64),
    /// Nothing is.
    Off,
}

//! One address of a cluster and its state, shared by all workers.

// Named here, so that the loom test can put its own in this place.
use std::sync::atomic;

pub mod load;

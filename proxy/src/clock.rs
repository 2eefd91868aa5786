//! Time as the policies see it: microseconds since the process started.
//!
//! A plain `u64` fits an atomic, subtracts without a check, and is what tests and the simulator pass in.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

static START: OnceLock<Instant> = OnceLock::new();

/// Microseconds since the first call in this process.
pub fn now() -> u64 {
    micros(START.get_or_init(Instant::now).elapsed())
}

/// A duration in microseconds; half a million years are as good as more.
pub fn micros(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(u64::from(duration.subsec_micros()))
}

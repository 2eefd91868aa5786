//! Time as the policies see it: microseconds since the process started.
//!
//! A plain `u64` fits an atomic, subtracts without a check, and is what tests and the simulator pass in. Asked of the
//! kernel's page directly: `Instant` costs twice as much, and a request asks three times.

use std::{sync::OnceLock, time::Duration};

use rustix::time::{ClockId, clock_gettime};

static START: OnceLock<u64> = OnceLock::new();

/// Microseconds since the first call in this process.
pub fn now() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    // Neither is negative.
    let now = now.tv_sec as u64 * 1_000_000 + now.tv_nsec as u64 / 1_000;
    now - *START.get_or_init(|| now)
}

/// A duration in microseconds; half a million years are as good as more.
pub fn micros(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(u64::from(duration.subsec_micros()))
}

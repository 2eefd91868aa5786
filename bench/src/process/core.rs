//! Pinning to one core.
//!
//! On a small virtual machine a proxy on another core than its client pays 5 to 10 us of wake-ups a
//! request, differently in each run. On one core the CPU time a request repeats within a few percent.

use anyhow::Result;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins this thread, and all that it starts from now on, to the last core that it may use: the first one
/// serves most interrupts. Returns the core.
pub fn pin_to_one() -> Result<usize> {
    let allowed = sched_getaffinity(None)?;
    let last = (0..CpuSet::MAX_CPU)
        .rev()
        .find(|&core| allowed.is_set(core))
        .unwrap_or_default();
    let mut one = CpuSet::new();
    one.set(last);
    sched_setaffinity(None, &one)?;
    Ok(last)
}

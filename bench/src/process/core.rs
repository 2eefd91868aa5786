//! Pinning to few cores.
//!
//! On a small virtual machine a proxy on another core than its client pays 5 to 10 us of wake-ups a
//! request, differently in each run. On one core the CPU time a request repeats within a few percent.

use anyhow::Result;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Pins this thread, and all that it starts from now on, to the last core that it may use: the first one
/// serves most interrupts. Returns the core.
pub fn pin_to_one() -> Result<usize> {
    Ok(pin_to(1)?.first().copied().unwrap_or_default())
}

/// The same to the last `count` cores, or all if there are fewer. Returns them, the last first.
pub fn pin_to(count: usize) -> Result<Vec<usize>> {
    let allowed = sched_getaffinity(None)?;
    let cores = (0..CpuSet::MAX_CPU).rev();
    let cores: Vec<usize> = cores
        .filter(|&core| allowed.is_set(core))
        .take(count)
        .collect();
    let mut these = CpuSet::new();
    cores.iter().for_each(|&core| these.set(core));
    sched_setaffinity(None, &these)?;
    Ok(cores)
}

//! One bucket that all workers share: an atomic, because a lock that every request of a listener takes would be where
//! the workers queue. `tests/bucket_model.rs` shows with loom that of two who ask at once for the last place one gets it.

use super::{
    atomic::{AtomicU64, Ordering::Relaxed},
    rate::{Rate, Verdict},
};

/// When it is full again, in nanoseconds. Orders are relaxed: nothing else is published through it.
#[derive(Debug)]
pub struct Bucket(AtomicU64);

impl Bucket {
    /// A full one.
    pub fn full() -> Self {
        Self(AtomicU64::new(0))
    }

    /// A request at `now`, in microseconds.
    pub fn take(&self, rate: &Rate, now: u64) -> Verdict {
        let mut full_at = self.0.load(Relaxed);
        loop {
            let (after, verdict) = rate.take(full_at, now);
            // A refusal has nothing to write: a flood costs the workers no fight over the cache line.
            if !verdict.admitted {
                return verdict;
            }
            match self
                .0
                .compare_exchange_weak(full_at, after, Relaxed, Relaxed)
            {
                Ok(_) => return verdict,
                Err(changed) => full_at = changed,
            }
        }
    }
}

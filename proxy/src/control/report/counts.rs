//! What attempts at an endpoint came to since the last report. Kept only once somebody has asked for one.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::outlier_detection::Verdict;

/// Of one endpoint.
#[derive(Debug, Default)]
pub struct Counts {
    judged: AtomicU64,
    failed: AtomicU64,
}

impl Counts {
    /// An attempt has its verdict.
    pub fn judge(&self, verdict: Verdict) {
        let (judged, failed) = match verdict {
            Verdict::Success => (1, 0),
            Verdict::Failure(_) => (1, 1),
            // It was counted as a success when its head came.
            Verdict::BrokenOff { .. } => (0, 1),
            Verdict::Abandoned => return,
        };
        self.judged.fetch_add(judged, Relaxed);
        self.failed.fetch_add(failed, Relaxed);
    }

    /// Those that went well and those that did not, since this was last asked.
    pub fn take(&self) -> (u64, u64) {
        let failed = self.failed.swap(0, Relaxed);
        (self.judged.swap(0, Relaxed).saturating_sub(failed), failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_not_told_again() {
        let counts = Counts::default();
        counts.judge(Verdict::Success);
        counts.judge(Verdict::Success);
        counts.judge(Verdict::BrokenOff {
            wiped: Default::default(),
        });
        counts.judge(Verdict::Abandoned);
        assert_eq!(counts.take(), (1, 1));
        assert_eq!(counts.take(), (0, 0));
    }
}

//! A rolling window: what was counted within the last so-many seconds, in ten slots.
//!
//! The oldest tenth is forgotten at once, not answer by answer: ten slots cost the same at any rate of requests.

const SLOTS: usize = 10;

/// What is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of which the end is known.
    pub requests: u32,
    /// Those that failed.
    pub failures: u32,
    /// Those whose answer took too long, failed or not.
    pub slow: u32,
}

/// Times are in microseconds.
#[derive(Clone, Debug)]
pub(super) struct Window {
    /// How long a slot lasts.
    slot: u64,
    /// Which slot is the last one, counted from the beginning of time.
    last: u64,
    slots: [Counts; SLOTS],
}

impl Window {
    pub(super) fn over(time: u64) -> Self {
        Self {
            slot: (time / SLOTS as u64).max(1),
            last: 0,
            slots: [Counts::default(); SLOTS],
        }
    }

    /// A request ended.
    pub(super) fn add(&mut self, now: u64, failed: bool, slow: bool) {
        let slot = self.slot(now);
        slot.requests = slot.requests.saturating_add(1);
        slot.failures = slot.failures.saturating_add(u32::from(failed));
        slot.slow = slot.slow.saturating_add(u32::from(slow));
    }

    /// A request that had been counted as good failed after all.
    pub(super) fn fail(&mut self, now: u64) {
        let slot = self.slot(now);
        slot.failures = slot.failures.saturating_add(1);
    }

    pub(super) fn counts(&mut self, now: u64) -> Counts {
        self.slot(now);
        let mut sum = Counts::default();
        for slot in &self.slots {
            sum.requests = sum.requests.saturating_add(slot.requests);
            sum.failures = sum.failures.saturating_add(slot.failures);
            sum.slow = sum.slow.saturating_add(slot.slow);
        }
        sum
    }

    pub(super) fn clear(&mut self) {
        self.slots = [Counts::default(); SLOTS];
    }

    /// The slot of `now`. Workers' clocks are read before the lock is had: what is a little late counts as now.
    fn slot(&mut self, now: u64) -> &mut Counts {
        let current = (now / self.slot).max(self.last);
        let passed = (current - self.last).min(SLOTS as u64);
        for slot in current - passed..current {
            self.slots[(slot + 1) as usize % SLOTS] = Counts::default();
        }
        self.last = current;
        &mut self.slots[current as usize % SLOTS]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000;

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut window = Window::over(10 * SECOND);
        window.add(0, true, false);
        window.add(5 * SECOND, false, true);
        let counts = |requests, failures, slow| Counts {
            requests,
            failures,
            slow,
        };
        assert_eq!(window.counts(9 * SECOND), counts(2, 1, 1));
        assert_eq!(window.counts(10 * SECOND), counts(1, 0, 1));
        assert_eq!(window.counts(1000 * SECOND), counts(0, 0, 0));
    }

    proptest! {
        #[test]
        fn the_counts_are_those_of_the_last_ten_slots(
            steps in prop::collection::vec((0_u64..30, any::<bool>()), 1..200),
        ) {
            let mut window = Window::over(100);
            let mut times = Vec::new();
            let mut now = 0;
            for (step, failed) in steps {
                now += step;
                window.add(now, failed, false);
                times.push((now, failed));
                let recent = times.iter().filter(|(at, _)| at / 10 + 10 > now / 10);
                let failures = recent.clone().filter(|(_, failed)| *failed).count();
                let counts = window.counts(now);
                prop_assert_eq!(counts.requests as usize, recent.count());
                prop_assert_eq!(counts.failures as usize, failures);
            }
        }
    }
}

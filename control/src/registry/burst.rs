//! Changes that come close together are one.

use std::time::Duration;

use tokio::time::Instant;

/// After the last event of a burst: files that belong together are written within a few milliseconds, and nobody sees a
/// delay of this size.
pub(super) const SETTLE: Duration = Duration::from_millis(20);

/// After the first: a source that never rests is heard twenty times a second, so that a change among a hundred a second
/// arrives nearly as soon as one alone.
pub(super) const BOUND: Duration = Duration::from_millis(50);

/// When a burst of events is over.
#[derive(Debug, Default)]
pub(super) struct Burst {
    first_and_last: Option<(Instant, Instant)>,
}

impl Burst {
    /// Something has happened.
    pub(super) fn event(&mut self, now: Instant) {
        let first = self.first_and_last.map_or(now, |(first, _)| first);
        self.first_and_last = Some((first, now));
    }

    /// When it is over, unless more happens; `None`: there is none.
    pub(super) fn due(&self) -> Option<Instant> {
        let (first, last) = self.first_and_last?;
        Some((last + SETTLE).min(first + BOUND))
    }

    /// It has been dealt with.
    pub(super) fn over(&mut self) {
        self.first_and_last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_ends_when_it_rests_or_has_lasted_long_enough() {
        let start = Instant::now();
        let mut burst = Burst::default();
        assert_eq!(burst.due(), None);
        burst.event(start);
        assert_eq!(burst.due(), Some(start + SETTLE));
        let mut now = start;
        while burst.due() > Some(now) && now < start + 2 * BOUND {
            now += SETTLE / 2;
            burst.event(now);
        }
        assert_eq!(burst.due(), Some(start + BOUND));
        burst.over();
        assert_eq!(burst.due(), None);
    }
}

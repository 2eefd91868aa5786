//! When a worker gives back memory that is free: once a crowd has left, and not while it would be needed again at once.

/// Between one time and the next, in microseconds. What comes to rest does so within ticks: the second time finds it.
const EVERY: u64 = 5_000_000;

/// So many requests between two ticks are work that needs at once what other work has left.
const BUSY: u64 = 100;

/// What a worker looks at when it ticks.
#[derive(Debug, Default)]
pub(super) struct Quiet {
    /// Requests begun, ever, and connections, as of the last tick.
    seen: (u64, usize),
    /// Until when there may be more to give back than before.
    until: u64,
    /// Not before.
    next: u64,
}

impl Quiet {
    /// Whether memory is to be given back now, in microseconds; to be asked with every tick.
    pub(super) fn gives_back(&mut self, now: u64, begun: u64, connections: usize) -> bool {
        let (before, _) = self.seen;
        if self.seen != (begun, connections) {
            self.until = now + 2 * EVERY;
        }
        self.seen = (begun, connections);
        let due = (self.next..=self.until).contains(&now) && begun - before < BUSY;
        if due {
            self.next = now + EVERY;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: u64 = 500_000;

    /// In which ticks memory is given back, of those that begin so many requests each and then have so many connections.
    fn ticks(seen: impl IntoIterator<Item = (u64, usize)>) -> Vec<u64> {
        let mut quiet = Quiet::default();
        let mut begun = 0;
        let ticks = (1..).zip(seen).filter(|&(tick, (requests, connections))| {
            begun += requests;
            quiet.gives_back(tick * TICK, begun, connections)
        });
        ticks.map(|(tick, _)| tick).collect()
    }

    #[test]
    fn after_a_crowd_it_is_given_back_twice_and_then_no_more() {
        let crowd = [(5_000, 5_000), (0, 5_000), (0, 0)];
        let seen = crowd.into_iter().chain([(0, 0); 100]);
        assert_eq!(ticks(seen), [2, 12, 22]);
    }

    #[test]
    fn under_load_it_is_not() {
        assert!(ticks([(BUSY, 10); 100]).is_empty());
    }

    #[test]
    fn where_little_comes_it_is_given_back_now_and_then() {
        assert_eq!(ticks([(1, 1); 25]), [1, 11, 21]);
    }

    #[test]
    fn who_was_never_asked_anything_gives_nothing_back() {
        assert!(ticks([(0, 0); 100]).is_empty());
    }
}

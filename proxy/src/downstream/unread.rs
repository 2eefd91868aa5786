//! Responses that were given away in one piece, and that their HTTP/2 client opens no window for.
//!
//! What is over in one piece is not watched (`idle_timeout/`): its last part is kept until the window has room for all of it. So these are counted, in two generations:
//! who is still there when the older one has had its time is not read. That costs a request two additions.

use std::cell::Cell;

/// A client may rest for so many times the limit: its stream may be behind others on a slow line.
const LIMITS: u64 = 2;

/// See the module. Sans-IO; times in microseconds.
#[derive(Debug, Default)]
pub struct Unread {
    /// Those of either generation that are not over.
    given: [Cell<u32>; 2],
    young: Cell<usize>,
    /// When the young one began.
    turned: Cell<u64>,
    /// The longest that any of its requests may rest.
    limit: Cell<u64>,
}

/// Which generation a response is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(usize);

impl Unread {
    /// A response is given away to its end, that may rest for `limit`.
    pub fn give(&self, limit: u64) -> Generation {
        let young = self.young.get();
        self.given[young].set(self.given[young].get() + 1);
        self.limit.set(self.limit.get().max(limit));
        Generation(young)
    }

    /// One that was given away is over.
    pub fn end(&self, Generation(index): Generation) {
        self.given[index].set(self.given[index].get() - 1);
    }

    /// Whether one has been there for too long: twice the limit at least, four times at most.
    pub fn is_overdue(&self, now: u64) -> bool {
        if now.saturating_sub(self.turned.get()) <= self.limit.get().saturating_mul(LIMITS) {
            return false;
        }
        let old = 1 - self.young.get();
        let overdue = self.given[old].get() > 0;
        if !overdue {
            self.young.set(old);
            self.turned.set(now);
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: u64 = 1_000;

    /// The first time at which one that is given at `start` and never ends is overdue, looked at every 100.
    fn overdue_after(unread: &Unread, start: u64) -> Option<u64> {
        let mut times = (start..start + 10 * LIMIT).step_by(100);
        times.find(|now| unread.is_overdue(*now))
    }

    #[test]
    fn one_that_stays_is_overdue_after_two_to_four_limits() {
        for age in [0, 900, 1_900, 3_300, 7_000] {
            let unread = Unread::default();
            unread.end(unread.give(LIMIT));
            assert!(!(100..=age).step_by(100).any(|now| unread.is_overdue(now)));
            unread.give(LIMIT);
            let after = overdue_after(&unread, age).map(|at| at - age);
            assert!(
                after.is_some_and(|after| (2 * LIMIT..=4 * LIMIT + 200).contains(&after)),
                "{age}: {after:?}"
            );
        }
    }

    #[test]
    fn others_that_come_and_go_do_not_hide_it() {
        let unread = Unread::default();
        unread.give(LIMIT);
        let overdue = (0..10 * LIMIT).step_by(100).any(|now| {
            unread.end(unread.give(LIMIT));
            unread.is_overdue(now)
        });
        assert!(overdue);
    }

    #[test]
    fn those_that_end_never_are() {
        let unread = Unread::default();
        let mut under_way = Vec::new();
        for now in (0..20 * LIMIT).step_by(100) {
            under_way.push(unread.give(LIMIT));
            if under_way.len() > 15 {
                unread.end(under_way.remove(0));
            }
            assert!(!unread.is_overdue(now), "{now}");
        }
    }
}

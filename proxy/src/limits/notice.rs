//! When people are told that something is refused: once when it begins, once when it has been over for a while.
//!
//! Sans-IO: the owner counts the refusals, asks at every tending, and writes the line.

/// So long without a refusal, in microseconds, and it is over: what comes and goes by the second is one story.
const OVER: u64 = 10_000_000;

/// See the module.
#[derive(Debug, Default)]
pub struct Notice {
    /// Refusals as of the last look.
    seen: u64,
    /// Since there were any: how many there had been before, and when the last was seen.
    going_on: Option<(u64, u64)>,
}

/// What is worth a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// The first refusals: so many since the last look.
    Begins(u64),
    /// There have been none for a while: so many in all.
    Over(u64),
}

impl Notice {
    /// Looks at how many there have been ever. `now` in microseconds.
    pub fn tend(&mut self, now: u64, refused: u64) -> Option<News> {
        let before = std::mem::replace(&mut self.seen, refused);
        match self.going_on {
            _ if refused > before => {
                let begins = self.going_on.is_none();
                let since = self.going_on.map_or(before, |(since, _)| since);
                self.going_on = Some((since, now));
                begins.then_some(News::Begins(refused - before))
            }
            Some((since, last)) if now.saturating_sub(last) >= OVER => {
                self.going_on = None;
                Some(News::Over(refused - since))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_at_the_begin_and_one_at_the_end_with_the_whole_count() {
        let mut notice = Notice::default();
        assert_eq!(notice.tend(1, 0), None);
        assert_eq!(notice.tend(2, 3), Some(News::Begins(3)));
        assert_eq!(notice.tend(3, 8), None);
        assert_eq!(notice.tend(2 + OVER, 8), None);
        assert_eq!(notice.tend(3 + OVER, 8), Some(News::Over(8)));
        assert_eq!(notice.tend(4 + OVER, 8), None);
        assert_eq!(notice.tend(5 + OVER, 9), Some(News::Begins(1)));
        assert_eq!(notice.tend(5 + 2 * OVER, 9), Some(News::Over(1)));
    }
}

//! What became of the requests: those that met a dead proxy are nobody's fault but the killer's.

use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};

use crate::{load::Failure, scenario::client::Sent};

/// In numbers.
pub(super) struct Fates {
    succeeded: usize,
    /// Sent while the proxy was dead, or under way when it died.
    excused: usize,
    pub(super) failed: usize,
    failures: BTreeMap<Failure, usize>,
    /// When the first few were due, in seconds since the start.
    when: Vec<f64>,
    /// Of those that succeeded while the proxy lived.
    slowest: Duration,
}

impl Fates {
    /// Of these requests, with a proxy that was dead at these times.
    pub(super) fn of(sent: &[Sent], dead: &[Range<Duration>]) -> Self {
        let mut fates = Self {
            succeeded: 0,
            excused: 0,
            failed: 0,
            failures: BTreeMap::new(),
            when: Vec::new(),
            slowest: Duration::ZERO,
        };
        for sent in sent {
            let end = sent.due + sent.took;
            let excused = dead
                .iter()
                .any(|dead| sent.due <= dead.end && end >= dead.start);
            match sent.outcome {
                _ if excused => fates.excused += 1,
                Ok(()) => {
                    fates.succeeded += 1;
                    fates.slowest = fates.slowest.max(sent.took);
                }
                Err(failure) => {
                    fates.failed += 1;
                    *fates.failures.entry(failure).or_default() += 1;
                    if fates.when.len() < 10 {
                        fates.when.push(sent.due.as_secs_f64());
                    }
                }
            }
        }
        fates
    }
}

impl fmt::Display for Fates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            succeeded, excused, ..
        } = self;
        write!(
            f,
            "{succeeded} requests succeeded, {} failed; {excused} met a dead proxy and do not count. The slowest answer took \
             {:.0} ms.",
            self.failed,
            self.slowest.as_secs_f64() * 1e3
        )?;
        for (failure, count) in &self.failures {
            write!(f, " {failure}: {count}.")?;
        }
        if !self.when.is_empty() {
            write!(f, " The first failures were due at {:.2?} s.", self.when)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_meets_a_dead_proxy_is_excused_and_nothing_else() {
        let sent = |due: u64, took: u64, outcome| Sent {
            due: Duration::from_millis(due),
            late: Duration::ZERO,
            took: Duration::from_millis(took),
            outcome,
        };
        let failed = Err(Failure::Reset);
        let all = [
            sent(0, 9, Ok(())),
            sent(5, 10, failed),
            sent(15, 1, failed),
            sent(21, 1, failed),
        ];
        let dead = Duration::from_millis(10)..Duration::from_millis(20);
        let fates = Fates::of(&all, &[dead]);
        assert_eq!(
            (fates.succeeded, fates.excused, fates.failed),
            (1, 2, 1),
            "{fates}"
        );
    }
}

//! The tables.

use std::fmt;

use super::total::Total;

/// The head of a table; times are in milliseconds.
pub(super) const HEAD: &str = "row                       requests      p50      p99    p99.9  failed %  load  peak  uneven %  bad %  worst seed, its p99";

/// A row: sums over the runs.
pub(super) struct Row<'a> {
    name: &'a str,
    total: &'a Total,
}

impl<'a> Row<'a> {
    pub(super) fn new(name: &'a str, total: &'a Total) -> Self {
        Self { name, total }
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.total;
        let (load, peak) = total.load();
        let (seed, p99) = total.worst();
        write!(
            out,
            "{:22} {:>11} {:>8.2} {:>8.2} {:>8.2} {:>9.4} {load:>5.2} {peak:>5.2} {:>9.2} {:>6.2} {seed:>6} {p99:>8.2}",
            self.name,
            total.sent,
            total.percentile(0.5),
            total.percentile(0.99),
            total.percentile(0.999),
            total.failed_share() * 100.0,
            total.variation() * 100.0,
            total.share_of_the_bad() * 100.0,
        )
    }
}

//! The table: a row for each balancer, over all seeds of a scenario.

use std::fmt;

use super::result::{Run, histogram};

/// The table's head; times are in microseconds.
pub(super) const HEAD: &str = "balancer         requests       p50       p99     p99.9  failed %  uneven  bad %      newcomer";

/// Sums over the runs, but the worst of them for evenness and the newcomer's wait.
pub(super) struct Row<'a> {
    name: &'static str,
    runs: Vec<Run<'a>>,
}

impl<'a> Row<'a> {
    pub(super) fn new(name: &'static str, runs: impl Iterator<Item = Run<'a>>) -> Self {
        Self {
            name,
            runs: runs.collect(),
        }
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut latency = histogram();
        self.runs.iter().for_each(|run| latency += &run.latency);
        let percentile = |quantile| latency.value_at_quantile(quantile) as f64 / 1e3;
        let sum = |of: fn(&Run<'_>) -> u64| self.runs.iter().map(of).sum::<u64>() as f64;
        let failed = sum(|run| run.failed) / latency.len() as f64;
        let bad = sum(|run| run.to_the_bad()) / sum(|run| run.attempts.iter().sum());
        let uneven = self.runs.iter().map(Run::unevenness).fold(1.0, f64::max);
        let newcomer = self.runs.iter().filter_map(Run::newcomer_waited).max();
        write!(
            out,
            "{:15} {:>9} {:>9.0} {:>9.0} {:>9.0} {:>9.4} {:>7.3} {:>6.3} {:>13}",
            self.name,
            latency.len(),
            percentile(0.5),
            percentile(0.99),
            percentile(0.999),
            failed * 100.0,
            uneven,
            bad * 100.0,
            newcomer.map_or("-".into(), |nanos| format!("{:.0}", nanos as f64 / 1e3)),
        )
    }
}

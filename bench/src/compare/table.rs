//! Medians, ratios, and their form in Markdown.

use std::fmt;

use super::sample::Sample;
use crate::{
    job::Job,
    load::{Pace, Percentiles},
    peer::Peer,
};

/// The medians of one proxy's samples; units as in [`Sample`].
pub(super) struct Row {
    peer: Peer,
    cpu: Option<f64>,
    user: Option<f64>,
    system: Option<f64>,
    throughput: f64,
    latency: Percentiles,
    failed: u64,
    idle: Option<f64>,
    loaded: Option<f64>,
    start: Option<f64>,
    calls: Option<f64>,
    /// User instructions a request.
    pub(super) instructions: Option<f64>,
}

impl Row {
    pub(super) fn new(peer: Peer, samples: &[Sample]) -> Self {
        let known = |figure: fn(&Sample) -> Option<f64>| median(samples.iter().filter_map(figure));
        let of =
            |figure: fn(&Sample) -> f64| median(samples.iter().map(figure)).unwrap_or(f64::NAN);
        Self {
            peer,
            cpu: known(|sample| Some(sample.user? + sample.system?)),
            user: known(|sample| sample.user),
            system: known(|sample| sample.system),
            throughput: of(|sample| sample.throughput),
            latency: Percentiles {
                p50: of(|sample| sample.latency.p50),
                p99: of(|sample| sample.latency.p99),
                p999: of(|sample| sample.latency.p999),
                max: of(|sample| sample.latency.max),
            },
            failed: samples.iter().map(|sample| sample.failed).sum(),
            idle: known(|sample| sample.idle),
            loaded: known(|sample| sample.loaded),
            start: known(|sample| sample.start),
            calls: known(|sample| sample.calls),
            instructions: None,
        }
    }
}

/// One job's result.
pub(super) struct Table {
    job: Job,
    pub(super) rows: Vec<Row>,
    skipped: Vec<(Peer, String)>,
}

impl Table {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job,
            rows: Vec::new(),
            skipped: Vec::new(),
        }
    }

    /// Notes, and says once, why a figure of `peer` is missing: the first reason is the one to mend.
    pub(super) fn skip(&mut self, peer: Peer, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.skipped.iter().any(|(skipped, _)| *skipped == peer) {
            eprintln!("  SKIPPED {}: {reason}", peer.name());
            self.skipped.push((peer, reason));
        }
    }

    /// The least CPU a request among the others: what Outrigger has to match.
    fn best_peer(&self) -> Option<f64> {
        let others = self.rows.iter().filter(|row| row.peer != Peer::Outrigger);
        others.filter_map(|row| row.cpu).min_by(f64::total_cmp)
    }

    fn direct_p50(&self) -> Option<f64> {
        let direct = self.rows.iter().find(|row| row.peer == Peer::Direct)?;
        Some(direct.latency.p50)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Job { name, about, .. } = self.job;
        writeln!(f, "\n## {name}\n\n{about}\n")?;
        f.write_str(
            "| | CPU us a request | user | system | x best peer | requests a second | p50 us | p99 us | p99.9 us | added p50 us \
             | resident MiB idle | loaded | start ms | instructions | system calls | failed |\n\
             |---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
        )?;
        let best = self.best_peer();
        // At saturation latency is the number of connections over the throughput: nothing is "added".
        let direct = self.direct_p50().filter(|_| self.job.pace != Pace::Closed);
        for row in &self.rows {
            let ratio = row.cpu.zip(best).map(|(cpu, best)| cpu / best);
            let added = direct
                .filter(|_| row.peer != Peer::Direct)
                .map(|direct| row.latency.p50 - direct);
            let cells = [
                number(row.cpu, 2),
                number(row.user, 2),
                number(row.system, 2),
                number(ratio, 2),
                number(Some(row.throughput), 0),
                number(Some(row.latency.p50), 0),
                number(Some(row.latency.p99), 0),
                number(Some(row.latency.p999), 0),
                number(added, 0),
                number(row.idle.map(|size| size / 1024.0), 1),
                number(row.loaded.map(|size| size / 1024.0), 1),
                number(row.start, 0),
                number(row.instructions, 0),
                number(row.calls, 2),
                row.failed.to_string(),
            ];
            writeln!(f, "| {} | {} |", row.peer.name(), cells.join(" | "))?;
        }
        for (peer, reason) in &self.skipped {
            writeln!(
                f,
                "\nSkipped {}: {}.",
                peer.name(),
                reason.trim_end_matches('.')
            )?;
        }
        Ok(())
    }
}

fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

/// The middle value, or the mean of the middle two.
fn median(values: impl Iterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let upper = *values.get(values.len() / 2)?;
    let lower = values[(values.len() - 1) / 2];
    Some((lower + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_does_not_move_the_median() {
        assert_eq!(median([9.0, 1.0, 2.0].into_iter()), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0].into_iter()), Some(2.5));
        assert_eq!(median([].into_iter()), None);
    }
}

//! What came of all runs of a row. Adding up is in whole numbers, so that its order does not matter.

use hdrhistogram::Histogram;

use super::result::{BINS, Bin, Run, histogram};

pub(super) struct Total {
    pub latency: Histogram<u64>,
    pub sent: u64,
    pub failed: u64,
    attempts: u64,
    to_the_bad: u64,
    /// By seed, in no order.
    runs: Vec<Summary>,
    pub bins: Vec<Bin>,
}

/// What is kept of each run.
struct Summary {
    seed: u64,
    p99: u64,
    failed: u64,
    unevenness: f64,
    variation: f64,
    newcomer: Option<u64>,
}

impl Total {
    pub(super) fn new() -> Self {
        Self {
            latency: histogram(2),
            sent: 0,
            failed: 0,
            attempts: 0,
            to_the_bad: 0,
            runs: Vec::new(),
            bins: vec![Bin::new(); BINS],
        }
    }

    pub(super) fn add(&mut self, seed: u64, run: &Run) {
        self.latency += &run.latency;
        self.sent += run.sent;
        self.failed += run.failed;
        self.attempts += run.attempts.iter().sum::<u64>();
        self.to_the_bad += run.to_the_bad();
        self.add_bins(&run.bins);
        self.runs.push(Summary {
            seed,
            p99: run.latency.value_at_quantile(0.99),
            failed: run.failed,
            unevenness: run.unevenness(),
            variation: run.variation(),
            newcomer: run.newcomer_waited(),
        });
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.latency += &other.latency;
        self.sent += other.sent;
        self.failed += other.failed;
        self.attempts += other.attempts;
        self.to_the_bad += other.to_the_bad;
        self.add_bins(&other.bins);
        self.runs.extend(other.runs);
    }

    fn add_bins(&mut self, bins: &[Bin]) {
        for (sum, bin) in self.bins.iter_mut().zip(bins) {
            sum.latency += &bin.latency;
            sum.sent += bin.sent;
            sum.attempts += bin.attempts;
            sum.failed += bin.failed;
        }
    }

    /// In milliseconds.
    pub(super) fn percentile(&self, quantile: f64) -> f64 {
        self.latency.value_at_quantile(quantile) as f64 / 1e6
    }

    pub(super) fn failed_share(&self) -> f64 {
        self.failed as f64 / self.sent.max(1) as f64
    }

    /// Attempts for each request, over the whole and in the worst slice of time.
    pub(super) fn load(&self) -> (f64, f64) {
        let slices = self.bins.iter().filter(|bin| bin.sent > 0);
        let worst = slices.map(|bin| bin.attempts as f64 / bin.sent as f64);
        let whole = self.attempts as f64 / self.sent.max(1) as f64;
        (whole, worst.fold(0.0, f64::max))
    }

    pub(super) fn share_of_the_bad(&self) -> f64 {
        self.to_the_bad as f64 / self.attempts.max(1) as f64
    }

    /// The busiest endpoint to the idlest, of those that are well, in the worst run.
    pub(super) fn unevenness(&self) -> f64 {
        let runs = self.runs.iter().map(|run| run.unevenness);
        runs.fold(1.0, f64::max)
    }

    /// The longest that the last endpoint waited for its first request, in milliseconds, if it joined late.
    pub(super) fn newcomer(&self) -> Option<f64> {
        let longest = self.runs.iter().filter_map(|run| run.newcomer).max();
        longest.map(|nanos| nanos as f64 / 1e6)
    }

    /// The median over the runs of how much endpoints differ.
    pub(super) fn variation(&self) -> f64 {
        let mut all: Vec<f64> = self.runs.iter().map(|run| run.variation).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or(0.0)
    }

    /// The seed of the run that most failed in or, if they are alike in that, whose p99 is longest (in milliseconds).
    pub(super) fn worst(&self) -> (u64, f64) {
        let worst = self
            .runs
            .iter()
            .max_by_key(|run| (run.failed, run.p99, run.seed));
        worst.map_or((0, 0.0), |run| (run.seed, run.p99 as f64 / 1e6))
    }
}

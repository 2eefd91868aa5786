//! What an endpoint did lately: requests, failures, and how long its answers took.
//!
//! Kept only where a statistical detector wants it. Workers add; the control thread lets the past fade, in place, by
//! the share of the window that has gone by, so that a rate of requests and a window always make the same count. An
//! answer is counted in a bucket of its latency, four an octave: their median is what one slow answer cannot move.

use std::time::Duration;

use super::atomic::{AtomicU32, Ordering::Relaxed};

/// From 64 us to 67 s; what is outside counts at the end.
const OCTAVES: usize = 20;

/// Linear quarters of an octave: a median is known to a tenth or so.
const BUCKETS: usize = 4 * OCTAVES;

/// The lowest power of two that is told apart, in microseconds.
const LOWEST: u32 = 6;

/// What one event counts, so that whole numbers can fade.
const ONE: u32 = 64;

/// Of one endpoint.
#[derive(Debug)]
pub struct Tally {
    requests: AtomicU32,
    failures: AtomicU32,
    answers: [AtomicU32; BUCKETS],
}

/// What a tally says at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Attempts with a verdict.
    pub requests: f64,
    /// Those that failed.
    pub failures: f64,
    /// Those whose latency is known.
    pub answers: f64,
    /// The median of these latencies in seconds; 0 if there are none.
    pub median: f64,
}

impl Tally {
    /// Of nothing.
    pub fn new() -> Self {
        Self {
            requests: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            answers: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }

    /// An attempt has its verdict.
    pub fn judged(&self, failed: bool) {
        self.requests.fetch_add(ONE, Relaxed);
        if failed {
            self.failures.fetch_add(ONE, Relaxed);
        }
    }

    /// What was no failure is one after all.
    pub fn overruled(&self) {
        self.failures.fetch_add(ONE, Relaxed);
    }

    /// An answer took so long.
    pub fn answered(&self, took: Duration) {
        self.answers[bucket(took)].fetch_add(ONE, Relaxed);
    }

    /// Leaves this share of what was counted, 0 to 1.
    pub fn fade(&self, left: f64) {
        let cells = [&self.requests, &self.failures].into_iter();
        for cell in cells.chain(&self.answers) {
            let mut seen = cell.load(Relaxed);
            while seen > 0 {
                let faded = (f64::from(seen) * left) as u32;
                match cell.compare_exchange_weak(seen, faded, Relaxed, Relaxed) {
                    Ok(_) => break,
                    Err(newer) => seen = newer,
                }
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.fade(0.0);
    }

    /// As it stands.
    pub fn totals(&self) -> Totals {
        let count = |cell: &AtomicU32| f64::from(cell.load(Relaxed)) / f64::from(ONE);
        let answers: Vec<f64> = self.answers.iter().map(count).collect();
        Totals {
            requests: count(&self.requests),
            failures: count(&self.failures),
            answers: answers.iter().sum(),
            median: median(&answers),
        }
    }
}

impl Default for Tally {
    fn default() -> Self {
        Self::new()
    }
}

fn bucket(took: Duration) -> usize {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let micros = micros.max(1 << LOWEST);
    let power = micros.ilog2();
    let quarter = (micros >> (power - 2)) & 3;
    ((power - LOWEST) as usize * 4 + quarter as usize).min(BUCKETS - 1)
}

/// Where a bucket begins, in seconds.
fn lower(bucket: usize) -> f64 {
    let power = LOWEST + (bucket / 4) as u32;
    (1u64 << power) as f64 * (1.0 + (bucket % 4) as f64 / 4.0) / 1e6
}

/// As if the answers of a bucket were evenly spread over it.
fn median(answers: &[f64]) -> f64 {
    let mut left = answers.iter().sum::<f64>() / 2.0;
    for (bucket, &count) in answers.iter().enumerate() {
        if count > 0.0 && left <= count {
            let (from, to) = (lower(bucket), lower(bucket + 1));
            return from + (to - from) * left / count;
        }
        left -= count;
    }
    0.0
}

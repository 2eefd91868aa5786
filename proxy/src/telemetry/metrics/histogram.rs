//! A histogram of durations with fixed buckets: what a scrape costs and what a request costs are known beforehand.

use std::{
    array,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Upper bounds (inclusive) in microseconds, and as the label `le` in seconds.
///
/// From 100 us, because a healthy endpoint beside us answers in that (a floor of 1 ms, as others have it, shows such a
/// service as one flat bucket), to 60 s, the longest that people wait. Steps of 1, 2.5, 5: a quantile read off two
/// neighbours is wrong by a factor of 1.6 at most.
pub(super) const BOUNDS: [(u64, &str); 18] = [
    (100, "0.0001"),
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (500_000, "0.5"),
    (1_000_000, "1"),
    (2_500_000, "2.5"),
    (5_000_000, "5"),
    (10_000_000, "10"),
    (25_000_000, "25"),
    (60_000_000, "60"),
];

/// With the one above all bounds.
pub(super) const BUCKETS: usize = BOUNDS.len() + 1;

/// For a value of `n` significant bits, the first bucket that may hold it. Neighbouring bounds differ by a factor of at
/// least 2, so between two powers of two lies at most one bound, and one comparison decides the rest.
const FIRST: [u8; 65] = first_buckets();

const fn first_buckets() -> [u8; 65] {
    let mut table = [0; 65];
    let mut bits = 1;
    while bits <= 64 {
        let smallest = 1 << (bits - 1);
        let mut bucket = 0;
        while bucket < BOUNDS.len() && BOUNDS[bucket].0 < smallest {
            bucket += 1;
        }
        table[bits] = bucket as u8;
        bits += 1;
    }
    table
}

fn bucket(micros: u64) -> usize {
    let first = usize::from(FIRST[(u64::BITS - micros.leading_zeros()) as usize]);
    match BOUNDS.get(first) {
        Some(&(bound, _)) if micros > bound => first + 1,
        _ => first,
    }
}

/// How durations are spread.
#[derive(Clone, Debug, Default)]
pub struct Histogram(Arc<Cells>);

#[derive(Debug)]
struct Cells {
    /// Not cumulative: an observation touches one. The count of all is their sum.
    buckets: [AtomicU64; BUCKETS],
    /// Microseconds: in nanoseconds 10,000 requests of a second each per second would wrap it in three weeks.
    sum: AtomicU64,
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            buckets: array::from_fn(|_| AtomicU64::new(0)),
            sum: AtomicU64::new(0),
        }
    }
}

impl Cells {
    fn observe(&self, micros: u64) {
        self.buckets[bucket(micros)].fetch_add(1, Relaxed);
        self.sum.fetch_add(micros, Relaxed);
    }
}

impl Histogram {
    /// Counts one duration, cut to whole microseconds.
    pub fn observe(&self, duration: Duration) {
        self.0
            .observe(duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros()));
    }

    /// The count of each bucket, from short to long, and the sum in microseconds.
    pub(super) fn read(&self) -> ([u64; BUCKETS], u64) {
        (
            array::from_fn(|bucket| self.0.buckets[bucket].load(Relaxed)),
            self.0.sum.load(Relaxed),
        )
    }

    pub(super) fn handles(&self) -> usize {
        Arc::strong_count(&self.0)
    }
}

impl metrics::HistogramFn for Cells {
    /// In seconds, as the macros have it. What is no duration (negative, not a number) counts as 0.
    fn record(&self, seconds: f64) {
        self.observe((seconds * 1e6) as u64);
    }
}

impl From<Histogram> for metrics::Histogram {
    fn from(histogram: Histogram) -> Self {
        Self::from_arc(histogram.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn bounds_at_least_double_so_that_one_comparison_finds_a_bucket() {
        assert!(BOUNDS.windows(2).all(|pair| pair[1].0 >= 2 * pair[0].0));
    }

    #[test]
    fn labels_are_their_bounds_in_seconds() {
        for (micros, le) in BOUNDS {
            assert_eq!((le.parse::<f64>().unwrap() * 1e6).round() as u64, micros);
        }
    }

    #[test]
    fn a_value_falls_into_the_first_bucket_whose_bound_it_does_not_exceed() {
        let by_search = |micros| BOUNDS.partition_point(|&(bound, _)| bound < micros);
        let edges = BOUNDS
            .iter()
            .flat_map(|&(bound, _)| [bound - 1, bound, bound + 1]);
        let powers = (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1]);
        for micros in edges.chain(powers).chain([0, u64::MAX]) {
            assert_eq!(bucket(micros), by_search(micros), "{micros} us");
        }
    }

    #[test]
    fn an_observation_counts_once_and_adds_to_the_sum() {
        let histogram = Histogram::default();
        histogram.observe(Duration::from_micros(100));
        histogram.observe(Duration::from_micros(101));
        histogram.observe(Duration::from_secs(3600));
        let (buckets, sum) = histogram.read();
        assert_eq!((buckets[0], buckets[1], buckets[BUCKETS - 1]), (1, 1, 1));
        assert_eq!(sum, 3_600_000_201);
    }

    #[test]
    fn seconds_of_the_macros_are_durations_or_nothing() {
        let histogram = Histogram::default();
        for seconds in [0.000_2, f64::NAN, -1.0] {
            metrics::Histogram::from(histogram.clone()).record(seconds);
        }
        let (buckets, sum) = histogram.read();
        assert_eq!((buckets[0], buckets[1], sum), (2, 1, 200));
    }
}

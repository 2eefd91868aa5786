//! A digest of recent latencies: enough of them to say what the slowest few in a hundred took.
//!
//! Counts on a logarithmic scale, sixteen steps an octave (a value is known to 6 %), of this window and the one before:
//! what is told is of the last 10 to 20 seconds. A reservoir would be exact on fewer samples; a fading sketch would
//! fade smoothly; this is a few additions and forgets for good.

/// How long a window lasts, in microseconds.
const WINDOW: u64 = 10_000_000;

/// Steps of an octave, as a power of two.
const STEP_BITS: u32 = 4;

/// Up to 2^27 microseconds, two minutes; what is slower counts there.
const OCTAVES: usize = 24;

const BUCKETS: usize = OCTAVES << STEP_BITS;

/// Fewer samples say nothing about their tail.
pub const FEWEST: u64 = 50;

/// Latencies of the last seconds. Times are in microseconds.
#[derive(Clone, Debug)]
pub struct Digest {
    /// Since when the current window lasts.
    since: u64,
    current: Box<[u32; BUCKETS]>,
    before: Box<[u32; BUCKETS]>,
}

impl Digest {
    /// Nothing known yet, at `now`.
    pub fn new(now: u64) -> Self {
        Self {
            since: now,
            current: Box::new([0; BUCKETS]),
            before: Box::new([0; BUCKETS]),
        }
    }

    /// One more.
    pub fn observe(&mut self, now: u64, latency: u64) {
        self.roll(now);
        let count = &mut self.current[bucket(latency)];
        *count = count.saturating_add(1);
    }

    /// What this share of the latencies, 0 to 1, took at most; `None` if there are too few to say.
    pub fn quantile(&mut self, now: u64, share: f64) -> Option<u64> {
        self.roll(now);
        let counts = self.current.iter().zip(self.before.iter());
        let counts = counts.map(|(current, before)| u64::from(*current) + u64::from(*before));
        let total: u64 = counts.clone().sum();
        if total < FEWEST {
            return None;
        }
        let wanted = ((total as f64 * share).ceil() as u64).clamp(1, total);
        let mut seen = 0;
        let at = counts.into_iter().position(|count| {
            seen += count;
            seen >= wanted
        })?;
        Some(most(at))
    }

    fn roll(&mut self, now: u64) {
        let windows = now.saturating_sub(self.since) / WINDOW;
        if windows == 0 {
            return;
        }
        self.since += windows * WINDOW;
        std::mem::swap(&mut self.current, &mut self.before);
        self.current.fill(0);
        if windows > 1 {
            self.before.fill(0);
        }
    }
}

/// The first sixteen buckets are a microsecond each; from there on each octave has sixteen.
fn bucket(latency: u64) -> usize {
    let octave = (latency | 1).ilog2().saturating_sub(STEP_BITS);
    let step = (latency >> octave) as usize;
    let bucket = ((octave as usize) << STEP_BITS) + step;
    bucket.min(BUCKETS - 1)
}

/// The largest latency of a bucket.
fn most(bucket: usize) -> u64 {
    let octave = (bucket >> STEP_BITS).saturating_sub(1);
    let step = (bucket - (octave << STEP_BITS)) as u64;
    ((step + 1) << octave) - 1
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn too_few_samples_say_nothing() {
        let mut digest = Digest::new(0);
        for _ in 1..FEWEST {
            digest.observe(0, 1000);
        }
        assert_eq!(digest.quantile(0, 0.5), None);
        digest.observe(0, 1000);
        assert!(digest.quantile(0, 0.5).is_some());
    }

    #[test]
    fn what_is_older_than_two_windows_is_forgotten() {
        let mut digest = Digest::new(0);
        (0..100).for_each(|_| digest.observe(1, 1000));
        assert!(digest.quantile(2 * WINDOW - 1, 0.5).is_some());
        assert_eq!(digest.quantile(2 * WINDOW, 0.5), None);
        (0..100).for_each(|_| digest.observe(7 * WINDOW, 1000));
        assert!(digest.quantile(8 * WINDOW - 1, 0.5).is_some());
    }

    #[test]
    fn what_took_longer_than_all_that_can_be_told_is_as_slow_as_can_be_told() {
        let mut digest = Digest::new(0);
        (0..100).for_each(|_| digest.observe(0, u64::MAX));
        assert_eq!(digest.quantile(0, 0.99), Some((1 << 27) - 1));
    }

    proptest! {
        #[test]
        fn a_quantile_is_the_exact_one_or_up_to_a_sixteenth_more(
            mut latencies in prop::collection::vec(0..100_000_000u64, 50..300),
            share in 0.5..=1.0f64,
        ) {
            let mut digest = Digest::new(0);
            for latency in &latencies {
                digest.observe(0, *latency);
            }
            latencies.sort_unstable();
            let rank = (latencies.len() as f64 * share).ceil() as usize;
            let exact = latencies[rank - 1];
            let told = digest.quantile(0, share).unwrap();
            prop_assert!(told >= exact && told <= exact + exact / 16, "{told} for {exact}");
        }
    }
}

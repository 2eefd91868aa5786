//! How long a cluster's attempts took lately, for the routes that hedge by a percentile of it.
//!
//! Kept only while a route asks: otherwise an attempt pays one relaxed load. Attempts that were given up count with the
//! time they had had, or the percentile would creep down as hedges cut the tail off.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::digest::Digest;
use crate::clock;

/// Of one cluster.
#[derive(Default)]
pub struct Latency {
    asked: AtomicBool,
    watch: Mutex<Watch>,
}

#[derive(Default)]
struct Watch {
    digest: Option<Digest>,
    percentiles: Vec<Weak<Percentile>>,
}

/// One percentile that somebody asks for, computed anew four times a second.
pub struct Percentile {
    share: f64,
    /// In microseconds; 0: not known.
    latency: AtomicU64,
}

impl Percentile {
    /// Of the last seconds; `None`: there were too few attempts to say.
    pub fn latency(&self) -> Option<Duration> {
        match self.latency.load(Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Which one, 0 to 1.
    pub fn share(&self) -> f64 {
        self.share
    }
}

impl Latency {
    /// What this share of the attempts takes at most, from now on for as long as what is returned lives.
    pub fn ask(&self, share: f64) -> Arc<Percentile> {
        let mut watch = self.watch();
        watch
            .digest
            .get_or_insert_with(|| Digest::new(clock::now()));
        self.asked.store(true, Relaxed);
        if let Some(known) = watch.asked().find(|known| known.share == share) {
            return known;
        }
        let percentile = Arc::new(Percentile {
            share,
            latency: AtomicU64::new(0),
        });
        watch.percentiles.push(Arc::downgrade(&percentile));
        percentile
    }

    /// An attempt took so long, to the head of its response or until it was given up. `now` in microseconds.
    pub fn observe(&self, now: u64, took: Duration) {
        if self.asked.load(Relaxed)
            && let Some(digest) = &mut self.watch().digest
        {
            digest.observe(now, clock::micros(took));
        }
    }

    /// What changes with time alone. `now` in microseconds.
    pub fn tend(&self, now: u64) {
        if !self.asked.load(Relaxed) {
            return;
        }
        let mut watch = self.watch();
        watch.percentiles.retain(|asked| asked.strong_count() > 0);
        if watch.percentiles.is_empty() {
            watch.digest = None;
            self.asked.store(false, Relaxed);
        }
        let asked: Vec<_> = watch.asked().collect();
        if let Some(digest) = &mut watch.digest {
            for percentile in asked {
                let latency = digest.quantile(now, percentile.share);
                percentile
                    .latency
                    .store(latency.map_or(0, |latency| latency.max(1)), Relaxed);
            }
        }
    }

    /// What is asked for.
    pub fn percentiles(&self) -> Vec<Arc<Percentile>> {
        self.watch().asked().collect()
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    fn asked(&self) -> impl Iterator<Item = Arc<Percentile>> {
        self.percentiles.iter().filter_map(Weak::upgrade)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hedge::digest::FEWEST;

    #[test]
    fn a_percentile_is_told_as_long_as_somebody_asks() {
        let latency = Latency::default();
        let now = clock::now();
        let observe = || (0..FEWEST).for_each(|_| latency.observe(now, Duration::from_millis(3)));
        observe();
        let median = latency.ask(0.5);
        latency.tend(now);
        assert_eq!(median.latency(), None, "what came before was not kept");
        observe();
        latency.tend(now);
        let told = median.latency().unwrap_or_default();
        assert!(
            told >= Duration::from_millis(3) && told < Duration::from_millis(4),
            "{told:?}"
        );
        assert!(
            Arc::ptr_eq(&median, &latency.ask(0.5)),
            "one cell for all who ask the same"
        );
        drop(median);
        latency.tend(now);
        assert!(latency.watch().digest.is_none());
    }
}

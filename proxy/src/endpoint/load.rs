//! What all workers know together about one endpoint's load.
//!
//! A few numbers, each in one atomic: no lock, and no reader sees half an update. An estimate and the time of its
//! last change are packed into 64 bits and swapped together; the arithmetic is in [`estimate`], free of atomics.
//! Every order is relaxed: a pick that sees a number some nanoseconds late is as good a pick, and nothing else is
//! published through these. What must hold is that no count and no change is lost: `tests/load_model.rs` shows it
//! with loom, for every interleaving.
//!
//! [`estimate`]: crate::balance::estimate

use std::time::Duration;

use super::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use crate::balance::estimate::{Decay, FailureShare, LastTwo, PeakEwma, Range, Silence, Tick};

/// How an attempt at an endpoint ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, and well.
    Success,
    /// It refused, broke off, took too long, or answered with an error that is its own.
    Failure,
    /// The client went away first: no verdict, but the endpoint is known to be at least this slow.
    Abandoned,
}

/// The load of one endpoint. Alone on its cache line: neighbours in memory are other endpoints, written by other
/// workers.
#[derive(Debug)]
#[repr(align(64))]
pub struct Load {
    in_flight: AtomicU32,
    peak: AtomicU64,
    recent: AtomicU64,
    failures: AtomicU64,
    silence: AtomicU64,
}

impl Load {
    /// Of an endpoint that nothing is known about.
    pub fn new() -> Self {
        Self {
            in_flight: AtomicU32::new(0),
            peak: AtomicU64::new(PeakEwma::UNKNOWN.pack()),
            recent: AtomicU64::new(LastTwo::NONE.pack()),
            failures: AtomicU64::new(FailureShare::NONE.pack()),
            silence: AtomicU64::new(Silence::NONE.pack()),
        }
    }

    /// An attempt starts.
    pub fn begin(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// An attempt is over, its response's body included. Once for each [`begin`](Self::begin).
    pub fn end(&self) {
        let before = self.in_flight.fetch_sub(1, Relaxed);
        debug_assert!(before > 0, "an attempt ended that never began");
    }

    /// The endpoint is asked for an answer, by an attempt that began at `now`, in microseconds.
    pub fn ask(&self, now: u64, decay: Decay) {
        let now = Tick::at(now);
        change(&self.silence, |packed| {
            Silence::unpack(packed).ask(now, decay).pack()
        });
    }

    /// The head of the answer is there that it was asked for then. Both times are in microseconds.
    pub fn answer(&self, asked: u64, now: u64) {
        let (asked, now) = (Tick::at(asked), Tick::at(now));
        change(&self.silence, |packed| {
            Silence::unpack(packed).answer(asked, now).pack()
        });
    }

    /// The answer that it was asked for then, in microseconds, is not waited for any more. What is to be learned from
    /// that must be [measured](Self::measure) before.
    pub fn give_up(&self, asked: u64) {
        let asked = Tick::at(asked);
        change(&self.silence, |packed| {
            Silence::unpack(packed).give_up(asked).pack()
        });
    }

    /// Learns from an attempt: how long the endpoint took, and how it ended. `now` is in microseconds.
    pub fn observe(&self, now: u64, latency: Duration, outcome: Outcome, decay: Decay) {
        self.measure(now, latency, outcome, decay);
        self.settle(now, outcome, decay);
    }

    /// Learns how long the endpoint took to answer; how that ends may be another matter.
    pub fn measure(&self, now: u64, latency: Duration, outcome: Outcome, decay: Decay) {
        let seconds = latency.as_secs_f32();
        let known = self.peak().last();
        if let (Outcome::Failure, Some(peak)) = (outcome, known)
            && self.silence(now, decay) > peak
        {
            return self.despair(now, seconds.max(peak), decay);
        }
        let now = Tick::at(now);
        // To refuse is quick, and to be left early too: neither may make an endpoint look fast.
        let counts = match outcome {
            Outcome::Success => true,
            Outcome::Failure => known.is_some_and(|peak| seconds > peak),
            Outcome::Abandoned => known.is_none_or(|peak| seconds > peak),
        };
        if counts {
            change(&self.recent, |packed| {
                LastTwo::unpack(packed).observe(seconds).pack()
            });
            change(&self.peak, |packed| {
                PeakEwma::unpack(packed).observe(now, seconds, decay).pack()
            });
        }
    }

    /// Learns from an attempt that failed while nothing else was answered either: that is more than one slow answer, and
    /// counts for two.
    fn despair(&self, now: u64, seconds: f32, decay: Decay) {
        self.recent.store(LastTwo::both(seconds).pack(), Relaxed);
        change(&self.peak, |packed| {
            PeakEwma::unpack(packed)
                .observe(Tick::at(now), seconds, decay)
                .pack()
        });
    }

    /// Learns how an attempt ended.
    pub fn settle(&self, now: u64, outcome: Outcome, decay: Decay) {
        if outcome != Outcome::Abandoned {
            let (now, failed) = (Tick::at(now), outcome == Outcome::Failure);
            change(&self.failures, |packed| {
                FailureShare::unpack(packed)
                    .observe(now, failed, decay)
                    .pack()
            });
        }
    }

    /// Forgets its failures.
    pub fn forgive(&self) {
        self.failures.store(FailureShare::NONE.pack(), Relaxed);
    }

    /// Gives an endpoint that was never measured a first estimate; a measured one keeps its own.
    pub fn seed(&self, now: u64, latency: Duration) {
        let (now, seconds) = (Tick::at(now), latency.as_secs_f32());
        change(&self.peak, |packed| {
            PeakEwma::unpack(packed).seed(now, seconds).pack()
        });
    }

    /// Attempts that have begun and not ended.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// What its answers took lately, in seconds; `None` if nothing is known.
    pub fn latency(&self) -> Option<Range> {
        let high = self.peak().last()?;
        Some(Range {
            low: LastTwo::unpack(self.recent.load(Relaxed)).low(),
            high,
        })
    }

    /// What its answers take, in seconds: as long as the last ones, and no less than one that is late; `None` if nothing
    /// is known.
    pub fn expected(&self, now: u64, decay: Decay) -> Option<Range> {
        let (known, silence) = (self.latency(), self.silence(now, decay));
        if silence == 0.0 {
            return known;
        }
        let Range { low, high } = known.unwrap_or(Range::NONE);
        Some(Range {
            low: low.max(silence),
            high: high.max(silence),
        })
    }

    /// How much of what is expected still counts against it after the time without an answer, 1 down to 0.
    pub fn expected_left(&self, now: u64, decay: Decay) -> f32 {
        if self.silence(now, decay) > 0.0 {
            1.0
        } else {
            self.peak().left(Tick::at(now), decay)
        }
    }

    fn silence(&self, now: u64, decay: Decay) -> f32 {
        Silence::unpack(self.silence.load(Relaxed)).lasted(Tick::at(now), decay)
    }

    /// The share of failures among its recent answers, 0 to 1, as of the last one.
    pub fn failure_share(&self) -> f32 {
        self.failures().last()
    }

    /// The share of failures that still counts against it after the time without an answer.
    pub fn failure_share_left(&self, now: u64, decay: Decay) -> f32 {
        self.failures().faded(Tick::at(now), decay)
    }

    fn peak(&self) -> PeakEwma {
        PeakEwma::unpack(self.peak.load(Relaxed))
    }

    fn failures(&self) -> FailureShare {
        FailureShare::unpack(self.failures.load(Relaxed))
    }
}

impl Default for Load {
    fn default() -> Self {
        Self::new()
    }
}

/// Replaces what an atomic holds by what `next` makes of it, whoever else does the same. Writes nothing if nothing
/// changes, which is usual: a cache line that is only read stays with every worker.
fn change(cell: &AtomicU64, next: impl Fn(u64) -> u64) {
    let mut seen = cell.load(Relaxed);
    loop {
        let changed = next(seen);
        if changed == seen {
            return;
        }
        match cell.compare_exchange_weak(seen, changed, Relaxed, Relaxed) {
            Ok(_) => return,
            Err(newer) => seen = newer,
        }
    }
}

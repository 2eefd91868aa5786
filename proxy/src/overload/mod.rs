//! When the process has too much to do: it refuses new requests, early and cheaply, so that those it has taken get well.
//!
//! Two things tell: resident memory, which the control thread looks at while tending, and for each worker how late it
//! gets to what is ready. What is past its bound gives a share of requests to refuse ([`ramp`]), and `layer/admit.rs`
//! refuses it. The admin server is on another thread and unaffected; connections stay open.

pub mod delay;
mod memory;
mod ramp;

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
};

use outrigger_config::model::{self, MemoryBound};

use crate::{
    clock,
    limits::{News, Notice},
    telemetry::metrics::{Label as _, OverloadMetrics, OverloadReason, Registry},
};

/// Nearly all is refused from this multiple of the memory bound: of 95 %, that is 99.75 % of what there may be.
const MEMORY_FULL: f64 = 1.05;

/// Nearly all is refused from this multiple of the bound of the delay.
const DELAY_FULL: f64 = 2.0;

/// How often it is looked whether the cgroup allows another amount, in microseconds: that changes next to never.
const ALLOWED_EVERY: u64 = 10_000_000;

/// What all workers share. Shares are the bits of an `f32`.
pub struct Overload {
    memory: AtomicU32,
    /// The bound of the delay in microseconds.
    delay_bound: AtomicU64,
    /// By worker, in microseconds.
    delays: Box<[AtomicU64]>,
    metrics: OverloadMetrics,
    tending: Mutex<Tending>,
}

/// What the control thread knows.
#[derive(Default)]
struct Tending {
    /// What the cgroup allows, and when to look again.
    allowed: Option<u64>,
    look_again: u64,
    notices: [Notice; OverloadReason::ALL.len()],
}

impl Overload {
    /// Of so many workers.
    pub fn new(workers: usize, config: &model::Overload, registry: &Registry) -> Self {
        let overload = Self {
            memory: AtomicU32::new(0),
            delay_bound: AtomicU64::new(0),
            delays: (0..workers).map(|_| AtomicU64::new(0)).collect(),
            metrics: OverloadMetrics::new(registry),
            tending: Mutex::default(),
        };
        overload.tend(config, clock::now());
        overload
    }

    /// Looks at the memory, takes over the bounds of the table in force, and tells of what has begun or is over. `now` in
    /// microseconds.
    pub fn tend(&self, config: &model::Overload, now: u64) {
        let bound = config.queueing_delay.map_or(u64::MAX, clock::micros);
        self.delay_bound.store(bound, Relaxed);
        let delays = self.delays.iter().map(|delay| delay.load(Relaxed));
        let delay = delays.max().unwrap_or(0) as f64 / 1e6;
        self.metrics.delay(delay);
        let mut tending = self.tending.lock().unwrap_or_else(PoisonError::into_inner);
        let memory = tending.memory(config.memory, now);
        let share = memory.map_or(0.0, |(resident, bound)| {
            ramp::share(resident as f64, bound as f64, MEMORY_FULL)
        });
        self.memory.store(share.to_bits(), Relaxed);
        for &reason in OverloadReason::ALL {
            let refused = self.metrics.refusals(reason).value();
            let (resident, memory_bound) = memory.unwrap_or_default();
            let name = reason.as_str();
            match tending.notices[reason.index()].tend(now, refused) {
                Some(News::Begins(refused)) => tracing::warn!(
                    reason = name,
                    refused,
                    resident,
                    memory_bound,
                    delay,
                    "overload: requests are refused"
                ),
                Some(News::Over(refused)) => tracing::info!(
                    reason = name,
                    refused,
                    resident,
                    memory_bound,
                    delay,
                    "the overload is over"
                ),
                None => {}
            }
        }
    }

    /// A worker's delay is this now, in microseconds; the share of its requests to refuse for it.
    pub fn delayed(&self, worker: usize, delay: u64) -> f32 {
        if let Some(shown) = self.delays.get(worker) {
            shown.store(delay, Relaxed);
        }
        match self.delay_bound.load(Relaxed) {
            u64::MAX => 0.0,
            bound => ramp::share(delay as f64, bound as f64, DELAY_FULL),
        }
    }

    /// Why a request is refused, if it is: by chance, `delayed` being the share for the worker's delay.
    pub fn refuse(&self, delayed: f32, rng: impl FnOnce() -> f32) -> Option<OverloadReason> {
        let memory = f32::from_bits(self.memory.load(Relaxed));
        let share = memory.max(delayed);
        if share == 0.0 || rng() >= share {
            return None;
        }
        let reason = match memory >= delayed {
            true => OverloadReason::Memory,
            false => OverloadReason::QueueingDelay,
        };
        self.metrics.refusals(reason).increment();
        Some(reason)
    }
}

impl Tending {
    /// Resident memory and its bound, in bytes, if there is one.
    fn memory(&mut self, bound: MemoryBound, now: u64) -> Option<(u64, u64)> {
        let bound = match bound {
            MemoryBound::Off => return None,
            MemoryBound::Bytes(bytes) => bytes,
            MemoryBound::Share(share) => {
                if now >= self.look_again {
                    self.allowed = memory::allowed();
                    self.look_again = now + ALLOWED_EVERY;
                }
                (self.allowed? as f64 * share) as u64
            }
        };
        Some((memory::resident()?, bound))
    }
}

//! The cap of a cluster that follows latency, shared by all workers: [`Gradient`] behind a lock, its cap in a gate.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outrigger_config::model;

use super::{
    gate::{Gate, Permit},
    gradient::{Gradient, Sample},
};

/// See the module.
#[derive(Debug)]
pub struct Adaptive {
    gate: Arc<Gate>,
    policy: Mutex<Gradient>,
}

impl Adaptive {
    /// Nothing is known yet.
    pub fn new(bounds: model::Adaptive) -> Arc<Self> {
        let policy = Gradient::new(bounds.min, bounds.max);
        Arc::new(Self {
            gate: Gate::new(policy.limit()),
            policy: Mutex::new(policy),
        })
    }

    /// Other bounds. What is known stays known.
    pub fn set(&self, bounds: model::Adaptive) {
        self.change(|policy| policy.bound(bounds.min, bounds.max));
    }

    /// Lets a request through, if there is room; how many there are with it.
    pub fn enter(&self) -> Option<(Permit, u32)> {
        let permit = self.gate.enter()?;
        Some((permit, self.gate.held()))
    }

    /// Learns from an attempt. `now` in microseconds.
    pub fn observe(&self, now: u64, sample: Sample) {
        self.change(|policy| policy.observe(now, sample));
    }

    /// What changes with time alone.
    pub fn tend(&self, now: u64) {
        self.change(|policy| policy.tend(now));
    }

    /// In flight, and how many there may be.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    fn change(&self, change: impl FnOnce(&mut Gradient)) {
        let mut policy = self.lock();
        change(&mut policy);
        // Under the lock: of two caps the later one stays.
        if policy.limit() != self.gate.cap() {
            self.gate.set_cap(policy.limit());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Gradient> {
        self.policy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

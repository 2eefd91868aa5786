//! A cap on what is under way at once: one number that all workers count up and down.
//!
//! A count goes up only if it is below the cap at that moment, in one step, so that the cap is never exceeded; and it
//! goes down when the permit is dropped, whichever way the work ended. `tests/gate_model.rs` shows both with loom.

use std::sync::Arc;

use super::atomic::{AtomicU32, Ordering::Relaxed};

/// See the module. Alone on its cache line: every request of every worker writes it.
#[derive(Debug)]
#[repr(align(64))]
pub struct Gate {
    cap: AtomicU32,
    held: AtomicU32,
}

/// One of those that a gate lets through, until dropped.
#[derive(Debug)]
pub struct Permit(Arc<Gate>);

impl Gate {
    /// Lets so many through at once.
    pub fn new(cap: u32) -> Arc<Self> {
        Arc::new(Self {
            cap: AtomicU32::new(cap),
            held: AtomicU32::new(0),
        })
    }

    /// The gate of this cap, if there is one. What is under way in the one before stays counted.
    pub fn carry_over(cap: Option<u32>, before: Option<&Arc<Self>>) -> Option<Arc<Self>> {
        let cap = cap?;
        let gate = before.map_or_else(|| Self::new(cap), Arc::clone);
        gate.set_cap(cap);
        Some(gate)
    }

    /// Lets one more through, if there is room.
    pub fn enter(self: &Arc<Self>) -> Option<Permit> {
        let room = |held| (held < self.cap.load(Relaxed)).then_some(held + 1);
        let entered = self.held.fetch_update(Relaxed, Relaxed, room);
        entered.ok().map(|_| Permit(Arc::clone(self)))
    }

    /// Another cap. Permits that are held stay; above the cap nobody enters.
    pub fn set_cap(&self, cap: u32) {
        self.cap.store(cap, Relaxed);
    }

    /// The cap.
    pub fn cap(&self) -> u32 {
        self.cap.load(Relaxed)
    }

    /// Permits held.
    pub fn held(&self) -> u32 {
        self.held.load(Relaxed)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let before = self.0.held.fetch_sub(1, Relaxed);
        debug_assert!(before > 0, "a permit was given back twice");
    }
}

//! What moves on a connection: how much, and when it last did.
//!
//! Written by its worker alone, with every part that is passed on; read by the worker's tick, which shows it in the metrics
//! and ends what rests for too long. No timer a connection.

use std::{cell::Cell, rc::Rc, sync::Arc};

use crate::telemetry::metrics::TcpMetrics;

/// See the module.
pub struct Flow {
    /// The worker's clock as of its last tick.
    tick: Rc<Cell<u64>>,
    /// In microseconds, of that clock.
    moved: Cell<u64>,
    /// Bytes from the caller that the endpoint took.
    received: Cell<u64>,
    /// Bytes from the endpoint that the caller took.
    sent: Cell<u64>,
    /// What of both is in the metrics.
    shown: Cell<(u64, u64)>,
    metrics: Arc<TcpMetrics>,
}

impl Flow {
    /// Nothing has moved yet.
    pub fn new(tick: Rc<Cell<u64>>, metrics: Arc<TcpMetrics>) -> Rc<Self> {
        Rc::new(Self {
            moved: Cell::new(tick.get()),
            tick,
            received: Cell::new(0),
            sent: Cell::new(0),
            shown: Cell::new((0, 0)),
            metrics,
        })
    }

    /// So many bytes of the caller's went on.
    pub fn received(&self, bytes: usize) {
        self.received.set(self.received.get() + bytes as u64);
        self.moved.set(self.tick.get());
    }

    /// So many bytes of the endpoint's went on.
    pub fn sent(&self, bytes: usize) {
        self.sent.set(self.sent.get() + bytes as u64);
        self.moved.set(self.tick.get());
    }

    /// Bytes both ways: in, out.
    pub fn bytes(&self) -> (u64, u64) {
        (self.received.get(), self.sent.get())
    }

    /// Shows what has moved, and says for how long nothing has, in microseconds.
    pub fn rested(&self, now: u64) -> u64 {
        self.show();
        now.saturating_sub(self.moved.get())
    }

    fn show(&self) {
        let (received, sent) = self.bytes();
        let before = self.shown.replace((received, sent));
        if before != (received, sent) {
            self.metrics.moved(received - before.0, sent - before.1);
        }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.show();
    }
}

//! Who is turned away: counted, and told in the log when it begins and when it is over.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{
    limits::{News, Notice},
    proxy_protocol::Addresses,
    telemetry::metrics::{Label as _, Refusal, Registry, TransparentMetrics},
};

/// Of each refusal: when it is told of, and who met it last.
type Notices = [(Notice, Option<Addresses>); Refusal::ALL.len()];

/// Of one listener.
pub struct Refusals {
    listener: Arc<str>,
    metrics: TransparentMetrics,
    notices: Mutex<Notices>,
}

impl Refusals {
    /// None yet.
    pub fn new(listener: &Arc<str>, registry: &Registry) -> Self {
        Self {
            listener: Arc::clone(listener),
            metrics: TransparentMetrics::new(registry, Arc::clone(listener)),
            notices: Mutex::default(),
        }
    }

    /// A connection between these is refused.
    pub fn add(&self, refusal: Refusal, ends: Addresses) {
        self.metrics.refused(refusal).increment();
        self.notices()[refusal.index()].1 = Some(ends);
    }

    /// Tells of them. `now` in microseconds.
    pub fn tend(&self, now: u64) {
        let mut notices = self.notices();
        for &refusal in Refusal::ALL {
            let (notice, last) = &mut notices[refusal.index()];
            let Some(ends) = last else { continue };
            let count = self.metrics.refused(refusal).value();
            let (listener, reason) = (&*self.listener, refusal.as_str());
            let (source, called) = (ends.source, ends.destination);
            match notice.tend(now, count) {
                Some(News::Begins(refused)) => {
                    tracing::warn!(listener, reason, refused, %source, %called, "connections are refused: {}", refusal.advice());
                }
                Some(News::Over(refused)) => {
                    tracing::info!(listener, reason, refused, "no more connections are refused");
                }
                None => {}
            }
        }
    }

    fn notices(&self) -> MutexGuard<'_, Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

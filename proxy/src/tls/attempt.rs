//! One handshake under way, which is counted however it ends.

use std::time::Instant;

use rustls::CommonState;

use super::session::{Version, resumed};
use crate::telemetry::metrics::{HandshakeOutcome, Side, TlsMetrics};

/// Dropped without a verdict it counts as given up: its future was dropped, as nobody waited any longer.
pub(super) struct Attempt<'a> {
    metrics: &'a TlsMetrics,
    side: Side,
    began: Instant,
    over: bool,
}

impl<'a> Attempt<'a> {
    pub(super) fn begin(metrics: &'a TlsMetrics, side: Side) -> Self {
        Self {
            metrics,
            side,
            began: Instant::now(),
            over: false,
        }
    }

    pub(super) fn succeed(mut self, state: &CommonState) {
        self.over = true;
        let (version, resumed) = (Version::of(state), resumed(state));
        self.metrics
            .handshake(self.side, version, resumed, self.began.elapsed());
    }

    pub(super) fn fail(mut self, outcome: HandshakeOutcome) {
        self.over = true;
        self.metrics.failed(self.side, outcome);
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if !self.over {
            self.metrics.failed(self.side, HandshakeOutcome::GivenUp);
        }
    }
}

//! How long a change takes to a proxy.

use std::time::Instant;

use crate::{metric, view::View};

/// The oldest change that a proxy does not have.
#[derive(Debug, Default)]
pub struct Latency {
    seen: Option<Instant>,
    sent: bool,
}

impl Latency {
    /// There is a new view. The first is no change: how old it is says nothing.
    pub fn see(&mut self, view: &View) {
        if !view.repeats() {
            self.seen = self.seen.or(Some(view.seen()));
        }
    }

    /// Something of it is on its way.
    pub fn sent(&mut self) {
        if let Some(seen) = self.seen
            && !std::mem::replace(&mut self.sent, true)
        {
            observe("sent", seen);
        }
    }

    /// The proxy has all of it; or nothing of it was for that proxy.
    pub fn settled(&mut self) {
        if let Some(seen) = self.seen.take()
            && std::mem::take(&mut self.sent)
        {
            observe("accepted", seen);
        }
    }
}

fn observe(stage: &'static str, seen: Instant) {
    let elapsed = seen.elapsed().as_secs_f64();
    metrics::histogram!(metric::DURATION, "stage" => stage).record(elapsed);
}

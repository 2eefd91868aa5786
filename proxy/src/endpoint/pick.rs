//! Whose turn it is: the endpoint of an attempt, and the single requests by which ejected ones come back.

use std::{sync::Arc, time::Duration};

use super::{
    Endpoint, Endpoints,
    atomic::Ordering::Relaxed,
    attempt::Attempt,
    condition::{Seen, State},
    set::Set,
};
use crate::{clock, telemetry::metrics::Locality};

/// When a probe that nothing was heard of is given up for lost: its request may be a long one.
pub const PROBE_LOST: Duration = Duration::from_secs(10);

/// What a pick came to.
pub struct Picked {
    /// Whose turn it is.
    pub endpoint: Arc<Endpoint>,
    /// Whether it is in the proxy's own zone; `None` where zones mean nothing.
    pub locality: Option<Locality>,
    /// The request is sent to see whether an ejected endpoint is well again.
    pub probe: bool,
    /// All were taken for available, because next to none is.
    pub panic: bool,
}

impl Endpoints {
    /// Picks an endpoint for an attempt; one whose id is in `tried` only if there is no other. `now` is in microseconds,
    /// `key` the hash of what the request is to stay with its endpoint by.
    pub fn pick(
        &self,
        now: u64,
        key: Option<u64>,
        tried: &[u64],
        rng: &mut fastrand::Rng,
    ) -> Option<Picked> {
        let set = self.set.load();
        let mut attempt = Attempt {
            tried,
            now,
            slow_start: self.slow_start,
            panic: set.plan().panic(),
        };
        let due = now >= self.next_probe.load(Relaxed) && tried.is_empty();
        let mut probed = due.then(|| self.probe(&set, now, now, tried)).flatten();
        let mut picked = probed.or_else(|| set.pick(attempt, key, rng));
        // All that may be picked have failed this request. Rather than one of them again it asks one that is ejected,
        // before its time: if that is back, nobody has to wait until the others are.
        if !tried.is_empty() && picked.is_none_or(|member| set.is_among(member, tried)) {
            probed = self.probe(&set, u64::MAX, now, tried);
            picked = probed.or(picked);
        }
        // The last one may have gone since the plan was made.
        let picked = picked.or_else(|| {
            attempt.panic = self.rules.panic_threshold > 0.0;
            attempt.panic.then(|| set.pick(attempt, key, rng)).flatten()
        })?;
        let (endpoint, _) = set.members().get(picked)?;
        Some(Picked {
            endpoint: Arc::clone(endpoint),
            locality: set.locality(picked),
            probe: probed.is_some(),
            panic: attempt.panic,
        })
    }

    /// Whether an attempt could go to an endpoint in service whose id is not in `tried`.
    pub fn untried(&self, tried: &[u64]) -> bool {
        self.any_untried(tried, |state| {
            matches!(state, State::Ready | State::Warming { .. })
        })
    }

    /// The same, or to an ejected one, as its probe.
    pub fn untried_or_ejected(&self, tried: &[u64]) -> bool {
        self.any_untried(tried, |state| !matches!(state, State::Probing { .. }))
    }

    fn any_untried(&self, tried: &[u64], takes: impl Fn(State) -> bool) -> bool {
        self.set.load().members().iter().any(|(endpoint, listed)| {
            let Seen { down, state } = endpoint.condition.load();
            !down && takes(state) && listed.weight > 0 && !tried.contains(&endpoint.id)
        })
    }

    /// An ejected endpoint whose time is up by then, and whose id is not in `tried`: the request that asks becomes its
    /// probe.
    fn probe(&self, set: &Set, by: u64, now: u64, tried: &[u64]) -> Option<usize> {
        let lost = now + clock::micros(PROBE_LOST);
        let probed = set.members().iter().position(|(endpoint, listed)| {
            listed.weight > 0 && !tried.contains(&endpoint.id) && endpoint.condition.probe(by, lost)
        });
        self.next_probe.store(set.next_probe(), Relaxed);
        probed
    }

    /// The probe of an endpoint came to nothing: there is another one from then on, in microseconds.
    pub fn probe_again(&self, endpoint: &Endpoint, at: u64) {
        if endpoint.condition.probe_again(at) {
            self.next_probe.fetch_min(at, Relaxed);
        }
    }
}

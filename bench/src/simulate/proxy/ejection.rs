//! What a proxy does about a cause against an endpoint, and about a probe that went well.

use fastrand::Rng;
use outrigger::{
    endpoint::condition::State,
    outlier_detection::{Cause, Census},
};

use super::Proxy;
use crate::simulate::outliers::Sentence;

impl Proxy {
    pub(super) fn eject(&mut self, endpoint: u32, now: u64, cause: Cause, rng: &mut Rng) {
        let census = self.census(endpoint, now);
        let own = self.loads[endpoint as usize].failure_share_left(now, self.decay);
        let Some(outliers) = &mut self.outliers else {
            return;
        };
        match outliers.eject(endpoint, now, cause, &census, own, rng) {
            Sentence::Ejected { until } => self.keep_out(endpoint, until),
            Sentence::Restored => self.restore(endpoint, now),
            Sentence::None => {}
        }
    }

    pub(super) fn keep_out(&mut self, endpoint: u32, until: u64) {
        self.conditions[endpoint as usize].eject(until);
        self.next_probe = self.next_probe.min(until);
    }

    pub(super) fn restore(&mut self, endpoint: u32, now: u64) {
        if let Some(outliers) = &mut self.outliers {
            outliers.ejections.restore(u64::from(endpoint), now);
            outliers.forgive(endpoint);
        }
        self.loads[endpoint as usize].forgive();
        self.conditions[endpoint as usize].restore(now);
    }

    fn census(&self, about: u32, now: u64) -> Census {
        let mut census = Census::default();
        for &endpoint in &self.table.set {
            let load = &self.loads[endpoint as usize];
            let peer = (endpoint != about).then(|| load.failure_share_left(now, self.decay));
            census.count(self.is_out(endpoint), false, peer);
        }
        census
    }

    pub(super) fn is_out(&self, endpoint: u32) -> bool {
        let state = self.conditions[endpoint as usize].load().state;
        matches!(state, State::Ejected { .. } | State::Probing { .. })
    }
}

//! What the control thread does, four times a second: compares the endpoints, gives probes up for lost, and lets
//! return who may not be ejected any more.

use outrigger_config::model;

use super::{Cause, Census, OutlierDetection, Totals, ejected, micros, statistics};
use crate::{
    endpoint::{Endpoint, PROBE_LOST, condition::State},
    snapshot::Cluster,
};

/// How often endpoints are compared, in microseconds: a tenth of the usual window, so that the time to detect is that
/// of the window.
const LOOK: u64 = 500_000;

impl OutlierDetection {
    /// What changes with time alone. `now` is in microseconds.
    pub fn tend(&self, cluster: &Cluster, now: u64) {
        let policy = cluster.config.outlier_detection.as_ref();
        if let Some(policy) = policy.filter(|_| self.statistical) {
            self.compare(cluster, policy, now);
        }
        if self.lock().ejections.is_empty() {
            return;
        }
        let set = cluster.endpoints.load();
        let members = || set.members().iter().map(|(endpoint, _)| endpoint);
        let Some(policy) = policy else {
            members()
                .filter(|endpoint| ejected(&endpoint.condition))
                .for_each(|endpoint| {
                    self.restore(cluster, endpoint, now, "outlier detection is off");
                });
            self.lock().ejections = super::Ejections::default();
            return;
        };
        for endpoint in members() {
            self.give_up(cluster, policy, endpoint, now);
        }
        let surplus = census(cluster, now, None)
            .map_or(0, |census| census.surplus(policy.max_ejection_percent));
        let out = self.lock().ejections.out();
        for id in out.into_iter().take(surplus) {
            if let Some(endpoint) = members().find(|endpoint| endpoint.id == id) {
                self.restore(cluster, endpoint, now, "too few others are left");
            }
        }
        let listed: std::collections::HashSet<u64> =
            members().map(|endpoint| endpoint.id).collect();
        self.lock()
            .ejections
            .forget(now, policy, |endpoint| listed.contains(&endpoint));
    }

    /// A probe that got no answer in all that time has failed; one whose answer is under way has not.
    fn give_up(
        &self,
        cluster: &Cluster,
        policy: &model::OutlierDetection,
        endpoint: &Endpoint,
        now: u64,
    ) {
        let State::Probing { until } = endpoint.condition.load().state else {
            return;
        };
        if until > now {
            return;
        }
        let answered = self.lock().ejections.is_answered(endpoint.id);
        if answered {
            self.restore(cluster, endpoint, now, "its probe was answered");
        } else {
            self.eject(cluster, policy, endpoint, now, Cause::ProbeLost(PROBE_LOST));
        }
    }

    fn compare(&self, cluster: &Cluster, policy: &model::OutlierDetection, now: u64) {
        let mut shared = self.lock();
        let passed = now.saturating_sub(shared.compared);
        if passed < LOOK {
            return;
        }
        shared.compared = now;
        drop(shared);
        let left = (-(passed as f64) / micros(policy.window).max(1) as f64).exp();
        let set = cluster.endpoints.load();
        let in_service = set
            .members()
            .iter()
            .filter(|(endpoint, _)| !ejected(&endpoint.condition))
            .filter_map(|(endpoint, _)| Some((endpoint, endpoint.tally.get()?)));
        let (endpoints, totals): (Vec<_>, Vec<Totals>) = in_service
            .map(|(endpoint, tally)| {
                let totals = tally.totals();
                tally.fade(left);
                (endpoint, totals)
            })
            .unzip();
        let found = [
            policy
                .failure_percent
                .as_ref()
                .map(|policy| statistics::high_failure_shares(&totals, policy)),
            policy
                .success_rate
                .as_ref()
                .map(|policy| statistics::low_success_rates(&totals, policy)),
            policy
                .latency
                .as_ref()
                .map(|policy| statistics::slow_answers(&totals, policy)),
        ];
        // Who is found twice is ejected for the first, which is the graver.
        for (index, cause) in found.into_iter().flatten().flatten() {
            self.eject(cluster, policy, endpoints[index], now, cause);
        }
    }
}

/// How the endpoints stand; `about` is the one that the others are the peers of. `None` if it is not among them any more.
pub(super) fn census(cluster: &Cluster, now: u64, about: Option<u64>) -> Option<Census> {
    let mut census = Census::default();
    let mut found = about.is_none();
    for (endpoint, listed) in cluster.endpoints.load().members() {
        if listed.weight == 0 {
            continue;
        }
        let is_peer = about != Some(endpoint.id);
        found |= !is_peer;
        let peer = is_peer.then(|| endpoint.load.failure_share_left(now, cluster.decay));
        let seen = endpoint.condition.load();
        census.count(ejected(&endpoint.condition), seen.down, peer);
    }
    found.then_some(census)
}

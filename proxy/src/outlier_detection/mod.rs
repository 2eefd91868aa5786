//! Outlier detection: takes endpoints out of service for what they do to requests, and back when a request says that
//! they are well.
//!
//! One mechanism, fed by `Cluster::judge` with the verdict on each attempt. Failures in a row are counted as they come
//! (`strikes.rs`); rates and latencies are compared twice a second, by the control thread (`tally.rs`,
//! `statistics.rs`). What either finds is an ejection if there is room for one (`census.rs`), for a time that grows
//! (`ejections.rs`). Then a single request is sent to see. What stands between an endpoint and its requests is its
//! [`Condition`](crate::endpoint::condition::Condition) alone: this module writes it, a pick reads it.
//!
//! Here is the owner of the policies: it holds the lock, counts in metrics and writes the log. A success with no failures
//! before it costs one relaxed load.

// Named here, so that the loom test can put its own in this place.
use std::sync::atomic;

mod cause;
mod census;
mod ejections;
pub mod statistics;
mod strikes;
mod tally;
mod verdict;
mod watch;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outrigger_config::model;

pub use cause::Cause;
pub use census::Census;
pub use ejections::{Ejections, Record};
pub use strikes::{Failure, InARow, Strikes};
pub use tally::{Tally, Totals};
pub use verdict::{Judgement, Verdict};

use crate::{
    clock::micros,
    endpoint::{
        Endpoint,
        condition::{Condition, State},
    },
    snapshot::Cluster,
    telemetry::metrics::{EjectionReason, Label as _},
};

/// The outlier detection of a cluster.
pub struct OutlierDetection {
    /// Whether anything looks at tallies.
    statistical: bool,
    /// Carried over a reload, as the conditions of endpoints are.
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    ejections: Ejections,
    /// When the tallies were last compared, in microseconds.
    compared: u64,
    /// When failures in a row may be looked at next.
    next_look: u64,
}

impl OutlierDetection {
    /// As configured; who is ejected already stays so.
    pub fn new(policy: Option<&model::OutlierDetection>, before: Option<&Self>) -> Self {
        Self {
            statistical: policy.is_some_and(|policy| {
                policy.success_rate.is_some()
                    || policy.failure_percent.is_some()
                    || policy.latency.is_some()
            }),
            shared: before
                .map(|before| Arc::clone(&before.shared))
                .unwrap_or_default(),
        }
    }

    /// An attempt has its verdict. `now` is in microseconds.
    pub fn judge(&self, cluster: &Cluster, endpoint: &Endpoint, now: u64, judgement: Judgement) {
        if judgement.probe {
            return self.probed(cluster, endpoint, now, judgement.verdict);
        }
        let Some(policy) = &cluster.config.outlier_detection else {
            return;
        };
        if self.statistical {
            count(endpoint.tally(), judgement);
        }
        let in_a_row = match judgement.verdict {
            Verdict::Success => return endpoint.strikes.clear(),
            Verdict::Failure(failure) => endpoint.strikes.strike(failure),
            Verdict::BrokenOff { wiped } => endpoint.strikes.strike_again(wiped, Failure::Reset),
            Verdict::Abandoned => return,
        };
        if let Some(cause) = too_many(in_a_row, policy)
            && self.may_look(cluster, now)
        {
            endpoint.strikes.clear();
            self.eject(cluster, policy, endpoint, now, cause);
        }
    }

    /// The head of a response is there whose verdict comes with its end.
    pub fn answered(&self, endpoint: &Endpoint, judgement: Judgement) {
        if judgement.probe {
            self.lock().ejections.answered(endpoint.id);
        } else if self.statistical
            && let Some(took) = judgement.took
        {
            endpoint.tally().answered(took);
        }
    }

    /// What is known of an endpoint that is ejected.
    pub fn ejection(&self, endpoint: u64) -> Option<Record> {
        self.lock().ejections.of(endpoint)
    }

    /// Ten thousand endpoints that fail at once shall not keep the workers from all else: a microsecond an endpoint passes
    /// between two looks at all of them, which take a twentieth of that. Who has to wait is judged at its next failure.
    fn may_look(&self, cluster: &Cluster, now: u64) -> bool {
        let mut shared = self.lock();
        let may = now >= shared.next_look;
        if may {
            shared.next_look = now + cluster.endpoints.load().members().len() as u64;
        }
        may
    }

    /// The single request that was sent to an ejected endpoint is over.
    fn probed(&self, cluster: &Cluster, endpoint: &Endpoint, now: u64, verdict: Verdict) {
        // Before its time if a request had nobody else to go to, see `Endpoints::pick`.
        let time = self.ejection(endpoint.id).map(|ejection| ejection.until);
        let time = time.unwrap_or_default().max(now);
        let failure = match verdict {
            Verdict::Success => return self.restore(cluster, endpoint, now, "its probe went well"),
            Verdict::Failure(failure) => failure,
            Verdict::BrokenOff { .. } => Failure::Reset,
            Verdict::Abandoned if self.lock().ejections.is_answered(endpoint.id) => {
                return self.restore(cluster, endpoint, now, "its probe was answered");
            }
            Verdict::Abandoned => return cluster.endpoints.probe_again(endpoint, time),
        };
        // That says nothing new: what was to come comes as planned.
        if time > now {
            return cluster.endpoints.probe_again(endpoint, time);
        }
        match &cluster.config.outlier_detection {
            Some(policy) => self.eject(cluster, policy, endpoint, now, Cause::Probe(failure)),
            None => self.restore(cluster, endpoint, now, "outlier detection is off"),
        }
    }

    fn eject(
        &self,
        cluster: &Cluster,
        policy: &model::OutlierDetection,
        endpoint: &Endpoint,
        now: u64,
        cause: Cause,
    ) {
        let mut shared = self.lock();
        let Some(census) = watch::census(cluster, now, Some(endpoint.id)) else {
            return;
        };
        let probed = cause.reason() == EjectionReason::ProbeFailed;
        let own = match probed {
            // It is all that it was asked lately.
            true => 1.0,
            false => endpoint.load.failure_share_left(now, cluster.decay),
        };
        if cause.is_relative() && !census.stands_out(own) {
            drop(shared);
            if probed {
                self.restore(cluster, endpoint, now, "its peers do no better");
            }
            return;
        }
        let room = || census.room(policy.max_ejection_percent);
        let mut rng = fastrand::Rng::new();
        let ejected =
            shared
                .ejections
                .eject(endpoint.id, now, cause.reason(), policy, room, &mut rng);
        let Some(record) = ejected else {
            return;
        };
        // Under the lock, so that a return that comes at the same time comes before or after.
        cluster.endpoints.eject(endpoint, record.until);
        drop(shared);
        if let Some(tally) = endpoint.tally.get() {
            tally.clear();
        }
        cluster.metrics.ejection(cause.reason());
        tracing::warn!(
            cluster = %cluster.config.name,
            endpoint = %endpoint.address,
            reason = cause.reason().as_str(),
            for_ms = record.until.saturating_sub(now) / 1000,
            times = record.times,
            "ejected: {cause}"
        );
    }

    /// Lets an endpoint take requests again, as one that nothing bad is known of: what it did before it was ejected
    /// would keep the balancer away from it for longer than the ejection.
    fn restore(&self, cluster: &Cluster, endpoint: &Endpoint, now: u64, why: &str) {
        let mut shared = self.lock();
        let record = shared.ejections.restore(endpoint.id, now);
        if !endpoint.condition.restore(now) {
            return;
        }
        endpoint.strikes.clear();
        endpoint.load.forgive();
        drop(shared);
        if let Some(tally) = endpoint.tally.get() {
            tally.clear();
        }
        let since = record.map_or(now, |record| record.since);
        tracing::info!(
            cluster = %cluster.config.name,
            endpoint = %endpoint.address,
            after_ms = now.saturating_sub(since) / 1000,
            "back in service: {why}"
        );
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The most telling detector that failures in a row are too many for.
fn too_many(in_a_row: InARow, policy: &model::OutlierDetection) -> Option<Cause> {
    let reached = |count: u16, most: Option<u32>| most.is_some_and(|most| u32::from(count) >= most);
    let InARow {
        errors,
        gateway_errors,
        connect_failures,
    } = in_a_row;
    if reached(connect_failures, policy.consecutive_connect_failures) {
        Some(Cause::ConnectFailures(connect_failures))
    } else if reached(gateway_errors, policy.consecutive_gateway_errors) {
        Some(Cause::GatewayErrors(gateway_errors))
    } else if reached(errors, policy.consecutive_errors) {
        Some(Cause::Errors(errors))
    } else {
        None
    }
}

fn count(tally: &Tally, judgement: Judgement) {
    match judgement.verdict {
        Verdict::Success => tally.judged(false),
        Verdict::Failure(_) => tally.judged(true),
        Verdict::BrokenOff { .. } => tally.overruled(),
        Verdict::Abandoned => return,
    }
    // How fast an error comes says nothing; how long the proxy waited in vain does.
    let telling = matches!(
        judgement.verdict,
        Verdict::Success | Verdict::Failure(Failure::Timeout)
    );
    if let Some(took) = judgement.took.filter(|_| telling) {
        tally.answered(took);
    }
}

fn ejected(condition: &Condition) -> bool {
    matches!(
        condition.load().state,
        State::Ejected { .. } | State::Probing { .. }
    )
}

#[cfg(test)]
mod tests;

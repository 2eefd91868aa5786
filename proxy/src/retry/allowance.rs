//! What a cluster may spend on retries: its [`Budget`] with the counter that feeds it, its log lines and its metric.
//!
//! A request pays one relaxed addition. The budget itself sits behind a lock that retries take, and the control thread
//! four times a second.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};
use std::{sync::Arc, time::Duration};

use outrigger_config::model::RetryBudget;

use super::budget::{Balance, Budget, Verdict};
use crate::{clock, telemetry::metrics::ClusterMetrics};

/// A cluster's budget. Alone on its cache line, because every request of every worker writes the counter.
#[repr(align(64))]
pub struct Allowance {
    /// Requests ever.
    requests: AtomicU64,
    /// Whether there ever was a retry: until then there is no series to show.
    used: AtomicBool,
    policy: RetryBudget,
    budget: Mutex<Budget>,
}

impl Allowance {
    /// By `policy`, with what is known from `before`, the cluster's so far.
    pub fn under(policy: RetryBudget, before: Option<&Arc<Self>>) -> Arc<Self> {
        let Some(before) = before else {
            return Arc::new(Self {
                requests: AtomicU64::new(0),
                used: AtomicBool::new(false),
                policy,
                budget: Mutex::new(Budget::new(policy, clock::now(), 0)),
            });
        };
        if before.policy == policy {
            return Arc::clone(before);
        }
        Arc::new(Self {
            requests: AtomicU64::new(before.requests.load(Relaxed)),
            used: AtomicBool::new(before.used.load(Relaxed)),
            policy,
            budget: Mutex::new(before.budget().under(policy)),
        })
    }

    /// The cluster has one more request.
    pub fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// Whether `cluster` may have one more attempt than it has requests; counted if so. `now` in microseconds.
    pub fn withdraw(&self, now: u64, cluster: &str) -> bool {
        self.used.store(true, Relaxed);
        let mut budget = self.budget();
        let verdict = budget.withdraw(now, self.requests.load(Relaxed));
        if verdict == (Verdict::Refused { first: true }) {
            let balance = budget.balance();
            drop(budget);
            let Balance {
                requests, retries, ..
            } = balance;
            let window = self.policy.window;
            tracing::warn!(
                cluster,
                requests,
                retries,
                ?window,
                "the retry budget ran dry: failures are passed on"
            );
        }
        verdict == Verdict::Granted
    }

    /// Counts an attempt that is made in any case. `now` in microseconds.
    pub fn charge(&self, now: u64) {
        self.used.store(true, Relaxed);
        self.budget().charge(now, self.requests.load(Relaxed));
    }

    /// What changes with time alone. `now` in microseconds.
    pub fn tend(&self, now: u64, cluster: &str, metrics: &ClusterMetrics) {
        let mut budget = self.budget();
        let refilled = budget.tend(now, self.requests.load(Relaxed));
        let balance = budget.balance();
        drop(budget);
        if self.used.load(Relaxed) {
            metrics.retry_budget_left(balance.left());
        }
        if let Some(refilled) = refilled {
            let dry = Duration::from_millis(refilled.after.as_millis() as u64);
            tracing::info!(
                cluster,
                refused = refilled.refused,
                ?dry,
                left = balance.left(),
                "the retry budget has room again"
            );
        }
    }

    /// Where it stands, and whether retries are being refused.
    pub fn show(&self) -> (Balance, bool) {
        let budget = self.budget();
        (budget.balance(), budget.is_dry())
    }

    fn budget(&self) -> MutexGuard<'_, Budget> {
        self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

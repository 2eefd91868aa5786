//! The circuit breaker of a cluster: what is broken is left alone for a while, and those who ask hear so at once.
//!
//! This one looks at a cluster as a whole. The breaker of a single endpoint is outlier detection: it takes out the one that
//! is worse than its peers; this one acts when there is no better peer to go to.
//!
//! Here is what holds the state machine of [`breaker`]: a lock, had for some nanoseconds twice an attempt, and only in
//! clusters that configure it. A breaker lives as long as its cluster keeps its policy, by name, over any number of tables.

pub mod breaker;
mod window;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use outrigger_config::model;
use serde_json::{Value, json};

pub use window::Counts;

use crate::{
    clock,
    outlier_detection::Verdict,
    telemetry::metrics::{BreakerState, CircuitBreakerMetrics, Label as _, Registry},
};
use breaker::{Breaker, State, Ticket};

/// The breaker of one cluster, shared by all workers.
pub struct CircuitBreaker {
    cluster: Arc<str>,
    /// Without the fallback, which does not change what is counted.
    policy: model::CircuitBreaker,
    held: Mutex<Held>,
    metrics: CircuitBreakerMetrics,
}

struct Held {
    breaker: Breaker,
    rng: fastrand::Rng,
}

/// An attempt that was let through, until it is known what came of it. Dropped before, it says nothing.
pub struct Permit {
    breaker: Arc<CircuitBreaker>,
    ticket: Ticket,
}

impl CircuitBreaker {
    /// The breaker of a cluster; the one `before`, if it had the same policy.
    pub fn compile(
        config: &model::CircuitBreaker,
        before: Option<&Arc<Self>>,
        cluster: &Arc<str>,
        registry: &Registry,
    ) -> Arc<Self> {
        let policy = model::CircuitBreaker {
            fallback: None,
            ..config.clone()
        };
        match before {
            Some(before) if before.policy == policy => Arc::clone(before),
            _ => {
                let metrics = CircuitBreakerMetrics::new(registry, Arc::clone(cluster));
                metrics.state(BreakerState::Closed);
                Arc::new(Self {
                    cluster: Arc::clone(cluster),
                    held: Mutex::new(Held {
                        breaker: Breaker::new(&policy),
                        rng: fastrand::Rng::new(),
                    }),
                    policy,
                    metrics,
                })
            }
        }
    }

    /// Asks for an attempt to be let through. `now` is in microseconds.
    ///
    /// # Errors
    /// No; and when to ask again.
    pub fn admit(self: &Arc<Self>, now: u64) -> Result<Box<Permit>, Duration> {
        let admitted = self.with(|held| held.breaker.admit(now));
        match admitted {
            Ok(ticket) => Ok(Box::new(Permit {
                breaker: Arc::clone(self),
                ticket,
            })),
            Err(wait) => {
                self.metrics.refused();
                Err(Duration::from_micros(wait))
            }
        }
    }

    /// As JSON.
    pub fn show(&self) -> Value {
        let now = clock::now();
        let mut held = self.lock();
        let Counts {
            requests,
            failures,
            slow,
        } = held.breaker.counts(now);
        let state = held.breaker.state();
        let mut shown = json!({ "state": label(state).as_str() });
        match state {
            State::Closed => {
                shown["requests"] = requests.into();
                shown["failures"] = failures.into();
                shown["slow"] = slow.into();
            }
            State::Open { since, until } => {
                shown["open_for_seconds"] = seconds(now.saturating_sub(since)).into();
                shown["seconds_left"] = seconds(until.saturating_sub(now)).into();
            }
            State::HalfOpen {
                under_way, passed, ..
            } => {
                shown["probes_under_way"] = under_way.into();
                shown["probes_passed"] = passed.into();
            }
        }
        shown
    }

    /// Lets `act` do something to the breaker, and tells when that made it another.
    fn with<T>(&self, act: impl FnOnce(&mut Held) -> T) -> T {
        let mut held = self.lock();
        let before = label(held.breaker.state());
        let result = act(&mut held);
        if label(held.breaker.state()) != before {
            self.tell(&held.breaker, before);
        }
        result
    }

    /// Under the lock, so that what is told of two changes is in their order.
    fn tell(&self, breaker: &Breaker, before: BreakerState) {
        let (cluster, state) = (&self.cluster, breaker.state());
        self.metrics.changed(label(state));
        match state {
            State::Closed => tracing::info!(%cluster, "circuit breaker: closed"),
            State::HalfOpen { .. } => {
                let probes = self.policy.probes;
                tracing::info!(%cluster, probes, "circuit breaker: half-open");
            }
            State::Open { since, until } => {
                let open_for = Duration::from_micros(until - since);
                if before == BreakerState::HalfOpen {
                    tracing::warn!(%cluster, ?open_for, "circuit breaker: open again, a probe failed");
                } else {
                    let Counts {
                        requests,
                        failures,
                        slow,
                    } = breaker.cause();
                    tracing::warn!(%cluster, requests, failures, slow, ?open_for, "circuit breaker: open");
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// The head of the response is there, after this time if that says anything; the verdict comes with its end.
    pub fn answer(&mut self, took: Option<Duration>) {
        let ticket = &mut self.ticket;
        self.breaker.with(|held| held.breaker.answer(ticket, took));
    }

    /// The attempt has its verdict, at `now` in microseconds. A response that was good may yet break off.
    pub fn judge(&mut self, now: u64, verdict: Verdict, took: Option<Duration>) {
        let ticket = &mut self.ticket;
        self.breaker.with(|Held { breaker, rng }| match verdict {
            Verdict::Success => breaker.judge(now, ticket, false, took, rng),
            Verdict::Failure(_) | Verdict::BrokenOff { .. } => {
                breaker.judge(now, ticket, true, took, rng);
            }
            Verdict::Abandoned => breaker.abandon(now, ticket, rng),
        });
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let ticket = &mut self.ticket;
        if ticket.is_over() {
            return;
        }
        self.breaker
            .with(|Held { breaker, rng }| breaker.abandon(clock::now(), ticket, rng));
    }
}

fn label(state: State) -> BreakerState {
    match state {
        State::Closed => BreakerState::Closed,
        State::Open { .. } => BreakerState::Open,
        State::HalfOpen { .. } => BreakerState::HalfOpen,
    }
}

fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

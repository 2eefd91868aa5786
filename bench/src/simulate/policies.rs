//! What a proxy is told to do: one row of a report.

use std::time::Duration;

use http::HeaderName;
use outrigger_config::model::{
    Adaptive, Backoff, Balancer, HashKey, OutlierDetection, RetryBudget, default,
};

/// A balancer and the policies beside it.
#[derive(Clone, Debug)]
pub(super) struct Policies {
    pub name: String,
    pub balancer: Balancer,
    /// Of a request, the first one included.
    pub attempts: u32,
    /// What may have been processed is tried again too, not only what was never sent.
    pub retries_sent: bool,
    pub backoff: Option<Backoff>,
    pub budget: Option<RetryBudget>,
    /// From which percentile of its latency, 0 to 1, a first attempt gets company.
    pub hedge: Option<f64>,
    pub outliers: Option<OutlierDetection>,
    /// A cap on attempts in flight that follows latency.
    pub adaptive: Option<Adaptive>,
    /// No attempt waits longer.
    pub attempt_timeout: Option<Duration>,
    /// No request waits longer, all attempts included.
    pub timeout: Option<Duration>,
    pub slow_start: Option<Duration>,
}

impl Policies {
    /// A balancer alone.
    pub(super) fn of(name: &str, balancer: Balancer) -> Self {
        Self {
            name: name.to_owned(),
            balancer,
            attempts: 1,
            retries_sent: true,
            backoff: None,
            budget: None,
            hedge: None,
            outliers: None,
            adaptive: None,
            attempt_timeout: None,
            timeout: None,
            slow_start: None,
        }
    }

    pub(super) fn default_balancer() -> Self {
        let decay = default::EWMA_DECAY;
        Self::of("peak_ewma", Balancer::PeakEwma { decay })
    }

    /// Each balancer alone.
    pub(super) fn each_balancer() -> Vec<Self> {
        let key = || HashKey::Header(HeaderName::from_static("x-user"));
        vec![
            Self::default_balancer(),
            Self::of("least_request", Balancer::LeastRequest),
            Self::of("round_robin", Balancer::RoundRobin),
            Self::of("random", Balancer::Random),
            Self::of("ring_hash", Balancer::RingHash { key: key() }),
            Self::of("maglev", Balancer::Maglev { key: key() }),
        ]
    }

    /// As the proxy is out of the box, on a route that gives a request a second.
    pub(super) fn out_of_the_box(self) -> Self {
        Self {
            attempts: default::RETRY_ATTEMPTS,
            retries_sent: false,
            backoff: Some(BACKOFF),
            budget: Some(BUDGET),
            timeout: Some(Duration::from_secs(1)),
            outliers: Some(default::OUTLIER_DETECTION),
            ..self
        }
    }

    /// With what a careful operator adds: what failed is tried again, whatever it was, an attempt is given up after a
    /// quarter of a second, and what is new or back starts slowly.
    pub(super) fn protected(self) -> Self {
        Self {
            retries_sent: true,
            attempt_timeout: Some(Duration::from_millis(250)),
            slow_start: Some(Duration::from_secs(1)),
            outliers: Some(every_detector()),
            ..self.out_of_the_box()
        }
    }

    pub(super) fn named(self, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            ..self
        }
    }

    /// Whether something changes with time alone.
    pub(super) fn needs_tending(&self) -> bool {
        self.slow_start.is_some()
            || self.budget.is_some()
            || self.hedge.is_some()
            || self.outliers.is_some()
            || self.adaptive.is_some()
    }

    /// How fast what is known of an endpoint fades.
    pub(super) fn decay(&self) -> Duration {
        match self.balancer {
            Balancer::PeakEwma { decay } => decay,
            _ => default::EWMA_DECAY,
        }
    }
}

/// The defaults.
pub(super) const BACKOFF: Backoff = Backoff {
    base: default::BACKOFF_BASE,
    max: default::BACKOFF_MAX,
};

/// The defaults.
pub(super) const BUDGET: RetryBudget = RetryBudget {
    percent: default::RETRY_BUDGET_PERCENT,
    min_per_second: default::RETRY_BUDGET_MIN_PER_SECOND,
    window: default::RETRY_BUDGET_WINDOW,
};

/// `outlier_detection: {}`.
pub(super) fn every_detector() -> OutlierDetection {
    OutlierDetection {
        consecutive_errors: Some(default::CONSECUTIVE_ERRORS),
        consecutive_gateway_errors: Some(default::CONSECUTIVE_GATEWAY_ERRORS),
        success_rate: Some(default::SUCCESS_RATE),
        failure_percent: Some(default::FAILURE_PERCENT),
        latency: Some(default::SLOW_ANSWERS),
        ..default::OUTLIER_DETECTION
    }
}

/// `limits: { adaptive: {} }`.
pub(super) const ADAPTIVE: Adaptive = Adaptive {
    min: default::ADAPTIVE_MIN,
    max: default::ADAPTIVE_MAX,
};

//! What a proxy is told to do: one row of a report.

use std::time::Duration;

use http::HeaderName;
use outrigger_config::model::{Balancer, HashKey, default};

/// A balancer and the policies beside it.
#[derive(Clone, Debug)]
pub(super) struct Policies {
    pub name: String,
    pub balancer: Balancer,
    /// Of a request, the first one included.
    pub attempts: usize,
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

    /// With what a careful operator has a mesh do: requests are worth a second; one is tried three times, and an attempt
    /// given up after a quarter of one.
    pub(super) fn protected(self) -> Self {
        Self {
            attempts: 3,
            attempt_timeout: Some(Duration::from_millis(250)),
            timeout: Some(Duration::from_secs(1)),
            slow_start: Some(Duration::from_secs(2)),
            ..self
        }
    }

    /// Whether something changes with time alone.
    pub(super) fn needs_tending(&self) -> bool {
        self.slow_start.is_some()
    }

    /// How fast what is known of an endpoint fades.
    pub(super) fn decay(&self) -> Duration {
        match self.balancer {
            Balancer::PeakEwma { decay } => decay,
            _ => default::EWMA_DECAY,
        }
    }
}

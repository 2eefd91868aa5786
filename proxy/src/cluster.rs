//! A cluster at run time: its endpoints, and the state of its policies that all workers share.
//!
//! Workers decide on each request; the control thread tends, four times a second, what changes with time alone.

use std::{sync::Arc, time::Duration};

use outrigger_config::model;

use crate::{
    balance::estimate::Decay,
    circuit_breaker::CircuitBreaker,
    endpoint::{Endpoint, Endpoints},
    outlier_detection::{Judgement, OutlierDetection},
    telemetry::metrics::{ClusterMetrics, Registry},
};

/// How often [`Cluster::tend`] is called.
pub const TEND: Duration = Duration::from_millis(250);

/// A cluster and its endpoints of now.
pub struct Cluster {
    /// What the file says of it.
    pub config: model::Cluster,
    /// Swapped when discovery finds others.
    pub endpoints: Endpoints,
    /// Its metrics.
    pub metrics: ClusterMetrics,
    /// How fast what is known of its endpoints fades.
    pub decay: Decay,
    /// Keeps requests away while it is open, if the cluster has one.
    pub circuit_breaker: Option<Arc<CircuitBreaker>>,
    /// What takes them out of service.
    pub outliers: OutlierDetection,
}

impl Cluster {
    /// Made ready from what the file says. What is known from `before`, the cluster of this name so far, carries over.
    pub fn compile(
        config: &model::Cluster,
        before: Option<&Arc<Self>>,
        registry: &Registry,
    ) -> Arc<Self> {
        if let Some(before) = before
            && before.config == *config
        {
            return Arc::clone(before);
        }
        let decay = match config.balancer {
            model::Balancer::PeakEwma { decay } => decay,
            _ => model::default::EWMA_DECAY,
        };
        let decay = Decay::over(decay);
        let listed = match &config.endpoints {
            model::Endpoints::Static(endpoints) => endpoints.clone(),
            // Until it is resolved anew, what was found before is the best that is known.
            model::Endpoints::Dns(_) => before
                .map(|before| before.endpoints.listed())
                .unwrap_or_default(),
        };
        let endpoints = Endpoints::new(config);
        let metrics = ClusterMetrics::new(registry, Arc::clone(&config.name));
        let circuit_breaker = config.circuit_breaker.as_ref().map(|policy| {
            let before = before.and_then(|before| before.circuit_breaker.as_ref());
            CircuitBreaker::compile(policy, before, &config.name, registry)
        });
        let cluster = Self {
            outliers: OutlierDetection::new(
                config.outlier_detection.as_ref(),
                before.map(|before| &before.outliers),
            ),
            config: config.clone(),
            circuit_breaker,
            endpoints,
            metrics,
            decay,
        };
        cluster.update(&listed, before.map(|before| &before.endpoints));
        Arc::new(cluster)
    }

    /// Lists other endpoints. Those that stay, by address, keep their state; so do those `before` had.
    pub fn update(&self, listed: &[model::Endpoint], before: Option<&Endpoints>) {
        self.endpoints.update(listed, before);
        self.endpoints.count(&self.metrics);
    }

    /// An attempt at an endpoint is over, or as good as: here, once, that becomes what is known of the endpoint. `now` is
    /// in microseconds.
    pub fn judge(&self, endpoint: &Endpoint, now: u64, judgement: Judgement) {
        let outcome = judgement.verdict.outcome();
        if let Some(took) = judgement.took {
            endpoint.load.measure(now, took, outcome, self.decay);
        }
        endpoint.load.settle(now, outcome, self.decay);
        self.outliers.judge(self, endpoint, now, judgement);
    }

    /// The head of a response is there, but the verdict comes with its end: how long it took is known.
    pub fn answered(&self, endpoint: &Endpoint, now: u64, judgement: Judgement) {
        let outcome = judgement.verdict.outcome();
        if let Some(took) = judgement.took {
            endpoint.load.measure(now, took, outcome, self.decay);
        }
        self.outliers.answered(endpoint, judgement);
    }

    /// What changes with time alone. `now` is in microseconds.
    pub fn tend(&self, now: u64) {
        self.outliers.tend(self, now);
        self.endpoints.tend(now);
        self.endpoints.count(&self.metrics);
    }
}

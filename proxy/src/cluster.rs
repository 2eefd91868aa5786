//! A cluster at run time: its endpoints, and the state of its policies that all workers share.
//!
//! Workers decide on each request; the control thread tends, four times a second, what changes with time alone.

use std::{
    net::IpAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use outrigger_config::model::{self, Source};

use crate::{
    balance::estimate::Decay,
    circuit_breaker::CircuitBreaker,
    endpoint::{Endpoint, Endpoints, load::Outcome},
    hedge::Latency,
    limits::Limits,
    outlier_detection::{Judgement, OutlierDetection},
    retry::Allowance,
    telemetry::metrics::{ClusterMetrics, Registry},
    tls::{self, Client},
    transparent::ByAddress,
    upstream::connect::Origin,
};

/// How often [`Cluster::tend`] is called.
pub const TEND: Duration = Duration::from_millis(250);

/// A cluster and its endpoints of now.
pub struct Cluster {
    /// What the table says of it; the endpoints that it lists may be others by now.
    pub config: model::Cluster,
    /// Whose its endpoints are, if nobody lists them, but they are called by their address.
    pub by_address: Option<ByAddress>,
    /// What its endpoints are spoken to with below HTTP; `None`: nothing.
    pub tls: Option<Arc<Client>>,
    /// Those that it lists now.
    listed: Mutex<Vec<model::Endpoint>>,
    /// Swapped when discovery finds others.
    pub endpoints: Endpoints,
    /// Its metrics.
    pub metrics: ClusterMetrics,
    /// How fast what is known of its endpoints fades.
    pub decay: Decay,
    /// The zone that the process runs in.
    zone: Option<Arc<str>>,
    /// Whether there was panic when it was last told.
    panic: AtomicBool,
    /// Keeps requests away while it is open, if the cluster has one.
    pub circuit_breaker: Option<Arc<CircuitBreaker>>,
    /// What takes endpoints out of service.
    pub outliers: OutlierDetection,
    /// What it may spend on retries.
    pub retries: Arc<Allowance>,
    /// How long its attempts took lately, if anybody asks.
    pub latency: Arc<Latency>,
    /// What may be under way at once.
    pub limits: Limits,
    /// Whether a request found it by its host since that was last asked.
    used_by_host: AtomicBool,
}

impl Cluster {
    /// Made ready from what the file says, whose endpoints are spoken to with `tls`, for a process that runs in `zone`. What is known from `before`, the cluster of
    /// this name so far, carries over.
    pub fn compile(
        config: &model::Cluster,
        tls: Option<&Arc<Client>>,
        zone: Option<&Arc<str>>,
        before: Option<&Arc<Self>>,
        registry: &Registry,
    ) -> Arc<Self> {
        if let Some(before) = before
            && before.zone.as_ref() == zone
            && before.speaks_with(tls)
            && before.follow(config)
        {
            return Arc::clone(before);
        }
        let cluster = Self::new(config, tls, zone, before, registry);
        Arc::new(cluster)
    }

    /// One that no table has: a policy for endpoints that are called by their address.
    pub fn by_address(config: &model::Cluster, of: ByAddress, registry: &Registry) -> Arc<Self> {
        Arc::new(Self {
            by_address: Some(of),
            ..Self::new(config, None, None, None, registry)
        })
    }

    fn new(
        config: &model::Cluster,
        tls: Option<&Arc<Client>>,
        zone: Option<&Arc<str>>,
        before: Option<&Arc<Self>>,
        registry: &Registry,
    ) -> Self {
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
        let endpoints = Endpoints::new(config, zone);
        let metrics = ClusterMetrics::new(registry, Arc::clone(&config.name));
        let circuit_breaker = config.circuit_breaker.as_ref().map(|policy| {
            let before = before.and_then(|before| before.circuit_breaker.as_ref());
            CircuitBreaker::compile(policy, before, &config.name, registry)
        });
        let limits = Limits::new(
            &config.limits,
            before.map(|before| &before.limits),
            &config.name,
            registry,
        );
        let cluster = Self {
            outliers: OutlierDetection::new(
                config.outlier_detection.as_ref(),
                before.map(|before| &before.outliers),
            ),
            config: config.clone(),
            by_address: None,
            tls: tls.map(Arc::clone),
            listed: Mutex::new(listed.clone()),
            circuit_breaker,
            endpoints,
            metrics,
            decay,
            zone: zone.cloned(),
            panic: AtomicBool::new(before.is_some_and(|before| before.panic.load(Relaxed))),
            retries: Allowance::under(config.retry_budget, before.map(|before| &before.retries)),
            latency: before
                .map(|before| Arc::clone(&before.latency))
                .unwrap_or_default(),
            limits,
            // Somebody wants it, or it would not be there.
            used_by_host: AtomicBool::new(true),
        };
        cluster.update(&listed, before.map(|before| &before.endpoints));
        cluster
    }

    /// Whether each of its endpoints' connections is for one caller, from whose own address it comes.
    pub fn as_caller(&self) -> bool {
        self.by_address == Some(ByAddress::Application(Source::Caller))
    }

    /// Where a connection to one of its endpoints comes from, if it is for `caller` alone.
    pub fn origin(&self, caller: Option<IpAddr>) -> Origin {
        match self.by_address {
            None | Some(ByAddress::Elsewhere) => Origin::Usual,
            Some(ByAddress::Application(source)) => match caller {
                Some(caller) if source == Source::Caller => Origin::Caller(caller.to_canonical()),
                _ => Origin::Loopback,
            },
        }
    }

    /// Whether its endpoints are spoken to with this: then connections to them may be shared.
    pub fn speaks_with(&self, tls: Option<&Arc<Client>>) -> bool {
        tls::same(self.tls.as_ref(), tls)
    }

    /// Becomes what the table says of it now, if that is a matter of endpoints alone: then all that refers to it may stay.
    pub fn follow(&self, config: &model::Cluster) -> bool {
        let model::Endpoints::Static(new) = &config.endpoints else {
            return self.config == *config;
        };
        let of_table = matches!(self.config.endpoints, model::Endpoints::Static(_));
        if !of_table || !self.config.has_policy_of(config) {
            return false;
        }
        let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        if *listed != *new {
            listed.clone_from(new);
            self.update(new, None);
        }
        true
    }

    /// What the table says of it now.
    pub fn config_now(&self) -> model::Cluster {
        let mut config = self.config.clone();
        if let model::Endpoints::Static(listed) = &mut config.endpoints {
            listed.clone_from(&self.listed.lock().unwrap_or_else(PoisonError::into_inner));
        }
        config
    }

    /// Lists other endpoints. Those that stay, by address, keep their state; so do those `before` had.
    pub fn update(&self, listed: &[model::Endpoint], before: Option<&Endpoints>) {
        self.endpoints.update(listed, before);
        self.show();
    }

    /// A request found it by its host. Written once in a while: workers share the line that it lies on.
    pub fn use_by_host(&self) {
        if !self.used_by_host.load(Relaxed) {
            self.used_by_host.store(true, Relaxed);
        }
    }

    /// Whether a request found it by its host since the last time that this was asked.
    pub fn was_used_by_host(&self) -> bool {
        self.used_by_host.swap(false, Relaxed)
    }

    /// An attempt at an endpoint is over, or as good as: here, once, that becomes what is known of the endpoint. `now` is
    /// in microseconds.
    pub fn judge(&self, endpoint: &Endpoint, now: u64, judgement: Judgement) {
        let outcome = judgement.verdict.outcome();
        if let Some(took) = judgement.took {
            self.measure(endpoint, now, took, outcome);
        }
        endpoint.load.settle(now, outcome, self.decay);
        if let Some(counts) = endpoint.counts.get() {
            counts.judge(judgement.verdict);
        }
        self.outliers.judge(self, endpoint, now, judgement);
    }

    /// The head of a response is there, but the verdict comes with its end: how long it took is known.
    pub fn answered(&self, endpoint: &Endpoint, now: u64, judgement: Judgement) {
        let outcome = judgement.verdict.outcome();
        if let Some(took) = judgement.took {
            self.measure(endpoint, now, took, outcome);
        }
        self.outliers.answered(endpoint, judgement);
    }

    fn measure(&self, endpoint: &Endpoint, now: u64, took: Duration, outcome: Outcome) {
        endpoint.load.measure(now, took, outcome, self.decay);
        if outcome != Outcome::Failure {
            self.latency.observe(now, took);
        }
    }

    /// What changes with time alone. `now` is in microseconds.
    pub fn tend(&self, now: u64) {
        self.outliers.tend(self, now);
        self.endpoints.tend(now);
        self.show();
        self.retries.tend(now, &self.config.name, &self.metrics);
        self.latency.tend(now);
        self.limits.tend(now);
    }

    /// How the endpoints stand, for the metrics; and a word when panic begins or ends.
    fn show(&self) {
        self.endpoints.count(&self.metrics);
        let set = self.endpoints.load();
        let plan = set.plan();
        if self.panic.swap(plan.panic(), Relaxed) == plan.panic() {
            return;
        }
        self.metrics.panic(plan.panic());
        let cluster = &self.config.name;
        let percent = |share: f64| format!("{:.1}%", share * 100.0);
        let available = percent(plan.available());
        let threshold = percent(self.config.panic_threshold);
        let endpoints = set.members().len();
        if plan.panic() {
            tracing::warn!(%cluster, available, threshold, endpoints, "panic: all endpoints are taken for available");
        } else {
            tracing::info!(%cluster, available, threshold, endpoints, "the panic is over");
        }
    }
}

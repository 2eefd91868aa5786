//! What attempts at a cluster's endpoints came to.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    Counter, Gauge, Histogram, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// How an attempt ended.
    pub enum AttemptResult {
        /// A response of 100 to 499.
        Success = "success",
        /// A response of 500 and above, or a gRPC status that means the same.
        Failure = "failure",
        /// No connection was made.
        ConnectFailure = "connect_failure",
        /// No connection was made in time.
        ConnectTimeout = "connect_timeout",
        /// A connection was made, but no TLS on it.
        TlsFailure = "tls_failure",
        /// The connection broke before the response's end.
        Reset = "reset",
        /// The endpoint said that it did not process the request.
        Refused = "refused",
        /// No response in time.
        Timeout = "timeout",
        /// The caller went away, or another attempt won.
        Cancelled = "cancelled",
    }
}

labels! {
    /// How a retry ended, or why there was none although the policy wanted one.
    pub enum RetryOutcome {
        /// It was made and succeeded.
        Success = "success",
        /// It was made and failed.
        Failure = "failure",
        /// Not made: the route's attempts were used up.
        Exhausted = "exhausted",
        /// Not made: the request's body could not be sent again.
        Unreplayable = "unreplayable",
        /// Not made: the wait would have outlasted the request's time, or what `max_retry_after` allows.
        TooLate = "too_late",
        /// Not made: the cluster's retry budget is used up.
        OverBudget = "over_budget",
        /// Not made: as many retries are under way as the cluster's limits allow.
        OverLimit = "over_limit",
    }
}

labels! {
    /// How a hedge ended, or why there was none although the attempt was slow.
    pub enum HedgeOutcome {
        /// It answered first.
        Won = "won",
        /// The first attempt did, or neither.
        Lost = "lost",
        /// Not made: the cluster's retry budget is used up.
        OverBudget = "over_budget",
        /// Not made: as many retries are under way as the cluster's limits allow.
        OverLimit = "over_limit",
    }
}

labels! {
    /// What an endpoint was ejected for.
    pub enum EjectionReason {
        /// Errors in a row.
        ConsecutiveErrors = "consecutive_errors",
        /// Answers of 502, 503 or 504 in a row.
        ConsecutiveGatewayErrors = "consecutive_gateway_errors",
        /// Connections in a row that were not made.
        ConnectFailures = "connect_failures",
        /// A success rate far below the peers'.
        SuccessRate = "success_rate",
        /// Too large a share of failures.
        FailurePercent = "failure_percent",
        /// Answers far slower than the peers'.
        Latency = "latency",
        /// The request that was to see whether it is well again failed.
        ProbeFailed = "probe_failed",
    }
}

labels! {
    /// Whether an endpoint takes requests.
    pub enum EndpointState {
        /// It does.
        Ready = "ready",
        /// A share that grows: it is new, or back.
        Warming = "warming",
        /// None for a time: it failed.
        Ejected = "ejected",
        /// A single one, to see whether it is well again.
        Probing = "probing",
        /// None: its health check fails.
        Down = "down",
        /// None: its weight is 0.
        Unweighted = "unweighted",
    }
}

labels! {
    /// Whether an endpoint is in the proxy's own zone.
    pub enum Locality {
        /// It is.
        Local = "local",
        /// It is in another, or in none that is known.
        Other = "other",
    }
}

/// Lives as long as the cluster. Series are made when first used.
#[derive(Debug)]
pub struct ClusterMetrics {
    registry: Registry,
    cluster: Arc<str>,
    attempts: ByLabel<AttemptResult, Counter>,
    duration: OnceLock<Histogram>,
    retries: ByLabel<RetryOutcome, Counter>,
    retry_budget_left: OnceLock<Gauge>,
    hedges: ByLabel<HedgeOutcome, Counter>,
    endpoints: ByLabel<EndpointState, Gauge>,
    zones: ByLabel<Locality, Counter>,
    panic: OnceLock<Gauge>,
    ejections: ByLabel<EjectionReason, Counter>,
}

impl ClusterMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, cluster: Arc<str>) -> Self {
        Self {
            registry: registry.clone(),
            cluster,
            attempts: ByLabel::new(),
            duration: OnceLock::new(),
            retries: ByLabel::new(),
            retry_budget_left: OnceLock::new(),
            hedges: ByLabel::new(),
            endpoints: ByLabel::new(),
            zones: ByLabel::new(),
            panic: OnceLock::new(),
            ejections: ByLabel::new(),
        }
    }

    /// One attempt that has ended; the duration is to the response's end, or to the failure.
    pub fn attempt(&self, result: AttemptResult, duration: Duration) {
        let register = |label| {
            self.registry
                .handle(&families::ATTEMPTS, [&self.cluster, label])
        };
        self.attempts.get(result, register).increment();
        let register = || {
            self.registry
                .handle(&families::ATTEMPT_DURATION, [&self.cluster])
        };
        self.duration.get_or_init(register).observe(duration);
    }

    /// One retry, made or not.
    pub fn retry(&self, outcome: RetryOutcome) {
        let register = |label| {
            self.registry
                .handle(&families::RETRIES, [&self.cluster, label])
        };
        self.retries.get(outcome, register).increment();
    }

    /// How many retries its budget has room for now.
    pub fn retry_budget_left(&self, left: u64) {
        let register = || {
            self.registry
                .handle(&families::RETRY_BUDGET_LEFT, [&self.cluster])
        };
        self.retry_budget_left
            .get_or_init(register)
            .set(left as f64);
    }

    /// One hedge, made or not.
    pub fn hedge(&self, outcome: HedgeOutcome) {
        let register = |label| {
            self.registry
                .handle(&families::HEDGES, [&self.cluster, label])
        };
        self.hedges.get(outcome, register).increment();
    }

    /// One more time that an endpoint was taken out of service, or was left out after its probe.
    pub fn ejection(&self, reason: EjectionReason) {
        let register = |label| {
            self.registry
                .handle(&families::EJECTIONS, [&self.cluster, label])
        };
        self.ejections.get(reason, register).increment();
    }

    /// How many endpoints are in a state now. A state that none was ever in is not shown, but for the good one.
    pub fn endpoints(&self, state: EndpointState, count: usize) {
        if count == 0 && state != EndpointState::Ready && !self.endpoints.known(state) {
            return;
        }
        let register = |label| {
            self.registry
                .handle(&families::ENDPOINTS, [&self.cluster, label])
        };
        self.endpoints.get(state, register).set(count as f64);
    }

    /// One attempt, where zones matter.
    pub fn zone(&self, locality: Locality) {
        let register = |label| {
            self.registry
                .handle(&families::ZONE_ATTEMPTS, [&self.cluster, label])
        };
        self.zones.get(locality, register).increment();
    }

    /// Whether there is panic. A cluster that never was in any is not shown.
    pub fn panic(&self, panic: bool) {
        let register = || self.registry.handle(&families::PANIC, [&self.cluster]);
        self.panic
            .get_or_init(register)
            .set(f64::from(u8::from(panic)));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn attempts_retries_and_endpoints_are_shown_by_cluster() {
        let registry = Registry::default();
        let cluster = ClusterMetrics::new(&registry, "api".into());
        cluster.attempt(AttemptResult::ConnectFailure, Duration::from_micros(80));
        cluster.attempt(AttemptResult::Success, Duration::from_millis(3));
        cluster.retry(RetryOutcome::Success);
        cluster.endpoints(EndpointState::Ready, 3);
        cluster.zone(Locality::Local);
        cluster.panic(true);
        let page = registry.render(Instant::now());
        let lines = page
            .lines()
            .filter(|line| !line.starts_with('#') && !line.contains("_bucket"));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
        outrigger_attempt_duration_seconds_sum{cluster="api"} 0.003080
        outrigger_attempt_duration_seconds_count{cluster="api"} 2
        outrigger_attempts_total{cluster="api",result="connect_failure"} 1
        outrigger_attempts_total{cluster="api",result="success"} 1
        outrigger_endpoints{cluster="api",state="ready"} 3
        outrigger_panic{cluster="api"} 1
        outrigger_retries_total{cluster="api",outcome="success"} 1
        outrigger_zone_attempts_total{cluster="api",zone="local"} 1
        "#);
    }

    #[test]
    fn the_series_go_some_time_after_the_cluster() {
        let (registry, start) = (Registry::default(), Instant::now());
        let cluster = ClusterMetrics::new(&registry, "api".into());
        cluster.attempt(AttemptResult::Success, Duration::ZERO);
        drop(cluster);
        assert_ne!(registry.render(start), "");
        assert_eq!(registry.render(start + Duration::from_secs(3600)), "");
    }
}

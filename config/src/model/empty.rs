//! What says nothing: the table and the cluster that a file with no more than the required keys would give.

use std::sync::Arc;

use super::{
    Admin, Balancer, Cluster, ClusterLimits, Config, Drain, Endpoints, Overload, PoolPolicy,
    Protocol, RetryBudget, Zones, default,
};

/// A proxy without a file: everything that is served comes from elsewhere.
impl Default for Config {
    fn default() -> Self {
        Self {
            admin: Admin::at(default::ADMIN),
            access_log: None,
            drain: Drain {
                delay: default::DRAIN_DELAY,
                timeout: default::DRAIN_TIMEOUT,
            },
            overload: Overload {
                memory: default::OVERLOAD_MEMORY,
                queueing_delay: Some(default::OVERLOAD_QUEUEING_DELAY),
            },
            zone: None,
            identity: None,
            acme: None,
            listeners: Vec::new(),
            clusters: Vec::new(),
        }
    }
}

impl Cluster {
    /// A cluster of no endpoints: requests for it are answered with 503.
    pub fn empty(name: Arc<str>) -> Self {
        Self {
            name,
            endpoints: Endpoints::Static(Vec::new()),
            addresses: Vec::new(),
            protocol: Protocol::default(),
            proxy_protocol: None,
            tls: None,
            balancer: Balancer::PeakEwma {
                decay: default::EWMA_DECAY,
            },
            connect_timeout: default::CONNECT_TIMEOUT,
            pool: PoolPolicy {
                idle_timeout: default::POOL_IDLE_TIMEOUT,
                max_age: None,
                max_idle: default::POOL_MAX_IDLE,
                max_streams: default::POOL_MAX_STREAMS,
            },
            slow_start: None,
            limits: ClusterLimits::default(),
            outlier_detection: Some(default::OUTLIER_DETECTION),
            health_check: None,
            circuit_breaker: None,
            zones: Zones::default(),
            panic_threshold: default::PANIC_THRESHOLD,
            retry_budget: RetryBudget {
                percent: default::RETRY_BUDGET_PERCENT,
                min_per_second: default::RETRY_BUDGET_MIN_PER_SECOND,
                window: default::RETRY_BUDGET_WINDOW,
            },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_what_a_file_that_says_nothing_says() {
        let text = "listeners: []\nclusters: { web: { endpoints: [] } }";
        let said = crate::parse("table", text).unwrap();
        let nothing = Config {
            clusters: vec![Cluster::empty("web".into())],
            ..Config::default()
        };
        assert_eq!(said, nothing);
    }
}

//! What health checks came to.

use std::sync::Arc;

use super::{
    Counter, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// How a check ended.
    pub enum CheckResult {
        /// As it should.
        Pass = "pass",
        /// With an answer that does not pass.
        Fail = "fail",
        /// No answer in time.
        Timeout = "timeout",
        /// No connection was made.
        ConnectFailure = "connect_failure",
        /// A connection was made, but no TLS on it.
        TlsFailure = "tls_failure",
        /// The connection broke, or spoke another protocol.
        Reset = "reset",
        /// Not made: the proxy was out of sockets.
        Skipped = "skipped",
    }
}

/// Of one cluster.
#[derive(Debug)]
pub struct HealthCheckMetrics {
    registry: Registry,
    cluster: Arc<str>,
    checks: ByLabel<CheckResult, Counter>,
}

impl HealthCheckMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, cluster: Arc<str>) -> Self {
        Self {
            registry: registry.clone(),
            cluster,
            checks: ByLabel::new(),
        }
    }

    /// A check has ended.
    pub fn check(&self, result: CheckResult) {
        let register = |label| {
            self.registry
                .handle(&families::HEALTH_CHECKS, [&self.cluster, label])
        };
        self.checks.get(result, register).increment();
    }
}

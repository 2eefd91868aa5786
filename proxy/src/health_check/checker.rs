//! The checker of one endpoint: waits, asks, concludes, for as long as its task lives.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use outrigger_config::model::{HealthCheck, Protocol, ProxyVersion};
use tokio::{sync::Semaphore, time::sleep};

use super::{failure::Failure, probe::probe, thresholds::Thresholds};
use crate::{
    clock,
    endpoint::Endpoint,
    telemetry::metrics::{CheckResult, HealthCheckMetrics},
    tls::Client,
};

/// What the checkers of one cluster have in common.
pub(super) struct Policy {
    pub(super) cluster: Arc<str>,
    pub(super) check: HealthCheck,
    pub(super) protocol: Protocol,
    pub(super) proxy_protocol: Option<ProxyVersion>,
    pub(super) tls: Option<Arc<Client>>,
    pub(super) metrics: HealthCheckMetrics,
    /// Of the process: who may check now.
    pub(super) turns: Arc<Semaphore>,
}

/// Checks `endpoint` for ever, first after `pause`.
pub(super) async fn check(endpoint: Arc<Endpoint>, policy: Arc<Policy>, mut pause: Duration) {
    let mut thresholds = Thresholds::new(&policy.check);
    let mut rng = Rng::new();
    loop {
        sleep(pause).await;
        let result = {
            // Never closed: there is always a turn in the end.
            let _turn = policy.turns.acquire().await;
            // Boxed: an endpoint that waits for its next check, as nearly all do, holds no room for it.
            Box::pin(probe(
                endpoint.address,
                &policy.check,
                policy.protocol,
                policy.proxy_protocol,
                policy.tls.as_deref(),
            ))
            .await
        };
        conclude(&endpoint, &policy, &mut thresholds, result);
        pause = thresholds.pause(&mut rng);
    }
}

fn conclude(
    endpoint: &Endpoint,
    policy: &Policy,
    thresholds: &mut Thresholds,
    result: Result<(), Failure>,
) {
    let label = result
        .as_ref()
        .err()
        .map_or(CheckResult::Pass, Failure::result);
    policy.metrics.check(label);
    if let Err(Failure::OutOfSockets(error)) = &result {
        // Our own trouble is not held against the endpoint.
        tracing::debug!(cluster = %policy.cluster, endpoint = %endpoint.address, %error, "health check skipped");
        return;
    }
    let now = clock::now();
    let changed = thresholds.observe(now, result.is_ok());
    if let Some(up) = changed
        && endpoint.condition.set_down(!up, now)
    {
        let (cluster, address, in_a_row) =
            (&policy.cluster, endpoint.address, thresholds.in_a_row());
        match &result {
            Ok(()) => {
                tracing::info!(%cluster, endpoint = %address, in_a_row, "health check: up");
            }
            Err(why) => {
                tracing::warn!(%cluster, endpoint = %address, in_a_row, %why, "health check: down");
            }
        }
    }
    endpoint
        .health
        .write(thresholds.up(), result, thresholds.in_a_row());
}

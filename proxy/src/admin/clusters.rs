//! `/clusters`: what is known of each endpoint.

use serde_json::{Value, json};

use crate::{
    clock, endpoint,
    snapshot::{Cluster, Snapshot},
    telemetry::metrics::Label as _,
};

/// As JSON.
pub fn show(snapshot: &Snapshot) -> String {
    let clusters: Value = snapshot
        .clusters
        .iter()
        .map(|cluster| (cluster.config.name.to_string(), one(cluster)))
        .collect();
    format!("{clusters:#}\n")
}

/// Why an endpoint takes no requests, since when, and how long it will be before it is probed.
fn ejected(cluster: &Cluster, endpoint: u64) -> Value {
    let now = clock::now();
    let Some(record) = cluster.outliers.ejection(endpoint) else {
        return Value::Null;
    };
    json!({
        "reason": record.reason.as_str(),
        "since_ms": now.saturating_sub(record.since) / 1000,
        "for_ms": record.until.saturating_sub(now) / 1000,
        "times": record.times,
    })
}

fn one(cluster: &Cluster) -> Value {
    let set = cluster.endpoints.load();
    let endpoints: Vec<Value> = set
        .members()
        .iter()
        .map(|(endpoint, listed)| {
            json!({
                "address": endpoint.address,
                "weight": listed.weight,
                "zone": listed.zone.as_deref(),
                "state": endpoint::state(endpoint, listed).as_str(),
                "health_check": endpoint.health.show(),
                "in_flight": endpoint.load.in_flight(),
                "ewma_ms": endpoint.load.latency().map(|range| f64::from(range.high) * 1e3),
                "failure_share": endpoint.load.failure_share(),
                "ejected": ejected(cluster, endpoint.id),
            })
        })
        .collect();
    json!({
        "endpoints": endpoints,
        "circuit_breaker": cluster.circuit_breaker.as_ref().map(|breaker| breaker.show()),
    })
}

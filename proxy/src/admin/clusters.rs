//! `/clusters`: what is known of each endpoint.

use serde_json::{Value, json};

use crate::{
    endpoint,
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
            })
        })
        .collect();
    json!({
        "endpoints": endpoints,
        "circuit_breaker": cluster.circuit_breaker.as_ref().map(|breaker| breaker.show()),
    })
}

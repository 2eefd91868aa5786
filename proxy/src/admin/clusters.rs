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
                "in_flight": endpoint.load.in_flight(),
                "ewma_ms": endpoint.load.latency().map(|range| f64::from(range.high) * 1e3),
                "failure_share": endpoint.load.failure_share(),
            })
        })
        .collect();
    let limits: Value = cluster
        .limits
        .in_use()
        .map(|(limit, in_use, cap)| (limit.as_str(), json!({ "in_use": in_use, "cap": cap })))
        .collect();
    json!({ "endpoints": endpoints, "limits": limits })
}

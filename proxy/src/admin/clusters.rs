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
    let (balance, dry) = cluster.retries.show();
    let hedged = cluster.latency.percentiles();
    let hedged = hedged.iter().map(|percentile| {
        let latency = percentile.latency();
        let name = format!("p{}", (percentile.share() * 1e3).round() / 10.0);
        (
            name,
            latency.map(|latency| latency.as_secs_f64() * 1e3).into(),
        )
    });
    json!({
        "endpoints": endpoints,
        "retry_budget": {
            "requests": balance.requests,
            "retries": balance.retries,
            "left": balance.left(),
            "dry": dry,
        },
        "latency_ms": hedged.collect::<serde_json::Map<String, Value>>(),
    })
}

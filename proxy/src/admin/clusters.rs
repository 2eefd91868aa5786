//! `/clusters`: what is known of each endpoint, and how requests are shared out.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    clock,
    endpoint::{self, Set},
    snapshot::{Cluster, Endpoint, Snapshot},
    telemetry::metrics::Label as _,
};

/// As JSON.
pub fn show(snapshot: &Snapshot) -> String {
    let clusters: Value = snapshot
        .clusters
        .iter()
        .map(|cluster| (cluster.config.name.to_string(), one(cluster)))
        .chain(snapshot.listeners.iter().filter_map(|listener| {
            let (cluster, endpoints) = listener.transparent.as_ref()?.called();
            Some((cluster.config.name.to_string(), called(&endpoints)))
        }))
        .collect();
    format!("{clusters:#}\n")
}

/// What was called by its address, past the clusters of the table.
fn called(endpoints: &[Arc<Endpoint>]) -> Value {
    let endpoints = endpoints.iter().map(|endpoint| {
        json!({
            "address": endpoint.address,
            "in_flight": endpoint.load.in_flight(),
            "ewma_ms": endpoint.load.latency().map(|range| f64::from(range.high) * 1e3),
        })
    });
    json!({ "by_address": true, "endpoints": endpoints.collect::<Vec<_>>() })
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
                "priority": listed.priority,
                "state": endpoint::state(endpoint, listed).as_str(),
                "health_check": endpoint.health.show(),
                "in_flight": endpoint.load.in_flight(),
                "ewma_ms": endpoint.load.latency().map(|range| f64::from(range.high) * 1e3),
                "failure_share": endpoint.load.failure_share(),
                "ejected": ejected(cluster, endpoint.id),
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
    let limits: Value = cluster
        .limits
        .in_use()
        .map(|(limit, in_use, cap)| (limit.as_str(), json!({ "in_use": in_use, "cap": cap })))
        .collect();
    json!({
        "available": set.plan().available(),
        "panic": set.plan().panic(),
        "shares": shares(&set),
        "circuit_breaker": cluster.circuit_breaker.as_ref().map(|breaker| breaker.show()),
        "retry_budget": {
            "requests": balance.requests,
            "retries": balance.retries,
            "left": balance.left(),
            "dry": dry,
        },
        "latency_ms": hedged.collect::<serde_json::Map<String, Value>>(),
        "limits": limits,
        "endpoints": endpoints,
    })
}

/// The share of requests of each level of failover, and of each zone in it where zones matter.
fn shares(set: &Set) -> Vec<Value> {
    let shares = set.partitions().iter().zip(set.plan().shares());
    shares
        .map(|(partition, share)| {
            let mut shown = json!({ "priority": partition.priority, "share": share });
            if let Some(locality) = partition.locality {
                shown["locality"] = locality.as_str().into();
                shown["zone"] = partition.zone.as_deref().into();
            }
            shown
        })
        .collect()
}

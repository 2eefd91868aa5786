//! `/metrics`: the control plane about itself, in the text format of Prometheus.

use std::time::SystemTime;

use axum::extract::State;
use http::header::{CONTENT_TYPE, HeaderName};
use metrics::gauge;

use super::Context;
use crate::{
    metric::{TABLE_CLUSTERS, TABLE_LISTENERS, TABLES, TABLES_REFUSED, TABLES_SINCE},
    registry::Registry,
};

/// Version 0.0.4 of the format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// `GET /metrics`.
pub async fn show(State(context): State<Context>) -> ([(HeaderName, &'static str); 1], String) {
    measure(&context.registry);
    ([(CONTENT_TYPE, TEXT)], context.page.text())
}

/// What is as it is, and is counted only when somebody looks.
fn measure(registry: &Registry) {
    let listed = registry.tables();
    let refused = listed.iter().filter(|table| table.problems.is_some());
    gauge!(TABLES_REFUSED).set(refused.count() as f64);
    let feed = registry.feed();
    let tables = feed.borrow();
    let in_force = tables.tables.values();
    let clusters: usize = in_force.clone().map(|table| table.clusters.len()).sum();
    let listeners: usize = in_force.map(|table| table.listeners.len()).sum();
    gauge!(TABLES).set(tables.tables.len() as f64);
    gauge!(TABLE_CLUSTERS).set(clusters as f64);
    gauge!(TABLE_LISTENERS).set(listeners as f64);
    let since = tables.since.duration_since(SystemTime::UNIX_EPOCH);
    gauge!(TABLES_SINCE).set(since.unwrap_or_default().as_secs_f64());
}

//! The proxies and the endpoints, as they say they are.

use axum::{Json, extract::State};

use super::Context;
use crate::{push::Proxy, report::ClusterLoad};

/// `GET /proxies`.
pub async fn proxies(State(context): State<Context>) -> Json<Vec<Proxy>> {
    Json(context.fleet.proxies.list())
}

/// `GET /endpoints`. Those of the tables that nobody reports of are there too.
pub async fn endpoints(State(context): State<Context>) -> Json<Vec<ClusterLoad>> {
    let tables = context.registry.feed().borrow().clone();
    let tables = tables.tables.values();
    let clusters = tables.flat_map(|table| &table.clusters);
    Json(context.fleet.loads.all(clusters.map(|part| &*part.value)))
}

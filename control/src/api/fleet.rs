//! The proxies and the endpoints, as they say they are.

use axum::{Json, extract::State};

use super::Context;
use crate::push::Proxy;

/// `GET /proxies`.
pub async fn proxies(State(context): State<Context>) -> Json<Vec<Proxy>> {
    Json(context.proxies.list())
}

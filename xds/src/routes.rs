//! Routes of a listener (RDS).
//!
//! Ours are taken by specificity, whatever their order, and know any number of hosts. Envoy takes the first that matches
//! of the one virtual host that fits best. So each host gets a virtual host with all the routes that could take its
//! requests, the most specific first, and a route of several hosts is there several times. Its remainder goes with the first.

mod action;
pub(crate) mod edits;
mod filters;
mod foreign;
mod header;
mod hosts;
mod keys;
mod matches;
mod new_path;
mod order;
mod retry;
mod text;

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    sync::Arc,
};

use http::Method;
use order::Rank;
use outrigger_config::model::{self, Filter, Listener};
use prost::Message;
use serde_json::{Value, json};

use crate::{
    Kind, Refused, Resource, any, parts,
    pb::envoy::config::route::v3::{Route, RouteConfiguration, VirtualHost},
    refused::Within,
    remainder::{self, Keys},
    scalar::number,
};
pub(crate) use action::specifier as destination;

/// In the metadata of the whole: the names of the routes, in the order of the file.
const ORDER: &str = "routes";

/// The routes of a listener, under its name.
pub fn encode(listener: &Listener) -> Resource {
    let whole = Value::Array(
        listener
            .routes
            .iter()
            .map(|it| parts::written(it).into())
            .collect(),
    );
    let message = to_wire(&listener.name, &listener.routes);
    let body = message.encode_to_vec().into();
    let name = Arc::clone(&listener.name);
    Resource::new(Kind::Routes, name, &whole.to_string(), body)
}

fn to_wire(name: &str, routes: &[model::Route]) -> RouteConfiguration {
    let mut encoded: Vec<Vec<Route>> = routes.iter().map(route_to_wire).collect();
    let mut virtual_hosts = Vec::new();
    for host in hosts::of(routes) {
        let mut listed = Vec::new();
        for place in host.routes {
            if let Some(route) = encoded.get_mut(place) {
                listed.extend(route.iter().cloned());
                route.iter_mut().for_each(|route| route.metadata = None);
            }
        }
        virtual_hosts.push(VirtualHost {
            name: host.domains.first().cloned().unwrap_or_default(),
            domains: host.domains,
            routes: listed,
            ..VirtualHost::default()
        });
    }
    let order: Vec<&str> = routes.iter().map(|route| &*route.name).collect();
    let order: Keys = [(ORDER.to_owned(), json!(order))].into_iter().collect();
    let longest = routes
        .iter()
        .flat_map(|route| &route.filters)
        .map(body_length)
        .max();
    RouteConfiguration {
        name: name.to_owned(),
        virtual_hosts,
        max_direct_response_body_size_bytes: longest
            .filter(|longest| *longest > action::DIRECT_BODY)
            .and_then(|longest| number(u32::try_from(longest).unwrap_or(u32::MAX))),
        // `Host: shop.example.com:8080` is that host.
        ignore_port_in_host_matching: true,
        metadata: Some(remainder::metadata(&order)),
        ..RouteConfiguration::default()
    }
}

fn body_length(filter: &Filter) -> usize {
    match filter {
        Filter::Respond(respond) => respond.body.len(),
        _ => 0,
    }
}

/// One route, or two: Envoy retries whatever the method, so that conditions which mean that a request may have been
/// processed are on a route for idempotent methods before one for the others.
fn route_to_wire(route: &model::Route) -> Vec<Route> {
    let mut messages: Vec<Route> = by_method(route).iter().map(one_to_wire).collect();
    if let Some(first) = messages.first_mut() {
        let standard = keys::of(first, &keys::Inherited::default()).unwrap_or_default();
        let whole = parts::written(route);
        first.metadata = remainder::of(&whole, &standard, |keys| {
            Some(parts::written(&parts::route(keys).ok()?))
        });
    }
    messages
}

fn one_to_wire(route: &model::Route) -> Route {
    let mut message = Route {
        name: route.name.to_string(),
        r#match: Some(matches::to_wire(&route.matches)),
        ..Route::default()
    };
    action::to_wire(route, &mut message);
    message
}

fn by_method(route: &model::Route) -> Vec<model::Route> {
    let retry = &route.retry;
    let all_safe = retry.on.iter().all(retry::is_safe);
    let answers = action::specifier(route).is_none();
    if answers || retry.non_idempotent || retry.attempts == 1 || all_safe {
        return vec![route.clone()];
    }
    let listed = route.matches.methods.clone();
    let (idempotent, others): (Vec<_>, Vec<_>) =
        listed.iter().cloned().partition(Method::is_idempotent);
    let mut cautious = route.clone();
    cautious.retry.on.retain(retry::is_safe);
    let mut bold = route.clone();
    let mut routes = Vec::new();
    if listed.is_empty() {
        bold.matches.methods = vec![
            Method::GET,
            Method::HEAD,
            Method::PUT,
            Method::DELETE,
            Method::OPTIONS,
            Method::TRACE,
        ];
    } else {
        bold.matches.methods = idempotent;
        cautious.matches.methods = others.clone();
    }
    if !bold.matches.methods.is_empty() {
        routes.push(bold);
    }
    if listed.is_empty() || !others.is_empty() {
        routes.push(cautious);
    }
    routes
}

/// The routes of the listener called `listener`.
///
/// # Errors
/// When `body` is no route configuration, or a route means what there is not here.
pub fn decode(listener: &str, body: &[u8]) -> Result<Vec<model::Route>, Refused> {
    let decoded = any::decode(body).and_then(|message| from_wire(listener, &message));
    decoded.map_err(|refused| refused.of(Kind::Routes, listener))
}

/// The routes of a configuration that comes by itself or within its listener.
pub(crate) fn from_wire(
    listener: &str,
    message: &RouteConfiguration,
) -> Result<Vec<model::Route>, Refused> {
    filters::of_hosts(message)?;
    let ours = remainder::keys(message.metadata.as_ref());
    match ours.get(ORDER).and_then(Value::as_array) {
        Some(order) => ours_from_wire(order, message),
        None => foreign::from_wire(listener, message),
    }
}

/// What [`encode`] wrote: each route once, in the order of the file.
fn ours_from_wire(
    order: &[Value],
    message: &RouteConfiguration,
) -> Result<Vec<model::Route>, Refused> {
    let mut first: HashMap<&str, &Route> = HashMap::new();
    for route in message.virtual_hosts.iter().flat_map(|host| &host.routes) {
        first.entry(&route.name).or_insert(route);
    }
    let mut seen = HashSet::new();
    let route = |name: &Value| {
        let name = name.as_str().unwrap_or_default();
        let place = format!("route `{name}`");
        let message = first.get(name);
        let message = message
            .ok_or_else(|| Refused::new("is not there"))
            .within(&place)?;
        if !seen.insert(name.to_owned()) {
            return Err(Refused::new("is listed twice")).within(&place);
        }
        let standard = keys::of(message, &keys::Inherited::default()).within(&place)?;
        let keys = remainder::laid_over(standard, message.metadata.as_ref());
        parts::route(&keys).within(&place)
    };
    order.iter().map(route).collect()
}

/// Routes for requests of one host, the most specific first.
pub(crate) fn by_rank(routes: &[model::Route]) -> impl Iterator<Item = &model::Route> {
    let mut ranked: Vec<&model::Route> = routes.iter().collect();
    // Stable: equals stay in the order of the file.
    ranked.sort_by_key(|route| Reverse(Rank::new(&route.matches)));
    ranked.into_iter()
}

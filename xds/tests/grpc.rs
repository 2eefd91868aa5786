//! What gRPC clients without a proxy get: a listener that they can read to the end.

#![allow(clippy::unwrap_used, deprecated, missing_docs)]

use outrigger_config::fragment;
use outrigger_xds::{
    encode,
    pb::envoy::{
        config::{
            listener::v3::Listener,
            route::v3::{
                Route, header_matcher::HeaderMatchSpecifier, route::Action,
                route_action::ClusterSpecifier, route_match::PathSpecifier,
            },
        },
        extensions::filters::{
            http::fault::v3::{HttpFault, fault_abort::ErrorType},
            network::http_connection_manager::v3::{
                HttpConnectionManager, http_connection_manager::RouteSpecifier,
            },
        },
    },
};
use prost::Message;

/// The routes that a client of `shop` gets for those of a file.
fn routes(routes: &[&str]) -> Vec<Route> {
    let routes: Vec<_> = routes
        .iter()
        .map(|route| {
            fragment::route("route", route).unwrap_or_else(|problems| panic!("{problems}"))
        })
        .collect();
    let resource = encode::api_listener("shop:8080", &routes);
    assert_eq!(&*resource.name, "shop:8080");
    let listener = Listener::decode(&*resource.body).unwrap();
    assert!(listener.address.is_none() && listener.filter_chains.is_empty());
    let manager = listener.api_listener.unwrap().api_listener.unwrap();
    let manager = HttpConnectionManager::decode(&*manager.value).unwrap();
    let filters = manager.http_filters.iter();
    let filters: Vec<&str> = filters.map(|filter| filter.name.as_str()).collect();
    assert_eq!(
        filters,
        ["envoy.filters.http.fault", "envoy.filters.http.router"]
    );
    let Some(RouteSpecifier::RouteConfig(configuration)) = manager.route_specifier else {
        panic!("no routes within")
    };
    let [host] = &configuration.virtual_hosts[..] else {
        panic!("not one virtual host")
    };
    assert_eq!(host.domains, ["*"]);
    host.routes.clone()
}

fn path(route: &Route) -> &PathSpecifier {
    route
        .r#match
        .as_ref()
        .unwrap()
        .path_specifier
        .as_ref()
        .unwrap()
}

#[test]
fn paths_by_segment_are_regexes_the_most_specific_first() {
    let routes = routes(&[
        "{ cluster: all }",
        "{ match: { path: { prefix: /shop.Catalog } }, cluster: catalog }",
        "{ match: { path: { exact: /shop.Catalog/Lookup } }, cluster: lookup }",
    ]);
    let paths: Vec<&PathSpecifier> = routes.iter().map(path).collect();
    assert!(matches!(paths[0], PathSpecifier::Path(path) if path == "/shop.Catalog/Lookup"));
    assert!(
        matches!(paths[1], PathSpecifier::SafeRegex(it) if it.regex == r"/shop\.Catalog(/.*)?")
    );
    assert!(matches!(paths[2], PathSpecifier::Prefix(prefix) if prefix.is_empty()));
}

#[test]
fn what_no_call_can_match_is_left_out() {
    let routes = routes(&[
        "{ match: { methods: [GET] }, cluster: web }",
        "{ match: { query: { q: \"1\" } }, cluster: web }",
        "{ match: { path: { prefix: /none } }, cluster_by: host }",
        "{ match: { methods: [GET, POST], headers: { x-user: ann } }, cluster: web }",
    ]);
    assert_eq!(routes.len(), 1);
    let headers = &routes[0].r#match.as_ref().unwrap().headers;
    // No `:method`: a client knows none. And the oldest way to say what a value is.
    assert_eq!(headers.len(), 1);
    let specifier = headers[0].header_match_specifier.as_ref().unwrap();
    assert!(matches!(specifier, HeaderMatchSpecifier::ExactMatch(value) if value == "ann"));
}

#[test]
fn a_retry_is_told_only_where_a_client_would_take_it() {
    let routes = routes(&[
        "{ match: { path: { exact: /a/b } }, cluster: a, timeout: 5s, retry: { attempts: 4, non_idempotent: true, on: [unavailable, 5xx] } }",
        "{ match: { path: { exact: /c/d } }, cluster: a, retry: { attempts: 1, non_idempotent: true, on: [unavailable] } }",
        "{ cluster: a }",
    ]);
    let policies: Vec<_> = routes
        .iter()
        .map(|route| match route.action.as_ref().unwrap() {
            Action::Route(action) => action.retry_policy.clone(),
            other => panic!("{other:?}"),
        })
        .collect();
    let first = policies[0].as_ref().unwrap();
    assert_eq!(first.retry_on, "unavailable");
    assert_eq!(first.num_retries.unwrap().value, 3);
    assert!(policies[1].is_none() && policies[2].is_none());
    let Action::Route(action) = routes[0].action.as_ref().unwrap() else {
        panic!("not sent")
    };
    let bound = action.max_stream_duration.unwrap().max_stream_duration;
    assert_eq!(bound.unwrap().seconds, 5);
}

#[test]
fn clusters_are_drawn_by_weight_and_an_answer_of_a_proxy_is_a_call_that_fails() {
    let routes = routes(&[
        "{ match: { path: { exact: /a/b } }, clusters: { v1: 90, v2: 10 } }",
        "{ filters: [ { respond: { status: 503 } } ] }",
    ]);
    let Action::Route(action) = routes[0].action.as_ref().unwrap() else {
        panic!("not sent")
    };
    let Some(ClusterSpecifier::WeightedClusters(weighted)) = &action.cluster_specifier else {
        panic!("not weighted")
    };
    let weights: Vec<u32> = weighted
        .clusters
        .iter()
        .map(|it| it.weight.unwrap().value)
        .collect();
    assert_eq!(weights, [90, 10]);
    // No `non_forwarding_action`: grpc-js throws when it meets one.
    assert!(matches!(routes[1].action, Some(Action::Route(_))));
    let fault = &routes[1].typed_per_filter_config["envoy.filters.http.fault"];
    let fault = HttpFault::decode(&*fault.value).unwrap();
    let abort = fault.abort.unwrap();
    assert_eq!(abort.percentage.unwrap().numerator, 100);
    assert_eq!(abort.error_type, Some(ErrorType::GrpcStatus(12)));
}

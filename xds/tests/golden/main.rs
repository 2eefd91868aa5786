//! Golden: how parts of a table look on the wire, with what is empty left out.

#![allow(clippy::unwrap_used, missing_docs)]

mod shown;

use outrigger_config::{Config, parse};
use outrigger_xds::{
    encode,
    pb::envoy::config::{
        cluster::v3::Cluster, endpoint::v3::ClusterLoadAssignment, listener::v3::Listener,
        route::v3::RouteConfiguration,
    },
};
use prost::Message;
use shown::shown;

fn table(text: &str) -> Config {
    parse("table", text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn cluster(keys: &str) -> Config {
    table(&format!(
        "listeners: []\nclusters:\n  web: {keys}\n  spare: {{ endpoints: [] }}"
    ))
}

fn cluster_shown(keys: &str) -> String {
    let config = cluster(keys);
    let resource = encode::cluster(&config.clusters[0]);
    shown(&Cluster::decode(&*resource.body).unwrap())
}

fn routes_shown(routes: &str) -> String {
    let config = table(&format!(
        "listeners: [{{ name: edge, address: 127.0.0.1:8080, routes: {routes} }}]\nclusters: {{ a: {{ endpoints: [] }}, b: {{ endpoints: [] }} }}"
    ));
    let resource = encode::routes(&config.listeners[0]);
    shown(&RouteConfiguration::decode(&*resource.body).unwrap())
}

#[test]
fn a_cluster_that_says_nothing() {
    insta::assert_snapshot!(cluster_shown("{ endpoints: [127.0.0.1:9001] }"));
}

#[test]
fn a_cluster_that_says_much() {
    let keys = "{ endpoints: [], protocol: http2, balancer: { ring_hash: { key: { header: x-user } } }, \
        limits: { requests: 100 }, outlier_detection: { consecutive_errors: 3, latency: off }, \
        health_check: { grpc: { service: shop } }, circuit_breaker: { fallback: { cluster: spare } } }";
    insta::assert_snapshot!(cluster_shown(keys));
}

#[test]
fn endpoints_of_zones_and_priorities() {
    let config = cluster(
        "{ endpoints: [ { address: 127.0.0.1:1, zone: a }, { address: 127.0.0.1:2, zone: b, weight: 3 }, \
         { address: 127.0.0.1:3, zone: a, priority: 5 }, { address: 127.0.0.1:4, weight: 0 } ] }",
    );
    let resource = encode::endpoints(&config.clusters[0]).unwrap();
    insta::assert_snapshot!(shown(
        &ClusterLoadAssignment::decode(&*resource.body).unwrap()
    ));
}

#[test]
fn a_listener() {
    let config = table(
        "listeners: [{ name: edge, address: 127.0.0.1:8080, via: true, trusted_proxies: [10.0.0.0/8] }]",
    );
    let resource = encode::listener(&config.listeners[0]);
    insta::assert_snapshot!(shown(&Listener::decode(&*resource.body).unwrap()));
}

#[test]
fn a_canary() {
    insta::assert_snapshot!(routes_shown(
        "[{ name: canary, clusters: { a: 90, b: 10 } }]"
    ));
}

#[test]
fn routes_of_hosts() {
    insta::assert_snapshot!(routes_shown(
        "[{ name: any, match: { path: { prefix: /v2 } }, filters: [{ rewrite: { prefix: / } }], cluster: a }, \
          { name: shop, match: { hosts: [shop.example] }, cluster: b, hedge: { after: p95 } }]"
    ));
}

#[test]
fn retries_by_method() {
    insta::assert_snapshot!(routes_shown(
        "[{ name: retried, cluster: a, retry: { on: [connect_failure, 5xx] } }]"
    ));
}

//! What a new table takes over from the one before.
#![allow(clippy::unwrap_used)]

use super::*;

const TABLE: &str = "listeners:\n- { name: l, address: 127.0.0.1:1, routes: [{ name: all, cluster: a }, { name: b, match: { path: { prefix: /b } }, cluster: b }] }\n- { name: m, address: 127.0.0.1:2, routes: [{ cluster: b }] }\nclusters: { a: { endpoints: [127.0.0.1:5, 127.0.0.1:6] }, b: { endpoints: [127.0.0.1:7] } }";

fn compile(text: &str, before: Option<&Snapshot>) -> Snapshot {
    let config = outrigger_config::parse("table", text).unwrap();
    Snapshot::compile(config, before, &Registry::default())
}

fn listed(snapshot: &Snapshot, cluster: &str) -> Vec<u16> {
    let cluster = snapshot.clusters.named(cluster).unwrap();
    let listed = cluster.endpoints.listed();
    listed.iter().map(|it| it.address.port()).collect()
}

/// Of each listener and cluster, whether it is the same object.
fn same(before: &Snapshot, after: &Snapshot) -> (Vec<bool>, Vec<bool>) {
    let listeners = before.listeners.iter().zip(&after.listeners);
    let clusters = before.clusters.iter().zip(after.clusters.iter());
    (
        listeners.map(|(a, b)| Arc::ptr_eq(a, b)).collect(),
        clusters.map(|(a, b)| Arc::ptr_eq(a, b)).collect(),
    )
}

#[test]
fn a_change_of_endpoints_leaves_all_objects_as_they_are() {
    let first = compile(TABLE, None);
    let moved = TABLE.replace("127.0.0.1:7", "127.0.0.1:8");
    let second = compile(&moved, Some(&first));
    assert_eq!(same(&first, &second), (vec![true; 2], vec![true; 2]));
    assert_eq!(listed(&second, "b"), [8]);
    // There and back again, with the same table in between.
    let third = compile(&moved, Some(&second));
    let fourth = compile(TABLE, Some(&third));
    assert_eq!(same(&first, &fourth), (vec![true; 2], vec![true; 2]));
    assert_eq!(listed(&fourth, "b"), [7]);
}

#[test]
fn a_changed_cluster_changes_those_who_send_requests_there() {
    let first = compile(TABLE, None);
    let changed = TABLE.replace("a: { ", "a: { balancer: random, ");
    let second = compile(&changed, Some(&first));
    assert_eq!(
        same(&first, &second),
        (vec![false, true], vec![false, true])
    );
    assert!(!Arc::ptr_eq(
        &first.listeners[0].routes[0],
        &second.listeners[0].routes[0]
    ));
    assert!(Arc::ptr_eq(
        &first.listeners[0].routes[1],
        &second.listeners[0].routes[1]
    ));
}

#[test]
fn a_changed_listener_keeps_its_routes() {
    let first = compile(TABLE, None);
    let changed = TABLE.replace("name: l,", "name: l, via: true,");
    let second = compile(&changed, Some(&first));
    assert_eq!(same(&first, &second), (vec![false, true], vec![true; 2]));
    assert!(Arc::ptr_eq(
        &first.listeners[0].routes[0],
        &second.listeners[0].routes[0]
    ));
}

#[test]
fn a_cluster_that_moves_in_the_table_is_still_the_one() {
    let first = compile(TABLE, None);
    let more = TABLE.replace("clusters: { ", "clusters: { before: { endpoints: [] }, ");
    let second = compile(&more, Some(&first));
    assert!(Arc::ptr_eq(&first.listeners[0], &second.listeners[0]));
    let less = TABLE.replace(
        ", { name: b, match: { path: { prefix: /b } }, cluster: b }",
        "",
    );
    let third = compile(&less, Some(&second));
    assert_eq!(third.listeners[0].routes.len(), 1);
}

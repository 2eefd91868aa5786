//! Versions are made of what is said: equal tables have equal ones, whoever encodes them.

#![allow(clippy::unwrap_used, missing_docs)]

use outrigger_config::{Config, parse};
use outrigger_xds::{Resource, encode};

fn resources(table: &str) -> Vec<Resource> {
    let config: Config = parse("table", table).unwrap_or_else(|problems| panic!("{problems}"));
    let clusters = config.clusters.iter();
    let of_clusters = clusters.flat_map(|cluster| {
        std::iter::once(encode::cluster(cluster)).chain(encode::endpoints(cluster))
    });
    let listeners = config.listeners.iter();
    let of_listeners =
        listeners.flat_map(|listener| [encode::listener(listener), encode::routes(listener)]);
    let mut all: Vec<Resource> = of_clusters.chain(of_listeners).collect();
    all.sort_by_key(|resource| (resource.kind, resource.name.clone()));
    all
}

/// `kind name` of those that differ.
fn changed(one: &str, other: &str) -> Vec<String> {
    let (one, other) = (resources(one), resources(other));
    assert_eq!(one.len(), other.len());
    let pairs = one.iter().zip(&other);
    let changed = pairs.filter(|(one, other)| one.version != other.version);
    changed
        .map(|(resource, _)| format!("{} {}", resource.kind.as_str(), resource.name))
        .collect()
}

const TABLE: &str = "
listeners:
  - name: edge
    address: 127.0.0.1:8080
    routes: [ { cluster: a } ]
clusters:
  a: { endpoints: [127.0.0.1:1, 127.0.0.1:2] }
  b: { dns: { name: b.internal, port: 80 } }
";

#[test]
fn the_order_of_clusters_and_what_is_left_to_a_default_mean_nothing() {
    let same = "
clusters:
  b: { dns: { port: 80, name: b.internal }, balancer: peak_ewma }
  a: { endpoints: [ { address: 127.0.0.1:1, weight: 1 }, 127.0.0.1:2 ], connect_timeout: 1s }
listeners:
  - routes: [ { cluster: a, name: edge/0 } ]
    address: 127.0.0.1:8080
    name: edge
";
    assert_eq!(changed(TABLE, same), [""; 0]);
}

#[test]
fn only_what_changes_has_another_version() {
    let replace = |from: &str, to: &str| changed(TABLE, &TABLE.replace(from, to));
    assert_eq!(replace("127.0.0.1:2", "127.0.0.1:3"), ["endpoints a"]);
    assert_eq!(replace("b.internal,", "c.internal,"), ["cluster b"]);
    assert_eq!(replace("{ cluster: a }", "{ cluster: b }"), ["routes edge"]);
    assert_eq!(replace(":8080", ":8081"), ["listener edge"]);
    // Envoy has to be told by the listener that the port is no part of a name.
    let by_host = replace("{ cluster: a }", "{ cluster_by: host }");
    assert_eq!(by_host, ["listener edge", "routes edge"]);
}

#[test]
fn versions_stay_what_they_are() {
    let versions: Vec<String> = resources(TABLE)
        .iter()
        .map(|it| format!("{} {} {}", it.kind.as_str(), it.name, it.version))
        .collect();
    // A new version for an old table makes every proxy of a mesh take it again: if this must be, so be it.
    insta::assert_snapshot!(versions.join("\n"));
}

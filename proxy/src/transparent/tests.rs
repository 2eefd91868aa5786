//! What is meant by an address that was called.

use std::sync::Arc;

use super::*;
use crate::{snapshot::Snapshot, tls::Material};

const CLUSTERS: &str = "clusters:\n  web: { addresses: ['10.96.0.1:80', '[fd96::1]:80'], endpoints: [10.0.0.1:8080, 10.0.0.2:8080] }\n  db: { endpoints: [10.0.0.2:8080, 10.0.0.3:5432] }\n";

fn compile(transparent: &str, before: Option<&Snapshot>) -> Snapshot {
    let text = format!(
        "listeners: [{{ name: l, address: 127.0.0.1:1, transparent: {transparent} }}]\n{CLUSTERS}"
    );
    let config = outrigger_config::parse("table", &text).unwrap();
    Snapshot::compile(config, &Material::default(), before, &Registry::default())
}

fn transparent(snapshot: &Snapshot) -> &Arc<Transparent> {
    snapshot.listeners[0].transparent.as_ref().unwrap()
}

fn said(meant: Meant) -> (String, Option<String>) {
    let endpoint = meant.endpoint.map(|endpoint| endpoint.address.to_string());
    (meant.cluster.config.name.to_string(), endpoint)
}

fn meant(snapshot: &Snapshot, called: &str) -> Option<(String, Option<String>)> {
    let called = called.parse().unwrap();
    let meant = transparent(snapshot).meant(called, &snapshot.clusters);
    meant.map(said)
}

fn some(cluster: &str, endpoint: Option<&str>) -> Option<(String, Option<String>)> {
    Some((cluster.to_owned(), endpoint.map(str::to_owned)))
}

fn ends(called: &str) -> Addresses {
    Addresses {
        source: "10.0.9.9:5".parse().unwrap(),
        destination: called.parse().unwrap(),
    }
}

#[test]
fn outbound_it_is_the_cluster_of_the_address_or_its_endpoint_there() {
    let table = compile("outbound", None);
    assert_eq!(meant(&table, "10.96.0.1:80"), some("web", None));
    assert_eq!(meant(&table, "[fd96::1]:80"), some("web", None));
    assert_eq!(meant(&table, "10.96.0.1:81"), None);
    assert_eq!(
        meant(&table, "10.0.0.1:8080"),
        some("web", Some("10.0.0.1:8080"))
    );
    // The first in the table.
    assert_eq!(
        meant(&table, "10.0.0.2:8080"),
        some("web", Some("10.0.0.2:8080"))
    );
    assert_eq!(
        meant(&table, "10.0.0.3:5432"),
        some("db", Some("10.0.0.3:5432"))
    );
    assert_eq!(meant(&table, "10.0.0.3:80"), None);
}

#[test]
fn what_no_cluster_has_goes_there_or_nowhere() {
    let table = compile("outbound", None);
    let unknown = transparent(&table)
        .unknown(ends("192.0.2.1:443"))
        .ok()
        .unwrap();
    assert_eq!(
        said(unknown),
        ("l/original".to_owned(), Some("192.0.2.1:443".to_owned()))
    );
    let table = compile("{ outbound: { unknown: refuse } }", None);
    let refused = transparent(&table).unknown(ends("192.0.2.1:443"));
    assert!(matches!(refused, Err(Error::NoCluster)));
    assert_eq!(meant(&table, "10.96.0.1:80"), some("web", None));
}

#[test]
fn inbound_it_is_the_application_whatever_clusters_have() {
    let table = compile("inbound", None);
    assert_eq!(
        meant(&table, "10.96.0.1:80"),
        some("l/original", Some("10.96.0.1:80"))
    );
    let table = compile("{ inbound: { to: loopback, ports: [80] } }", None);
    assert_eq!(
        meant(&table, "10.0.0.1:80"),
        some("l/original", Some("127.0.0.1:80"))
    );
    assert_eq!(
        meant(&table, "[fd00::1]:80"),
        some("l/original", Some("[::1]:80"))
    );
}

#[test]
fn what_was_called_is_known_after_a_reload() {
    let before = compile("outbound", None);
    let called = |table: &Snapshot| {
        let meant = transparent(table)
            .unknown(ends("192.0.2.1:443"))
            .ok()
            .unwrap();
        (meant.cluster, meant.endpoint.unwrap().id)
    };
    let (cluster, endpoint) = called(&before);
    let after = compile("{ outbound: { by: tproxy } }", Some(&before));
    let (same, id) = called(&after);
    assert!(Arc::ptr_eq(&cluster, &same) && endpoint == id);
}

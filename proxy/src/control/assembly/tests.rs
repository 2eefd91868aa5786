//! Make before break, seen from the client: nothing takes effect before it is whole.
#![allow(clippy::unwrap_used)]

use outrigger_xds::{Kind, encode};

use super::*;
use crate::control::tests::{Anywhere, config, offer};

const SECOND: u64 = 1_000_000;

/// A client that is told things one at a time.
struct Client {
    resources: Resources,
    assembly: Assembly,
    on_demand: BTreeSet<Arc<str>>,
    now: u64,
}

impl Client {
    fn new() -> Self {
        let mut client = Self {
            resources: Resources::default(),
            assembly: Assembly::default(),
            on_demand: BTreeSet::new(),
            now: 0,
        };
        client.resources.begin(false);
        client
    }

    /// Hears this part of a table, in the file format.
    fn hear(&mut self, kind: Kind, name: &str, table: &str) -> bool {
        let config = config(table);
        let listener = config.listeners.iter().find(|it| *it.name == *name);
        let cluster = config.clusters.iter().find(|it| *it.name == *name);
        let resource = match kind {
            Kind::Listener => encode::listener(listener.unwrap()),
            Kind::Routes => encode::routes(listener.unwrap()),
            Kind::Cluster => encode::cluster(cluster.unwrap()),
            Kind::Endpoints => encode::endpoints(cluster.unwrap()).unwrap(),
        };
        let refusals = self.resources.take(kind, vec![offer(resource)], &Anywhere);
        assert!(refusals.is_empty(), "{refusals:?}");
        self.resources.listed |= kind == Kind::Listener;
        self.assemble()
    }

    fn hear_all(&mut self, table: &str) {
        let parts = config(table);
        for listener in &parts.listeners {
            self.hear(Kind::Listener, &listener.name, table);
            self.hear(Kind::Routes, &listener.name, table);
        }
        for cluster in &parts.clusters {
            self.hear(Kind::Cluster, &cluster.name, table);
            self.hear(Kind::Endpoints, &cluster.name, table);
        }
    }

    fn assemble(&mut self) -> bool {
        let changed = self
            .assembly
            .update(&mut self.resources, &self.on_demand, self.now);
        for kind in Kind::ALL {
            self.resources.asked(kind, self.now);
        }
        changed
    }

    /// Where requests of each listener go, and which endpoints clusters have.
    fn serves(&self) -> (Vec<String>, Vec<String>) {
        let listeners = self.assembly.listeners();
        let routes = listeners.iter().map(|listener| {
            let clusters = listener.routes.iter().flat_map(clusters_of);
            let clusters = clusters.chain(passed_on(listener));
            let clusters: Vec<&str> = clusters.map(|name| &**name).collect();
            format!("{}->{}", listener.name, clusters.join("+"))
        });
        let clusters = self.assembly.clusters();
        let clusters = clusters.iter().map(|cluster| {
            let endpoints = match &cluster.endpoints {
                model::Endpoints::Static(listed) => listed.len(),
                model::Endpoints::Dns(_) => usize::MAX,
            };
            format!("{}:{endpoints}", cluster.name)
        });
        (routes.collect(), clusters.collect())
    }

    fn assert_serves(&self, routes: &[&str], clusters: &[&str]) {
        let owned = |parts: &[&str]| parts.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(self.serves(), (owned(routes), owned(clusters)));
    }
}

const TO_A: &str = "listeners: [{ name: l, address: 127.0.0.1:1, routes: [{ cluster: a }] }]\nclusters: { a: { endpoints: [127.0.0.1:5] } }";
const TO_B: &str = "listeners: [{ name: l, address: 127.0.0.1:1, routes: [{ cluster: b }] }]\nclusters: { b: { endpoints: [127.0.0.1:6, 127.0.0.1:7] } }";

#[test]
fn a_first_listener_waits_for_its_routes_clusters_and_endpoints() {
    let mut client = Client::new();
    assert!(!client.hear(Kind::Listener, "l", TO_A));
    assert!(!client.assembly.is_whole(&client.resources));
    assert!(!client.hear(Kind::Routes, "l", TO_A));
    assert!(!client.hear(Kind::Cluster, "a", TO_A));
    client.assert_serves(&[], &[]);
    assert!(client.hear(Kind::Endpoints, "a", TO_A));
    client.assert_serves(&["l->a"], &["a:1"]);
    assert!(client.assembly.is_whole(&client.resources));
    assert!(!client.assemble(), "nothing has changed");
}

#[test]
fn a_listener_of_bytes_waits_for_the_clusters_that_it_names_itself() {
    const BYTES: &str = "listeners: [{ name: l, address: 127.0.0.1:1, protocol: tcp, cluster: a, sni: { b.example: b } }]\nclusters: { a: { endpoints: [127.0.0.1:5] }, b: { endpoints: [127.0.0.1:6] } }";
    let mut client = Client::new();
    client.hear(Kind::Listener, "l", BYTES);
    assert!(client.resources.names(Kind::Routes).is_empty());
    for name in ["a", "b"] {
        assert_eq!(client.serves().0, [""; 0]);
        client.hear(Kind::Cluster, name, BYTES);
        client.hear(Kind::Endpoints, name, BYTES);
    }
    client.assert_serves(&["l->b+a"], &["a:1", "b:1"]);
    assert!(client.assembly.is_whole(&client.resources));
}

#[test]
fn new_routes_wait_for_their_clusters_while_the_old_ones_serve() {
    let mut client = Client::new();
    client.hear_all(TO_A);
    client.hear(Kind::Routes, "l", TO_B);
    client.assert_serves(&["l->a"], &["a:1"]);
    let wanted = client.resources.names(Kind::Cluster);
    assert_eq!(*wanted, ["a".into(), "b".into()].into());
    client.hear(Kind::Cluster, "b", TO_B);
    client.assert_serves(&["l->a"], &["a:1"]);
    client.hear(Kind::Endpoints, "b", TO_B);
    client.assert_serves(&["l->b"], &["b:2"]);
    assert_eq!(*client.resources.names(Kind::Cluster), ["b".into()].into());
}

#[test]
fn a_cluster_that_does_not_exist_is_not_waited_for() {
    let mut client = Client::new();
    client.hear(Kind::Listener, "l", TO_A);
    client.hear(Kind::Routes, "l", TO_A);
    client.resources.remove(Kind::Cluster, &"a".into());
    client.assemble();
    client.assert_serves(&["l->a"], &[]);
}

#[test]
fn a_cluster_of_which_nothing_is_said_is_waited_for_so_long() {
    let mut client = Client::new();
    client.hear(Kind::Listener, "l", TO_A);
    client.hear(Kind::Routes, "l", TO_A);
    client.now = 15 * SECOND - 1;
    client.assemble();
    client.assert_serves(&[], &[]);
    assert_eq!(client.resources.next_silence(client.now), Some(15 * SECOND));
    client.now += 1;
    client.assemble();
    client.assert_serves(&["l->a"], &[]);
}

#[test]
fn time_without_a_control_plane_does_not_count() {
    let mut client = Client::new();
    client.hear(Kind::Listener, "l", TO_A);
    client.hear(Kind::Routes, "l", TO_A);
    client.resources.end();
    client.now = 3600 * SECOND;
    let on_demand = BTreeSet::new();
    client
        .assembly
        .update(&mut client.resources, &on_demand, client.now);
    client.assert_serves(&[], &[]);
}

#[test]
fn endpoints_that_are_not_said_again_stay() {
    let mut client = Client::new();
    client.hear_all(TO_A);
    let before = client.assembly.clusters();
    let other = TO_A.replace("endpoints:", "connect_timeout: 3s, endpoints:");
    assert!(client.hear(Kind::Cluster, "a", &other));
    client.assert_serves(&["l->a"], &["a:1"]);
    assert!(!Arc::ptr_eq(&before[0], &client.assembly.clusters()[0]));
    client.resources.remove(Kind::Endpoints, &"a".into());
    client.assemble();
    client.assert_serves(&["l->a"], &["a:0"]);
}

#[test]
fn routes_that_are_gone_serve_on_as_long_as_their_listener_is_there() {
    let mut client = Client::new();
    client.hear_all(TO_A);
    client.resources.remove(Kind::Routes, &"l".into());
    client.assemble();
    client.assert_serves(&["l->a"], &["a:1"]);
    client.resources.remove(Kind::Listener, &"l".into());
    assert!(client.assemble());
    client.assert_serves(&[], &[]);
}

#[test]
fn a_cluster_that_stands_in_for_another_is_waited_for_too() {
    let table = "listeners: [{ name: l, address: 127.0.0.1:1, routes: [{ cluster: a }] }]\nclusters: { a: { endpoints: [127.0.0.1:5], circuit_breaker: { fallback: { cluster: b } } }, b: { endpoints: [127.0.0.1:6], circuit_breaker: { fallback: { cluster: a } } } }";
    let mut client = Client::new();
    client.hear(Kind::Listener, "l", table);
    client.hear(Kind::Routes, "l", table);
    client.hear(Kind::Cluster, "a", table);
    client.hear(Kind::Endpoints, "a", table);
    assert!(client.resources.names(Kind::Cluster).contains("b"));
    client.assert_serves(&[], &["a:1"]);
    client.hear(Kind::Cluster, "b", table);
    client.hear(Kind::Endpoints, "b", table);
    client.assert_serves(&["l->a"], &["a:1", "b:1"]);
}

#[test]
fn a_table_from_the_disk_serves_until_the_wire_has_said_all_of_another() {
    let disk = "listeners: [{ name: l, address: 127.0.0.1:1, routes: [{ cluster: a }] }, { name: old, address: 127.0.0.1:2, routes: [{ cluster: a }] }]\nclusters: { a: { endpoints: [127.0.0.1:5] }, asked: { endpoints: [127.0.0.1:9] } }";
    let mut client = Client::new();
    client.assembly = Assembly::of(&Table::of(config(disk)));
    assert_eq!(client.assembly.unnamed(), ["asked".into()]);
    client.on_demand.insert("asked".into());
    assert!(!client.assemble());
    let asked = ["a".into(), "asked".into()].into();
    assert_eq!(*client.resources.names(Kind::Cluster), asked);
    client.hear(Kind::Listener, "l", TO_B);
    client.assert_serves(&["l->a"], &["a:1", "asked:1"]);
    client.hear(Kind::Routes, "l", TO_B);
    client.hear(Kind::Cluster, "b", TO_B);
    client.assert_serves(&["l->a"], &["a:1", "asked:1"]);
    client.hear(Kind::Endpoints, "b", TO_B);
    client.assert_serves(&["l->b"], &["asked:1", "b:2"]);
}

#[test]
fn what_requests_ask_for_is_there_until_it_is_dropped() {
    let mut client = Client::new();
    client.on_demand.insert("b".into());
    client.assemble();
    client.hear(Kind::Cluster, "b", TO_B);
    client.assert_serves(&[], &[]);
    client.hear(Kind::Endpoints, "b", TO_B);
    client.assert_serves(&[], &["b:2"]);
    client.on_demand.clear();
    assert!(client.assemble());
    client.assert_serves(&[], &[]);
    assert!(client.resources.names(Kind::Endpoints).is_empty());
}

/// Other endpoints alone, and everything anew, come to the same.
#[test]
fn endpoints_that_move_leave_everything_else_as_it_is() {
    let table = |endpoints: &str| {
        TO_B.replace("[127.0.0.1:6, 127.0.0.1:7]", endpoints)
            .replace(
                "clusters: {",
                "clusters: { a: { endpoints: [127.0.0.1:5] },",
            )
    };
    let mut client = Client::new();
    client.on_demand.insert("a".into());
    client.hear_all(&table("[127.0.0.1:6]"));
    client.assert_serves(&["l->b"], &["a:1", "b:1"]);
    let before = client.assembly.clusters();
    let wanted = client.resources.names(Kind::Endpoints);
    assert!(client.hear(Kind::Endpoints, "b", &table("[127.0.0.1:6, 127.0.0.1:7]")));
    client.assert_serves(&["l->b"], &["a:1", "b:2"]);
    let after = client.assembly.clusters();
    assert!(Arc::ptr_eq(&before[0], &after[0]) && !Arc::ptr_eq(&before[1], &after[1]));
    assert!(Arc::ptr_eq(
        &wanted,
        &client.resources.names(Kind::Endpoints)
    ));
    client.resources.begin(false);
    assert!(!client.assemble(), "all has been said");
}

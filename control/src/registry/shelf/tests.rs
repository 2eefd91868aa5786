//! What is in force goes together at any time, whatever is offered in whatever order.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::registry::{Labels, Tables};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn offer(shelf: &mut Shelf, table: &str, text: &str) {
    let place = format!("{table}.yaml");
    let text = Ok(Bytes::from(text.to_owned()));
    shelf.offer(&name(table), text, place.into(), SystemTime::UNIX_EPOCH);
}

fn shelf(tables: &[(&str, &str)]) -> Shelf {
    let mut shelf = Shelf::default();
    for (table, text) in tables {
        offer(&mut shelf, table, text);
    }
    shelf.settle();
    shelf
}

fn version(shelf: &Shelf) -> Arc<str> {
    Tables::version(&shelf.in_force)
}

fn refused(shelf: &Shelf, table: &str) -> String {
    shelf.refused[table].to_string()
}

const WEB: &str = "clusters: { web: { endpoints: [127.0.0.1:9001] } }";
const API: &str = "clusters: { api: { endpoints: [127.0.0.1:9002] } }";
const EDGE: &str = "listeners: [{ name: edge, address: 127.0.0.1:80, routes: [{ cluster: web }] }]";

#[test]
fn a_table_that_is_wrong_leaves_the_last_right_one_in_force_and_others_go_on() {
    let mut shelf = shelf(&[("web", WEB), ("edge", EDGE)]);
    let before = version(&shelf);
    offer(&mut shelf, "web", "clusters: { web: {} }");
    offer(&mut shelf, "api", API);
    shelf.settle();
    assert!(refused(&shelf, "web").contains("has no endpoints"));
    assert!(shelf.in_force.contains_key("api"));
    assert_eq!(shelf.in_force["web"].document.text, WEB.into());
    assert_eq!(
        shelf.list(&name("web")).unwrap().text,
        "clusters: { web: {} }"
    );
    offer(&mut shelf, "web", WEB);
    shelf.withdraw(&name("api"), SystemTime::UNIX_EPOCH);
    shelf.settle();
    assert!(shelf.refused.is_empty());
    assert_eq!(version(&shelf), before);
}

#[test]
fn of_two_tables_that_say_the_same_the_new_one_is_refused() {
    let mut shelf = shelf(&[("b", WEB)]);
    offer(&mut shelf, "a", WEB);
    offer(&mut shelf, "c", WEB);
    shelf.settle();
    assert_eq!(shelf.in_force.len(), 1);
    for table in ["a", "c"] {
        assert!(refused(&shelf, table).contains("b.yaml"), "{table}");
    }
    // What made way for another is taken at once.
    shelf.withdraw(&name("b"), SystemTime::UNIX_EPOCH);
    shelf.settle();
    assert_eq!(shelf.in_force.keys().collect::<Vec<_>>(), [&name("a")]);
}

#[test]
fn a_cluster_may_move_from_table_to_table() {
    let mut shelf = shelf(&[("a", WEB), ("b", API), ("edge", EDGE)]);
    offer(&mut shelf, "a", API);
    offer(&mut shelf, "b", WEB);
    shelf.settle();
    assert!(shelf.refused.is_empty());
    assert_eq!(shelf.in_force["b"].document.text, WEB.into());
}

#[test]
fn a_table_that_is_gone_stays_while_others_need_it() {
    let mut shelf = shelf(&[("web", WEB), ("edge", EDGE)]);
    shelf.withdraw(&name("web"), SystemTime::UNIX_EPOCH);
    shelf.settle();
    let message = refused(&shelf, "web");
    assert!(
        message.contains("web.yaml: the cluster `web` is still needed"),
        "{message}"
    );
    assert!(message.contains("edge.yaml:1:"), "{message}");
    assert_eq!(shelf.list(&name("web")).unwrap().text, WEB);
    shelf.withdraw(&name("edge"), SystemTime::UNIX_EPOCH);
    shelf.settle();
    assert!(shelf.in_force.is_empty() && shelf.refused.is_empty());
    assert!(shelf.list(&name("web")).is_none());
}

#[test]
fn a_right_change_is_not_refused_for_a_wrong_one() {
    let mut shelf = shelf(&[("web", WEB), ("edge", EDGE)]);
    // The change of `edge` is right, but `web` must not go.
    offer(
        &mut shelf,
        "edge",
        &EDGE.replace("name: edge", "via: true, name: edge"),
    );
    shelf.withdraw(&name("web"), SystemTime::UNIX_EPOCH);
    shelf.settle();
    assert_eq!(shelf.refused.keys().collect::<Vec<_>>(), [&name("web")]);
    assert!(shelf.in_force["edge"].listeners[0].value.via);
}

#[test]
fn what_cannot_be_read_is_refused_with_the_reason() {
    let mut shelf = shelf(&[("web", WEB)]);
    let gone = Err("permission denied".to_owned());
    shelf.offer(
        &name("web"),
        gone,
        "web.yaml".into(),
        SystemTime::UNIX_EPOCH,
    );
    shelf.settle();
    assert!(refused(&shelf, "web").contains("permission denied"));
    assert!(shelf.in_force.contains_key("web"));
}

#[test]
fn what_does_not_change_is_the_same_from_one_revision_to_the_next() {
    let both =
        "clusters:\n  web: { endpoints: [127.0.0.1:1] }\n  api: { endpoints: [127.0.0.1:2] }\n";
    let mut shelf = shelf(&[("both", both)]);
    let before = Tables::new(shelf.in_force.clone(), SystemTime::UNIX_EPOCH);
    offer(
        &mut shelf,
        "both",
        &both.replace("127.0.0.1:2", "127.0.0.1:3"),
    );
    // A text that is wrong for a moment costs nothing.
    offer(&mut shelf, "both", "clusters: [");
    shelf.settle();
    offer(
        &mut shelf,
        "both",
        &both.replace("127.0.0.1:2", "127.0.0.1:3"),
    );
    shelf.settle();
    let after = Tables::new(shelf.in_force.clone(), SystemTime::UNIX_EPOCH);
    let scope = before.for_node(&Labels::default());
    assert_eq!(scope, after.for_node(&Labels::default()));
    let ((_, before), (_, after)) = (before.view(&scope), after.view(&scope));
    assert!(!Arc::ptr_eq(&before[0], &after[0]));
    assert!(Arc::ptr_eq(&before[1], &after[1]));
}

#[test]
fn a_proxy_gets_the_tables_that_are_for_it() {
    let edge = format!("proxies: {{ role: edge, zone: [a, b] }}\n{EDGE}");
    let shelf = shelf(&[("web", WEB), ("edge", &edge)]);
    let tables = Tables::new(shelf.in_force, SystemTime::UNIX_EPOCH);
    for (labels, listeners) in [
        (vec![], 0),
        (vec![("role", "edge")], 0),
        (vec![("role", "edge"), ("zone", "c")], 0),
        (vec![("role", "edge"), ("zone", "b"), ("id", "1")], 1),
    ] {
        let scope = tables.for_node(&labels.iter().copied().collect());
        let (of_scope, clusters) = tables.view(&scope);
        assert_eq!(
            (of_scope.len(), clusters.len()),
            (listeners, 1),
            "{labels:?}"
        );
    }
}

#[test]
fn a_version_is_of_the_content_not_of_its_order_or_form() {
    let one = shelf(&[(
        "shop",
        "# words\nclusters:\n  web: { endpoints: [127.0.0.1:1] }\n  api: { dns: { name: api.internal, port: 80 } }\n",
    )]);
    let other = r#"{"clusters": {"api": {"dns": {"port": 80, "name": "api.internal"}}, "web": {"balancer": "peak_ewma", "endpoints": [{"address": "127.0.0.1:1"}]}}}"#;
    let other = shelf(&[("shop", other)]);
    assert_eq!(version(&one), version(&other));
    for different in [
        "clusters:\n  web: { endpoints: [127.0.0.1:1] }\n",
        "proxies: { zone: a }\nclusters:\n  web: { endpoints: [127.0.0.1:1] }\n  api: { dns: { name: api.internal, port: 80 } }\n",
    ] {
        assert_ne!(version(&one), version(&shelf(&[("shop", different)])));
    }
}

/// A table by small numbers: the zone of its proxies, its clusters, the cluster that its listener sends to.
fn text(zone: Option<u8>, clusters: &BTreeSet<u8>, route: Option<u8>) -> String {
    let mut text = String::from("# a table\nproxies: {");
    text.extend(zone.map(|zone| format!(" zone: z{zone}")));
    text += " }\nclusters: {";
    text.extend(
        clusters
            .iter()
            .map(|it| format!(" c{it}: {{ endpoints: [] }},")),
    );
    text += " }\n";
    text.extend(route.map(|to| {
        format!(
            "listeners: [{{ name: l{to}, address: 127.0.0.1:0, routes: [{{ cluster: c{to} }}] }}]\n"
        )
    }));
    text
}

fn table() -> impl Strategy<Value = String> {
    let clusters = prop::collection::btree_set(0..4_u8, 0..3);
    let parts = (
        prop::option::of(0..2_u8),
        clusters,
        prop::option::of(0..4_u8),
    );
    parts.prop_map(|(zone, clusters, route)| text(zone, &clusters, route))
}

/// What happens to a table: it is put, withdrawn, or all that happened settles.
fn step() -> impl Strategy<Value = (usize, Option<String>, bool)> {
    let text = prop_oneof![4 => table().prop_map(Some), 1 => Just(Some("clusters: [".to_owned())), 1 => Just(None)];
    (0..5_usize, text, any::<bool>())
}

const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

proptest! {
    #[test]
    fn what_is_in_force_goes_together_and_is_what_is_offered_or_refused(
        steps in prop::collection::vec(step(), 1..40)
    ) {
        let mut shelf = Shelf::default();
        for (index, text, settle) in steps {
            match text {
                Some(text) => offer(&mut shelf, NAMES[index], &text),
                None => shelf.withdraw(&name(NAMES[index]), SystemTime::UNIX_EPOCH),
            }
            if !settle {
                continue;
            }
            shelf.settle();
            let documents = documents(&shelf.in_force);
            prop_assert!(document::check(&documents).is_empty());
            for table in NAMES {
                let offered = shelf.offered.get(table).and_then(|it| it.read.as_ref().ok());
                let offered = offered.map(|table| &table.version);
                let in_force = shelf.in_force.get(table).map(|table| &table.version);
                prop_assert!(offered == in_force || shelf.refused.contains_key(table));
            }
        }
    }

    #[test]
    fn tables_that_go_together_end_in_force_in_any_order(
        texts in prop::collection::vec(table(), NAMES.len()),
        order in Just((0..NAMES.len()).collect::<Vec<_>>()).prop_shuffle(),
        settles in prop::collection::vec(any::<bool>(), NAMES.len()),
    ) {
        let mut at_once = Shelf::default();
        for (table, text) in NAMES.iter().zip(&texts) {
            offer(&mut at_once, table, text);
        }
        at_once.settle();
        let mut shelf = Shelf::default();
        for (index, settle) in order.into_iter().zip(settles) {
            // Without those that can't go with the rest.
            if at_once.in_force.contains_key(NAMES[index]) {
                offer(&mut shelf, NAMES[index], &texts[index]);
            }
            if settle {
                shelf.settle();
            }
        }
        shelf.settle();
        prop_assert!(shelf.refused.is_empty());
        prop_assert_eq!(version(&shelf), version(&at_once));
    }
}

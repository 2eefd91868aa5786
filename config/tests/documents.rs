//! Documents of a control plane: golden messages of one, and of what is wrong between several.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use outrigger_config::{
    Problems,
    document::{self, Document, check, parse},
};

fn messages(text: &str) -> String {
    parse("shop.yaml", text)
        .expect_err("it is wrong")
        .to_string()
}

fn documents(texts: &[&str]) -> Vec<Document> {
    let names = ["a.yaml", "b.yaml", "c.yaml"];
    let named = names.iter().zip(texts);
    let read = |(name, text): (&&str, &&str)| parse(name, text).unwrap_or_else(|p| panic!("{p}"));
    named.map(read).collect()
}

/// What is wrong between documents, seen from the last one; or from one that is to go, if `gone`.
fn between(texts: &[&str], gone: bool) -> Problems {
    let documents = documents(texts);
    let documents: Vec<&Document> = documents.iter().collect();
    let clashes = check(&documents);
    assert!(!clashes.is_empty());
    let from = (!gone).then_some(documents.len() - 1);
    let file = from.map_or("gone.yaml", |from| &*documents[from].file);
    document::problems(&clashes, &documents, file, from)
}

fn right(texts: &[&str]) {
    let documents = documents(texts);
    let documents: Vec<&Document> = documents.iter().collect();
    assert_eq!(check(&documents), []);
}

const WEB: &str = "clusters:\n  web: { endpoints: [127.0.0.1:9001] }\n";
const EDGE: &str =
    "listeners:\n  - name: edge\n    address: 127.0.0.1:80\n    routes:\n      - cluster: web\n";

fn only_for(labels: &str, text: &str) -> String {
    format!("proxies: {{ {labels} }}\n{text}")
}

macro_rules! golden {
    ($($name:ident: $messages:expr;)+) => {
        $(
            #[test]
            fn $name() {
                insta::with_settings!({ omit_expression => true }, {
                    insta::assert_snapshot!($messages);
                });
            }
        )+
    };
}

golden! {
    what_belongs_to_each_process_is_refused: messages("admin: { address: 127.0.0.1:1 }\naccess_log: {}\ndrain: {}\noverload: {}\nzone: a\n");
    bad_selectors: messages("proxies: { role: [], zone: { a: b }, 'a b': c, cluster: '' }\n");
    identities_that_no_certificate_has: messages("proxies: { identity: [cart, 'spiffe://a/*'] }\n") + "\n\n" + &messages("proxies: { identity: 'spiffe://A/b' }\n");
    proxies_that_are_no_labels: messages("proxies: sidecar\n");
    a_misspelt_proxies: messages("proxy: { role: sidecar }\n");

    a_cluster_of_two_tables: between(&[WEB, WEB], false);
    a_listener_of_two_tables: between(&[WEB, EDGE, &EDGE.replace(":80", ":81")], false);
    an_address_of_two_tables: between(&[WEB, EDGE, &EDGE.replace("edge", "other")], false);
    an_address_of_two_listeners_without_name: between(&[WEB, &EDGE.replace("name: edge", "via: true"), &EDGE.replace("name: edge", "via: true")], false);
    a_cluster_that_no_table_has: between(&[&WEB.replace("web", "wbe"), EDGE], false);
    a_cluster_for_other_proxies: between(&[&only_for("zone: a", WEB), EDGE], false);
    a_fallback_for_other_proxies: between(&[&only_for("zone: a", WEB), "clusters: { api: { endpoints: [], circuit_breaker: { fallback: { cluster: web } } } }\n"], false);
    a_cluster_that_is_still_needed: between(&[EDGE], true);
    a_cluster_that_no_longer_reaches_all: between(&[EDGE, &only_for("role: sidecar", WEB)], false);
}

#[test]
fn a_place_in_another_file_is_in_the_json_too() {
    let problems = between(&[WEB, WEB], false);
    let json = serde_json::to_value(problems.iter().next().unwrap()).unwrap();
    assert_eq!(
        json["also"],
        serde_json::json!({"file": "a.yaml", "line": 2, "column": 3, "label": "and here"})
    );
}

#[test]
fn tables_for_different_proxies_may_say_the_same() {
    let (a, b) = (only_for("zone: a", WEB), only_for("zone: b", WEB));
    right(&[&a, &b]);
    right(&[&only_for("zone: [a, b]", EDGE), &a, &b]);
    right(&[
        &only_for("role: edge", EDGE),
        &only_for("role: sidecar", EDGE),
        WEB,
    ]);
}

#[test]
fn a_table_may_be_any_part() {
    right(&["clusters: {}", "listeners: []"]);
    right(&[EDGE, WEB]);
    right(&["proxies: {}\nclusters: {}"]);
}

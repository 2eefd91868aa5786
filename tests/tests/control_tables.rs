//! The tables of a control plane, through the binary: files that change, that are wrong, and what is remembered of them.

use std::{fs, os::unix::fs::symlink, path::Path};

use http::Method;
use outrigger_tests::{Control, eventually};
use serde_json::Value;

const SHOP: &str = "clusters:\n  shop: { endpoints: [127.0.0.1:9001] }\n";
const EDGE: &str =
    "listeners:\n  - name: edge\n    address: 127.0.0.1:1\n    routes: [ { cluster: shop } ]\n";

fn shop(port: u16) -> String {
    SHOP.replace("9001", &port.to_string())
}

/// The summaries of all versions, the newest first.
async fn summaries(control: &Control) -> Vec<String> {
    let versions = control.get("/versions").await.json();
    let versions = versions.as_array().unwrap().iter();
    let summary = |version: &Value| version["summary"].as_str().unwrap().to_owned();
    versions.map(summary).collect()
}

/// The texts in force.
async fn in_force(control: &Control) -> String {
    let versions = control.get("/versions").await.json();
    let version = versions[0]["version"].as_str().unwrap();
    let version = control.get(&format!("/versions/{version}")).await;
    version.json()["tables"].to_string()
}

async fn until_changed_to(control: &Control, port: u16) {
    let address = format!("127.0.0.1:{port}");
    eventually("the change is in force", async || {
        in_force(control).await.contains(&address)
    })
    .await;
}

#[tokio::test]
async fn a_changed_file_is_in_force_by_itself() {
    let control = Control::start(&[("shop", SHOP), ("edge", EDGE)]).await;
    control.write("tables/shop.yaml", &shop(9002));
    until_changed_to(&control, 9002).await;
    assert_eq!(summaries(&control).await.len(), 2);
    control.says("new tables are in force").await;
}

#[tokio::test]
async fn a_config_map_that_is_swapped_is_one_change() {
    let control = Control::start(&[("edge", EDGE), ("shop", SHOP)]).await;
    let path = control.write("tables/..1/shop.yaml", &shop(9002));
    let tables = path.parent().and_then(Path::parent).unwrap();
    control.write("tables/..1/edge.yaml", &EDGE.replace("edge", "front"));
    symlink("..1", tables.join("..data")).unwrap();
    for file in ["shop.yaml", "edge.yaml"] {
        let link = tables.join("new");
        symlink(Path::new("..data").join(file), &link).unwrap();
        fs::rename(&link, tables.join(file)).unwrap();
    }
    until_changed_to(&control, 9002).await;
    let before = summaries(&control).await.len();
    control.write("tables/..2/shop.yaml", &shop(9003));
    control.write("tables/..2/edge.yaml", &EDGE.replace("edge", "back"));
    symlink("..2", tables.join("..new")).unwrap();
    fs::rename(tables.join("..new"), tables.join("..data")).unwrap();
    eventually("both changes are in force", async || {
        let texts = in_force(&control).await;
        texts.contains("name: back") && texts.contains(":9003")
    })
    .await;
    assert_eq!(summaries(&control).await.len(), before + 1);
}

#[tokio::test]
async fn a_file_that_is_wrong_is_refused_loudly_and_the_rest_goes_on() {
    let control = Control::start(&[("shop", SHOP), ("edge", EDGE)]).await;
    control.write("tables/edge.yaml", &EDGE.replace("shop", "shpo"));
    eventually("it is refused", async || {
        control.output().contains("the table `edge` is refused")
    })
    .await;
    let output = control.output();
    assert!(output.contains("did you mean `shop`?"), "{output}");
    let tables = control.get("/tables").await.json();
    assert_eq!(tables[0]["problems"][0]["line"], 4, "{tables}");
    control.write("tables/shop.yaml", &shop(9002));
    until_changed_to(&control, 9002).await;
    // Somebody wants the cluster gone that the last right table names.
    control.write("tables/shop.yaml", "clusters: {}\n");
    eventually("it is still needed", async || {
        let tables = control.get("/tables").await.text().to_owned();
        tables.contains("the cluster `shop` is still needed")
    })
    .await;
    control.write("tables/edge.yaml", "listeners: []\n");
    eventually("both are right", async || {
        !control.get("/tables").await.text().contains("problems")
    })
    .await;
}

#[tokio::test]
async fn a_table_that_is_wrong_at_the_start_ends_it_with_all_messages() {
    let wrong = [("shop", "clusters: { shop: {} }"), ("edge", "listener: []")];
    let finished = Control::spawn(&wrong, &[]).finished().await;
    assert_eq!(finished.code, Some(78), "{}", finished.output);
    for message in [
        "tables/shop.yaml:1:19",
        "this cluster has no endpoints",
        "tables/edge.yaml:1:1",
        "did you mean `listeners`?",
    ] {
        assert!(finished.output.contains(message), "{}", finished.output);
    }
}

#[tokio::test]
async fn it_ends_in_order_when_told_to() {
    let mut control = Control::start(&[]).await;
    control.serves().await;
    control.sigterm();
    let finished = control.finished().await;
    assert_eq!(finished.code, Some(0), "{}", finished.output);
    assert!(finished.output.contains("stopping"), "{}", finished.output);
}

#[tokio::test]
async fn history_survives_a_restart_and_what_changed_meanwhile_is_in_it() {
    let history = tempfile::tempdir().unwrap();
    let keep = ["--history", history.path().to_str().unwrap()];
    let control = Control::start_with(&[("shop", SHOP)], &keep).await;
    for port in [9002, 9003] {
        let reply = control
            .ask(Method::PUT, "/tables/shop", &[], shop(port))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.text());
    }
    let before = control.get("/versions").await.json();
    control.sigterm();
    assert_eq!(control.finished().await.code, Some(0));

    let control = Control::start_with(&[("shop", &shop(9004))], &keep).await;
    let after = control.get("/versions").await.json();
    let mut after = after.as_array().unwrap().clone();
    let meanwhile = after.remove(0);
    assert_eq!(Value::from(after), before);
    assert_eq!(
        (&meanwhile["source"], &meanwhile["serial"]),
        (&"file".into(), &4.into())
    );
    let first = before[2]["version"].as_str().unwrap();
    let path = format!("/rollback?to={first}");
    let reply = control.ask(Method::POST, &path, &[], "").await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    assert_eq!(control.read("tables/shop.yaml").as_deref(), Some(SHOP));
}

#[tokio::test]
async fn a_history_that_is_damaged_keeps_nobody_from_serving() {
    let history = tempfile::tempdir().unwrap();
    fs::write(history.path().join("history.redb"), "not a store").unwrap();
    let keep = ["--history", history.path().to_str().unwrap()];
    let control = Control::start_with(&[("shop", SHOP)], &keep).await;
    assert!(
        control.output().contains("put aside"),
        "{}",
        control.output()
    );
    assert_eq!(summaries(&control).await.len(), 1);
}

#[tokio::test]
async fn replicas_agree_on_versions_whatever_happened_to_each() {
    let first = Control::start(&[("shop", &shop(9002)), ("edge", EDGE)]).await;
    let remarked = format!("# said otherwise\n{SHOP}");
    let second = Control::start(&[("edge", EDGE), ("shop", &remarked)]).await;
    let reply = first.ask(Method::PUT, "/tables/shop", &[], SHOP).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    let version =
        async |control: &Control| control.get("/versions").await.json()[0]["version"].clone();
    assert_eq!(version(&first).await, version(&second).await);
}

//! What people see of the proxies.

use serde_json::Value;

use super::*;

async fn proxy(control: &Control, id: &str) -> Option<Value> {
    let list = control.get("/proxies").await.json();
    let mut list = list.as_array().unwrap().iter();
    list.find(|proxy| proxy["id"] == id).cloned()
}

#[tokio::test]
async fn a_refusal_is_shown_with_its_text_and_who_said_it() {
    let control = Control::start(&[("t", &table("blue", 9001)), ("other", CLUSTER)]).await;
    let mut client = Delta::all(control.xds, node("edge-7", &[]), Kind::Cluster).await;
    let response = client.next().await;
    client.answer(
        &response,
        Answer::Refuse("cluster `other`: no such balancer"),
    );
    let mut shown = Value::Null;
    eventually("the refusal is shown", async || {
        shown = proxy(&control, "edge-7").await.unwrap_or_default();
        shown["kinds"]["cluster"]["refused"].is_object()
    })
    .await;
    let refused = &shown["kinds"]["cluster"]["refused"];
    assert_eq!(refused["text"], "cluster `other`: no such balancer");
    assert_eq!(refused["resources"], serde_json::json!(["other"]));
    assert_eq!(shown["kinds"]["cluster"]["accepted"], Value::Null);
    let log = control.output();
    let line = log.lines().find(|line| line.contains("a proxy refuses"));
    let line = line.unwrap_or_else(|| panic!("no line in {log}"));
    assert!(
        line.contains("edge-7") && line.contains("no such balancer"),
        "{line}"
    );
    let metrics = outrigger_tests::Metrics::parse(control.get("/metrics").await.text());
    assert_eq!(
        metrics.sum("outrigger_push_refusals_total", &[("kind", "cluster")]),
        1.0
    );
}

#[tokio::test]
async fn a_proxy_is_shown_with_what_it_has() {
    let control = Control::start(&[("t", &table("blue", 9001))]).await;
    let labels = [("role", "edge")];
    let mut client = Delta::all(control.xds, node("edge-1", &labels), Kind::Cluster).await;
    client.accepts().await;
    client.subscribe(Kind::Endpoints, &["blue"]);
    client.accepts().await;
    let version = control.get("/versions").await.json()[0]["version"].clone();
    let mut shown = Value::Null;
    eventually("it has all", async || {
        shown = proxy(&control, "edge-1").await.unwrap_or_default();
        shown["version"] == version && shown.get("behind").is_none()
    })
    .await;
    assert_eq!(shown["labels"]["role"], "edge");
    assert_eq!(
        (&shown["agent"], &shown["form"]),
        (&"test".into(), &"delta".into())
    );
    assert_eq!(shown["kinds"]["cluster"]["all"], true);
    assert_eq!(shown["kinds"]["endpoints"]["named"], 1);
    assert_eq!(shown["kinds"]["endpoints"]["held"], 1);

    // It does not answer the next change, so it is behind.
    control.write("tables/t.yaml", &table("blue", 9002));
    client.next().await;
    eventually("it is behind", async || {
        let shown = proxy(&control, "edge-1").await.unwrap_or_default();
        shown["behind"].is_string()
    })
    .await;

    drop(client);
    eventually("it is gone, and remembered", async || {
        let shown = proxy(&control, "edge-1").await.unwrap_or_default();
        shown["gone"].is_string()
    })
    .await;
    let mut client = Delta::all(control.xds, node("edge-1", &labels), Kind::Cluster).await;
    client.accepts().await;
    let list = control.get("/proxies").await.json();
    assert_eq!(list.as_array().unwrap().len(), 1, "{list}");
    assert!(list[0].get("gone").is_none(), "{list}");
}

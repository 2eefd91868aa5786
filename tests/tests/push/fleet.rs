//! What people see of the proxies.

use outrigger_tests::ads_client::Stream;
use outrigger_xds::pb::envoy::{
    config::{
        core::v3::{Address, SocketAddress, address, socket_address::PortSpecifier},
        endpoint::v3::{ClusterStats, UpstreamEndpointStats, UpstreamLocalityStats},
    },
    service::load_stats::v3::{LoadStatsRequest, LoadStatsResponse},
};
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
    eventually("the log has it", async || {
        let log = control.output();
        let line = log.lines().find(|line| line.contains("a proxy refuses"));
        line.is_some_and(|line| line.contains("edge-7") && line.contains("no such balancer"))
    })
    .await;
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

const LOADS: &str = "/envoy.service.load_stats.v3.LoadReportingService/StreamLoadStats";

/// That `port` answered `successes` requests well and `errors` badly since the last report.
fn report(cluster: &str, port: u32, successes: u64, errors: u64) -> LoadStatsRequest {
    let socket = SocketAddress {
        address: "127.0.0.1".to_owned(),
        port_specifier: Some(PortSpecifier::PortValue(port)),
        ..SocketAddress::default()
    };
    let endpoint = UpstreamEndpointStats {
        address: Some(Address {
            address: Some(address::Address::SocketAddress(socket)),
        }),
        total_successful_requests: successes,
        total_error_requests: errors,
        ..UpstreamEndpointStats::default()
    };
    let locality = UpstreamLocalityStats {
        upstream_endpoint_stats: vec![endpoint],
        ..UpstreamLocalityStats::default()
    };
    LoadStatsRequest {
        cluster_stats: vec![ClusterStats {
            cluster_name: cluster.to_owned(),
            upstream_locality_stats: vec![locality],
            ..ClusterStats::default()
        }],
        ..LoadStatsRequest::default()
    }
}

#[tokio::test]
async fn load_that_proxies_report_is_shown_beside_endpoints_of_which_nobody_does() {
    let control = Control::start(&[("t", &table("blue", 9001)), ("other", CLUSTER)]).await;
    let hello = LoadStatsRequest::default();
    let mut stream: Stream<LoadStatsRequest, LoadStatsResponse> =
        Stream::open(control.xds, LOADS, hello).await;
    let wanted = stream.next().await;
    assert!(wanted.send_all_clusters && wanted.report_endpoint_granularity);
    let interval = wanted.load_reporting_interval.unwrap().seconds;
    stream.send(report(
        "blue",
        9001,
        30 * interval.cast_unsigned(),
        10 * interval.cast_unsigned(),
    ));
    let mut shown = Value::Null;
    eventually("the load is shown", async || {
        shown = control.get("/endpoints").await.json();
        shown[0]["endpoints"][0]["requests_per_second"] == 40.0
    })
    .await;
    assert_eq!(shown[0]["cluster"], "blue");
    assert_eq!(shown[0]["endpoints"][0]["address"], "127.0.0.1:9001");
    assert_eq!(shown[0]["endpoints"][0]["success"], 0.75);
    assert_eq!(shown[1]["endpoints"][0]["proxies"], 0);
    drop(stream);
    eventually("who is gone reports no more", async || {
        let shown = control.get("/endpoints").await.json();
        shown[0]["endpoints"][0]["proxies"] == 0
    })
    .await;
}

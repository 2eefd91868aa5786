//! The push, through the real control plane: what streams of both forms are told, and when.

mod fleet;
mod order;

use outrigger_tests::{
    Control,
    ads_client::{Answer, Delta, World, node},
    eventually, within,
};
use outrigger_xds::{Kind, decode, discovery::DeltaDiscoveryRequest};

/// A listener that sends everything to `cluster`, which answers at `port`.
fn table(cluster: &str, port: u16) -> String {
    format!(
        "listeners: [{{ name: l, address: 127.0.0.1:1, routes: [{{ cluster: {cluster} }}] }}]\n\
         clusters: {{ {cluster}: {{ endpoints: [127.0.0.1:{port}] }} }}\n"
    )
}

#[tokio::test]
async fn a_delta_client_gets_all_and_then_what_changes() {
    let control = Control::start(&[("t", &table("blue", 9001)), ("other", CLUSTER)]).await;
    let mut client = Delta::all(control.xds, node("n", &[]), Kind::Cluster).await;
    assert_eq!(client.accepts().await, "cluster blue other");
    client.subscribe(Kind::Endpoints, &["blue"]);
    assert_eq!(client.accepts().await, "endpoints blue");
    control.write("tables/t.yaml", &table("blue", 9002));
    let response = client.next().await;
    let resource = response.resources[0].resource.as_ref().unwrap();
    let (name, endpoints) = decode::endpoints(resource.value.clone()).unwrap();
    assert_eq!((response.resources.len(), &*name), (1, "blue"));
    assert_eq!(endpoints[0].address, "127.0.0.1:9002".parse().unwrap());
    client.answer(&response, Answer::Accept);

    // A comment is no change, and neither is what others asked for: the next thing heard is the next change.
    control.write(
        "tables/t.yaml",
        &format!("# moved\n{}", table("blue", 9002)),
    );
    control.write("tables/other.yaml", &CLUSTER.replace("9009", "9010"));
    control.write("tables/t.yaml", &table("blue", 9003));
    assert_eq!(client.accepts().await, "endpoints blue");
}

const CLUSTER: &str = "clusters: { other: { endpoints: [127.0.0.1:9009] } }\n";

#[tokio::test]
async fn a_client_of_the_other_form_gets_all_clusters_whenever_one_changes() {
    let control = Control::start(&[("t", &table("blue", 9001)), ("other", CLUSTER)]).await;
    let mut client = World::begin(control.xds, node("n", &[]), Kind::Cluster, &[]).await;
    assert_eq!(client.accepts(&[]).await, "cluster 2");
    client.ask(Kind::Endpoints, &["blue", "other"]);
    assert_eq!(client.accepts(&["blue", "other"]).await, "endpoints 2");
    client.ask(Kind::Listener, &[]);
    assert_eq!(client.accepts(&[]).await, "listener 1");
    client.ask(Kind::Routes, &["l"]);
    assert_eq!(client.accepts(&["l"]).await, "routes 1");

    control.write("tables/t.yaml", &table("blue", 9002));
    assert_eq!(client.accepts(&["blue", "other"]).await, "endpoints 1");
    let slow = CLUSTER.replace("{ endpoints", "{ connect_timeout: 9s, endpoints");
    control.write("tables/other.yaml", &slow);
    assert_eq!(client.accepts(&[]).await, "cluster 2");
    let warmed = client.accepts(&["blue", "other"]).await;
    assert_eq!(warmed, "endpoints 1", "a changed cluster waits for them");
}

#[tokio::test]
async fn a_client_that_comes_back_hears_only_what_it_does_not_know() {
    let control = Control::start(&[("t", &table("blue", 9001)), ("other", CLUSTER)]).await;
    let mut client = Delta::all(control.xds, node("n", &[]), Kind::Cluster).await;
    let response = client.next().await;
    client.answer(&response, Answer::Accept);
    drop(client);
    let known = response.resources.iter();
    let known = known.map(|it| (it.name.clone(), it.version.clone()));
    let again = DeltaDiscoveryRequest {
        node: Some(node("n", &[])),
        type_url: Kind::Cluster.type_url().to_owned(),
        initial_resource_versions: known.chain([("gone".into(), "1".into())]).collect(),
        ..DeltaDiscoveryRequest::default()
    };
    let mut client = Delta::begin(control.xds, again).await;
    assert_eq!(client.accepts().await, "cluster -gone");

    // Another control plane over the same tables gives the same versions.
    let replica = Control::start(&[("t", &table("blue", 9001)), ("other", CLUSTER)]).await;
    let mut moved = Delta::all(replica.xds, node("n", &[]), Kind::Cluster).await;
    assert_eq!(moved.next().await.resources, response.resources);
}

#[tokio::test]
async fn a_refusal_stops_nothing() {
    let control = Control::start(&[("t", &table("blue", 9001))]).await;
    let mut client = Delta::all(control.xds, node("n", &[]), Kind::Cluster).await;
    let response = client.next().await;
    client.answer(&response, Answer::Refuse("cluster `blue`: not today"));
    client.subscribe(Kind::Endpoints, &["blue"]);
    assert_eq!(client.accepts().await, "endpoints blue");
    control.write("tables/t.yaml", &table("green", 9001));
    assert_eq!(client.accepts().await, "cluster green");
}

#[tokio::test]
async fn streams_end_when_the_control_plane_does() {
    let control = Control::start(&[("t", &table("blue", 9001))]).await;
    let mut client = Delta::all(control.xds, node("n", &[]), Kind::Cluster).await;
    client.accepts().await;
    control.sigterm();
    assert_eq!(client.end().await, tonic::Code::Ok);
    assert_eq!(within("its end", control.finished()).await.code, Some(0));
}

#[tokio::test]
async fn who_asks_for_too_much_is_sent_away() {
    let control = Control::start(&[("t", &table("blue", 9001))]).await;
    let mut client = Delta::all(control.xds, node("n", &[]), Kind::Cluster).await;
    client.accepts().await;
    client.subscribe(Kind::Endpoints, &[&"x".repeat(1000)]);
    assert_eq!(client.end().await, tonic::Code::ResourceExhausted);
}

#[tokio::test]
async fn a_grpc_client_dials_a_host_or_a_cluster() {
    let text = "listeners: [{ name: l, address: 127.0.0.1:1, routes: \
                [{ match: { hosts: [shop] }, clusters: { blue: 90, green: 10 } }, { cluster: blue }] }]\n\
                clusters: { blue: { endpoints: [127.0.0.1:1] }, green: { endpoints: [127.0.0.1:2] } }\n";
    let control = Control::start(&[("t", text)]).await;
    let mut grpc = node("g", &[]);
    grpc.user_agent_name = "gRPC C-core linux".to_owned();
    let mut client = World::begin(control.xds, grpc, Kind::Listener, &["shop"]).await;
    assert_eq!(client.accepts(&["shop"]).await, "listener 1");
    client.ask(Kind::Listener, &["shop", "green", "later"]);
    assert_eq!(
        client.accepts(&["shop", "green", "later"]).await,
        "listener 2"
    );
    control.write("tables/more.yaml", &CLUSTER.replace("other", "later"));
    assert_eq!(
        client.accepts(&["shop", "green", "later"]).await,
        "listener 3"
    );
}

#[tokio::test]
async fn proxies_get_the_tables_that_are_for_them() {
    let edge = format!("proxies: {{ role: edge }}\n{}", table("blue", 1));
    let sidecar = format!("proxies: {{ role: sidecar }}\n{}", table("green", 2));
    let control = Control::start(&[("edge", &edge), ("sidecar", &sidecar)]).await;
    let labels = |role| node("n", &[("role", role)]);
    let mut client = Delta::all(control.xds, labels("edge"), Kind::Cluster).await;
    assert_eq!(client.accepts().await, "cluster blue");
    let mut other = Delta::all(control.xds, labels("sidecar"), Kind::Cluster).await;
    assert_eq!(other.accepts().await, "cluster green");
    let mut neither = Delta::all(control.xds, labels("batch"), Kind::Cluster).await;
    assert_eq!(neither.accepts().await, "cluster");

    // Who a table is for may change as well.
    control.write("tables/sidecar.yaml", &sidecar.replace("sidecar", "batch"));
    assert_eq!(neither.accepts().await, "cluster green");
    assert_eq!(other.accepts().await, "cluster -green");
}

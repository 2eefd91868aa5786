//! The proxy as a client of a control plane: by wire and from the disk, whatever comes and goes.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, Instant},
};

use http::StatusCode;
use outrigger_tests::{
    Ads, Client, Endpoint, Proxy, Speaks, eventually, free_address, get_with, refusing_address,
};
use outrigger_xds::Kind;
use tempfile::TempDir;

/// One listener before one cluster `web`.
fn table(listener: SocketAddr, endpoints: &[&Endpoint]) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    let endpoints = endpoints.join(", ");
    format!(
        "listeners: [{{ name: edge, address: \"{listener}\", routes: [{{ cluster: web }}] }}]\nclusters: {{ web: {{ endpoints: [{endpoints}] }} }}\n"
    )
}

/// What a listener answers now; `None`: nobody does.
async fn answer(address: SocketAddr) -> Option<(StatusCode, String)> {
    tokio::net::TcpStream::connect(address).await.ok()?;
    let mut client = Client::http1(address).await;
    let reply = client.try_request(outrigger_tests::get("/")).await.ok()?;
    Some((reply.status, reply.text().to_owned()))
}

async fn answers(what: &str, address: SocketAddr, body: &str) {
    eventually(what, async || {
        answer(address).await == Some((StatusCode::OK, body.to_owned()))
    })
    .await;
}

async fn control(proxy: &Proxy) -> serde_json::Value {
    let config = proxy.admin_get("/config").await;
    let config: serde_json::Value = serde_json::from_str(config.text()).unwrap();
    config["control"].clone()
}

#[tokio::test]
async fn a_table_comes_by_wire_and_an_endpoint_moves() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let ads = Ads::start().await;
    let mut proxy = Proxy::controlled(&[ads.address], &["--label", "role=edge"]);
    eventually("it says why it is not ready", async || {
        let ready = proxy.try_admin_get("/ready").await;
        ready.is_some_and(|ready| {
            ready.status == StatusCode::SERVICE_UNAVAILABLE
                && ready.text().starts_with("no table yet")
        })
    })
    .await;
    ads.say(&table(proxy.address, &[&a]));
    proxy.becomes_ready().await;
    answers("the first table serves", proxy.address, "a").await;
    ads.say(&table(proxy.address, &[&b]));
    answers("the endpoint has moved", proxy.address, "b").await;
    assert_eq!(ads.nodes(), ["test"]);
    assert_eq!(ads.refusals(), [""; 0]);
    assert_eq!(ads.subscribed(Kind::Cluster), ["web".to_owned()].into());
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_control_connected", &[]), 1.0);
    assert!(metrics.sum("outrigger_control_table_timestamp_seconds", &[]) > 1e9);
    let accepted = [("kind", "endpoints"), ("outcome", "accepted")];
    assert!(metrics.sum("outrigger_control_updates_total", &accepted) >= 2.0);
    let shown = control(&proxy).await;
    assert_eq!(shown["connected"]["server"], ads.address.to_string());
}

#[tokio::test]
async fn a_bad_resource_is_refused_with_its_place_and_the_rest_is_in_force() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let (ads, other) = (Ads::start().await, free_address());
    let mut proxy = Proxy::controlled(&[ads.address], &[]);
    let address = proxy.address;
    let both = |endpoint: &Endpoint, header_timeout: &str| {
        format!(
            "listeners:\n- {{ name: edge, address: \"{address}\", header_timeout: {header_timeout}, routes: [{{ cluster: web }}] }}\n- {{ name: other, address: \"{other}\", routes: [{{ cluster: web }}] }}\nclusters: {{ web: {{ endpoints: [{endpoint}] }} }}\n"
        )
    };
    ads.say(&both(&a, "1s"));
    proxy.becomes_ready().await;
    // Not an address that anybody can have.
    let bad = both(&b, "1s").replace(&other.to_string(), "203.0.113.1:80");
    ads.say(&bad);
    ads.put_bytes(Kind::Listener, "third", b"\xff\xff");
    answers("the good part is in force", proxy.address, "b").await;
    answers("the bad one is as it was", other, "b").await;
    eventually("both refusals are told", async || {
        let refusals = ads.refusals().join("\n");
        refusals.contains("`other`")
            && refusals.contains("203.0.113.1:80")
            && refusals.contains("third")
    })
    .await;
    let refused = control(&proxy).await["refused"]["problems"].to_string();
    assert!(refused.contains("203.0.113.1:80"), "{refused}");
    assert!(proxy.output().contains("203.0.113.1:80"));
    let refused = [("kind", "listener"), ("outcome", "refused")];
    let metrics = proxy.metrics().await;
    assert!(metrics.sum("outrigger_control_updates_total", &refused) >= 1.0);
    ads.say(&both(&a, "2s"));
    eventually("it is forgotten", async || {
        control(&proxy).await["refused"].is_null()
    })
    .await;
}

#[tokio::test]
async fn a_control_plane_that_dies_is_not_missed_and_found_again_within_a_second() {
    let a = Endpoint::named("a").await;
    let ads = Ads::start().await;
    let mut proxy = Proxy::controlled(&[ads.address], &[]);
    ads.say(&table(proxy.address, &[&a]));
    proxy.becomes_ready().await;
    let address = ads.address;
    let connected = async || {
        proxy
            .metrics()
            .await
            .sum("outrigger_control_connected", &[])
            == 1.0
    };
    let mut slowest = Duration::ZERO;
    drop(ads);
    eventually("the loss is seen", async || !connected().await).await;
    for _ in 0..3 {
        // Long enough for the pauses between tries to be as long as they get.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert_eq!(answer(proxy.address).await.unwrap().1, "a");
        let back = Ads::start_as(Speaks::Everything, address).await;
        let begun = Instant::now();
        back.say(&table(proxy.address, &[&a]));
        eventually("it is found again", async || back.streams() > 0).await;
        slowest = slowest.max(begun.elapsed());
        eventually("and heard", connected).await;
        drop(back);
        eventually("the loss is seen again", async || !connected().await).await;
    }
    eprintln!("reconnected after {slowest:?} at most");
    assert!(slowest < Duration::from_millis(1500), "{slowest:?}");
    let lost = proxy.output().matches("no control plane").count();
    assert_eq!(lost, 4, "{}", proxy.output());
}

#[tokio::test]
async fn another_control_plane_takes_over() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let (first, second) = (Ads::start().await, Ads::start().await);
    let addresses = [refusing_address(), first.address, second.address];
    let mut proxy = Proxy::controlled(&addresses, &[]);
    first.say(&table(proxy.address, &[&a]));
    second.say(&table(proxy.address, &[&b]));
    proxy.becomes_ready().await;
    answers("the first that answers serves", proxy.address, "a").await;
    assert_eq!(second.streams(), 0);
    drop(first);
    answers("the second takes over", proxy.address, "b").await;
}

#[tokio::test]
async fn a_start_from_the_disk_needs_no_control_plane() {
    let a = Endpoint::named("a").await;
    let cache = TempDir::new().unwrap();
    let directory = cache.path().to_str().unwrap();
    let ads = Ads::start().await;
    let mut proxy = Proxy::controlled(&[ads.address], &["--cache-dir", directory]);
    let address = proxy.address;
    ads.say(&table(address, &[&a]));
    proxy.becomes_ready().await;
    let kept = cache.path().join("table.yaml");
    eventually("the table is kept", async || {
        fs::read_to_string(&kept).is_ok_and(|text| text.contains(&a.to_string()))
    })
    .await;
    let gone = ads.address;
    drop((proxy, ads));

    let begun = Instant::now();
    let proxy = Proxy::controlled_at(address, &[gone], &["--cache-dir", directory]);
    eventually("it serves", async || {
        answer(address)
            .await
            .is_some_and(|(status, _)| status == 200)
    })
    .await;
    eprintln!("first 200 from the disk after {:?}", begun.elapsed());
    assert_eq!(proxy.admin_get("/ready").await.status, 200);
    let shown = control(&proxy).await;
    assert!(
        shown["connected"].is_null() && shown["version"] != "",
        "{shown}"
    );
    let b = Endpoint::named("b").await;
    let back = Ads::start_as(Speaks::Everything, gone).await;
    back.say(&table(address, &[&b]));
    answers("what comes by wire takes over", address, "b").await;
}

#[tokio::test]
async fn a_damaged_table_on_the_disk_is_refused_and_nothing_else() {
    let a = Endpoint::named("a").await;
    let cache = TempDir::new().unwrap();
    let directory = cache.path().to_str().unwrap();
    let kept = cache.path().join("table.yaml");
    fs::write(
        &kept,
        "# outrigger table 1; version=1; time=1; checksum=0\n{}",
    )
    .unwrap();
    let ads = Ads::start().await;
    let mut proxy = Proxy::controlled(&[ads.address], &["--cache-dir", directory]);
    eventually("it says so", async || proxy.output().contains("damaged")).await;
    assert_eq!(proxy.admin_get("/ready").await.status, 503);
    ads.say(&table(proxy.address, &[&a]));
    proxy.becomes_ready().await;
    answers("it serves", proxy.address, "a").await;
    eventually("the damaged one is replaced", async || {
        fs::read_to_string(&kept).unwrap().contains("edge")
    })
    .await;
}

#[tokio::test]
async fn a_control_plane_without_delta_is_spoken_to_as_it_can() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let ads = Ads::start_as(Speaks::StateOfTheWorld, anywhere).await;
    let mut proxy = Proxy::controlled(&[ads.address], &[]);
    ads.say(&table(proxy.address, &[&a]));
    proxy.becomes_ready().await;
    answers("it serves", proxy.address, "a").await;
    ads.say(&table(proxy.address, &[&b]));
    answers("the endpoint has moved", proxy.address, "b").await;
    ads.remove(Kind::Listener, "edge");
    eventually("the listener is gone", async || {
        answer(proxy.address).await.is_none()
    })
    .await;
    assert_eq!(ads.refusals(), [""; 0]);
}

#[tokio::test]
async fn a_cluster_is_asked_for_when_a_request_names_it_and_dropped_when_none_does() {
    let a = Endpoint::named("a").await;
    let ads = Ads::start().await;
    let mut proxy = Proxy::controlled(&[ads.address], &["--keep-unused", "2"]);
    ads.say(&format!(
        "listeners: [{{ name: out, address: \"{}\" }}]\nclusters: {{ shop: {{ endpoints: [{a}] }}, unused: {{ endpoints: [{a}] }} }}",
        proxy.address
    ));
    proxy.becomes_ready().await;
    assert!(ads.subscribed(Kind::Cluster).is_empty());
    let mut client = Client::http1(proxy.address).await;
    let reply = client.request(get_with("/", &[("host", "shop")])).await;
    assert_eq!(reply.text(), "a");
    let unknown = client.request(get_with("/", &[("host", "nowhere")])).await;
    assert_eq!(unknown.status, 404, "{unknown:?}");
    eventually("what is not there is not asked for any more", async || {
        ads.subscribed(Kind::Cluster) == ["shop".to_owned()].into()
    })
    .await;
    eventually("it is dropped", async || {
        ads.subscribed(Kind::Cluster).is_empty()
    })
    .await;
    let reply = client.request(get_with("/", &[("host", "shop")])).await;
    assert_eq!(reply.text(), "a");
}

#[tokio::test]
async fn a_file_and_a_control_plane_serve_together_and_the_file_wins() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let (ads, other) = (Ads::start().await, free_address());
    ads.say(&format!(
        "listeners:\n- {{ name: pushed, address: \"{other}\", routes: [{{ cluster: web }}, {{ match: {{ path: {{ prefix: /own }} }}, cluster: own }}] }}\nclusters: {{ web: {{ endpoints: [{b}] }}, own: {{ endpoints: [{b}] }} }}"
    ));
    let server = ads.address.to_string();
    let file = outrigger_tests::Table::to([&a]);
    let proxy = Proxy::start_with(file, &["--control", &server]).await;
    answers("the file's listener serves", proxy.address, "a").await;
    answers("the cluster of the file wins", other, "a").await;
    let mut client = Client::http1(other).await;
    assert_eq!(client.get("/own").await.text(), "b");
    eventually("it is logged", async || {
        proxy.output().contains("`web` stands in the file")
    })
    .await;
}

#[tokio::test]
async fn an_address_that_is_taken_is_had_as_soon_as_it_is_free() {
    let a = Endpoint::named("a").await;
    let ads = Ads::start().await;
    let mut proxy = Proxy::controlled(&[ads.address], &[]);
    let taken = std::net::TcpListener::bind(proxy.address).unwrap();
    let free = free_address();
    ads.say(&format!(
        "listeners:\n- {{ name: taken, address: \"{}\", routes: [{{ cluster: web }}] }}\n- {{ name: free, address: \"{free}\", routes: [{{ cluster: web }}] }}\nclusters: {{ web: {{ endpoints: [{a}] }} }}",
        proxy.address
    ));
    proxy.becomes_ready().await;
    answers("the other listener serves", free, "a").await;
    eventually("it is told", async || {
        ads.refusals().join("").contains("`taken`")
    })
    .await;
    drop(taken);
    answers("it is had", proxy.address, "a").await;
}

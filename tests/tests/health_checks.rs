//! Endpoints that are asked whether they are well.

use std::time::{Duration, Instant};

use outrigger_tests::{
    Client, DnsServer, Endpoint, Proxy, Switched, Table, eventually, free_address, spread,
};
use serde_json::Value;

/// Checks as often as a test can wait for.
const QUICK: &str = "interval: 100ms, failing_interval: 50ms, timeout: 300ms";

fn checked<A: std::fmt::Display>(endpoints: impl IntoIterator<Item = A>, more: &str) -> Table {
    Table::to(endpoints)
        .cluster("balancer: round_robin")
        .cluster(format!("health_check: {{ {QUICK}, {more} }}"))
}

/// What `/clusters` says of an endpoint of `web`.
async fn shown(proxy: &Proxy, address: impl std::fmt::Display) -> Value {
    let clusters = proxy.admin_get("/clusters").await.json();
    let endpoints = clusters["web"]["endpoints"].as_array().unwrap().clone();
    let found = endpoints
        .into_iter()
        .find(|endpoint| endpoint["address"] == address.to_string());
    found.unwrap_or_default()
}

async fn becomes(proxy: &Proxy, address: impl std::fmt::Display, state: &str) {
    eventually(&format!("{address} is {state}"), async || {
        shown(proxy, &address).await["state"] == state
    })
    .await;
}

async fn becomes_checked(proxy: &Proxy, address: impl std::fmt::Display) {
    eventually(&format!("{address} is checked"), async || {
        shown(proxy, &address).await["health_check"]["up"] == true
    })
    .await;
}

#[tokio::test]
async fn an_endpoint_that_says_it_is_unwell_gets_no_request_until_it_is_well() {
    let (bad, good) = (Switched::start("bad").await, Switched::start("good").await);
    let proxy = Proxy::start(checked([&bad, &good], "")).await;
    becomes_checked(&proxy, &bad).await;
    bad.health.status(503);
    becomes(&proxy, &bad, "down").await;
    let health = &shown(&proxy, &bad).await["health_check"];
    assert_eq!(health["up"], false);
    assert_eq!(health["last_result"], "503 is not among 200-299");
    assert!(health["since"].as_f64().unwrap() > 1e9, "{health}");

    let before = bad.traffic.requests();
    let tally = spread(proxy.address, 4, 100).await;
    assert_eq!((tally.of("good"), bad.traffic.requests()), (100, before));
    eventually("the gauges tell", async || {
        let metrics = proxy.metrics().await;
        let gauge = |state| metrics.sum("outrigger_endpoints", &[("state", state)]);
        (gauge("down"), gauge("ready")) == (1.0, 1.0)
    })
    .await;
    let metrics = proxy.metrics().await;
    let checks = |result| metrics.sum("outrigger_health_checks_total", &[("result", result)]);
    assert!(checks("pass") >= 2.0 && checks("fail") >= 3.0);

    bad.health.status(204);
    becomes(&proxy, &bad, "ready").await;
    let tally = spread(proxy.address, 1, 100).await;
    assert_eq!((tally.of("good"), tally.of("bad")), (50, 50));
}

#[tokio::test]
async fn it_takes_as_many_results_in_a_row_as_configured_and_a_line_says_so() {
    let endpoint = Switched::start("a").await;
    let proxy = Proxy::start(checked([&endpoint], "rise: 4, fall: 5")).await;
    becomes_checked(&proxy, &endpoint).await;
    assert!(
        !proxy.output().contains("health check"),
        "that all is well as expected is no news"
    );
    endpoint.health.status(500);
    becomes(&proxy, &endpoint, "down").await;
    endpoint.health.status(200);
    becomes(&proxy, &endpoint, "ready").await;
    let down = line(&proxy, "health check: down").await;
    assert!(
        down.contains("in_a_row=5 why=500 is not among 200-299"),
        "{down}"
    );
    assert!(
        down.contains(&format!("cluster=web endpoint={endpoint}")),
        "{down}"
    );
    let up = line(&proxy, "health check: up").await;
    assert!(up.contains("in_a_row=4"), "{up}");
}

/// The line of the log that says `what`, once it is written.
async fn line(proxy: &Proxy, what: &str) -> String {
    let find = || {
        let output = proxy.output();
        let found = output.lines().find(|line| line.contains(what));
        found.map(ToOwned::to_owned)
    };
    eventually(what, async || find().is_some()).await;
    find().unwrap_or_default()
}

#[tokio::test]
async fn statuses_path_method_headers_and_host_are_what_the_file_says() {
    let echo = Endpoint::echo().await;
    let table = checked(
        [&echo],
        "http: { path: '/up?full=1', method: POST, host: web.internal, headers: { x-who: me }, statuses: [404, 200-204], body: '\"x-who\":[\"me\"]' }",
    );
    let proxy = Proxy::start(table).await;
    becomes_checked(&proxy, &echo).await;
    assert_eq!(echo.seen.paths()[0], "/up?full=1");
    // The endpoint answers with what it saw.
    let wanted = [
        ("body: '\"method\":\"GET\"'", true),
        (
            "body: '\"host\":[\"web.internal\"]', host: web.internal",
            true,
        ),
        ("body: '\"user-agent\":[\"outrigger-health-check\"]'", true),
        ("body: nowhere", false),
        ("statuses: [201]", false),
    ];
    for (keys, passes) in wanted {
        proxy
            .reload(checked([&echo], &format!("http: {{ {keys} }}")))
            .await;
        eventually(keys, async || {
            shown(&proxy, &echo).await["health_check"]["up"] == passes
        })
        .await;
    }
}

#[tokio::test]
async fn a_cluster_that_speaks_http2_is_asked_in_http2() {
    let echo = Endpoint::echo().await;
    let table = checked([&echo], "http: { body: '\"version\":\"HTTP/2.0\"' }");
    let proxy = Proxy::start(table.cluster("protocol: http2")).await;
    becomes_checked(&proxy, &echo).await;
}

#[tokio::test]
async fn a_port_that_refuses_is_down_at_its_first_check_and_up_when_it_is_served() {
    let address = free_address();
    let proxy = Proxy::start(checked([address], "tcp: {}").cluster("panic_threshold: 0%")).await;
    becomes(&proxy, address, "down").await;
    let health = &shown(&proxy, address).await["health_check"];
    assert_eq!(health["last_result"], "connection refused");
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.status,
        503
    );
    let _endpoint = Switched::at(address, "late").await;
    becomes(&proxy, address, "ready").await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.status,
        200
    );
    let metrics = proxy.metrics().await;
    let refused = [("result", "connect_failure")];
    assert!(metrics.sum("outrigger_health_checks_total", &refused) >= 1.0);
}

#[tokio::test]
async fn another_port_may_be_asked() {
    let (endpoint, aside) = (Switched::start("a").await, Switched::start("aside").await);
    let port = format!("port: {}", aside.address.port());
    let proxy = Proxy::start(checked([&endpoint], &port)).await;
    becomes_checked(&proxy, &endpoint).await;
    assert_eq!(endpoint.health.requests(), 0);
    aside.health.status(500);
    becomes(&proxy, &endpoint, "down").await;
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_failure() {
    let endpoint = Switched::start("a").await;
    let proxy = Proxy::start(checked([&endpoint], "fall: 2")).await;
    becomes_checked(&proxy, &endpoint).await;
    endpoint.health.delay(Duration::from_secs(60));
    becomes(&proxy, &endpoint, "down").await;
    let health = &shown(&proxy, &endpoint).await["health_check"];
    assert_eq!(health["last_result"], "timeout after 300ms");
    endpoint.health.delay(Duration::ZERO);
    becomes(&proxy, &endpoint, "ready").await;
    let metrics = proxy.metrics().await;
    let timeouts = [("result", "timeout")];
    assert!(metrics.sum("outrigger_health_checks_total", &timeouts) >= 2.0);
}

#[tokio::test]
async fn there_is_one_checker_however_many_workers() {
    let endpoint = Switched::start("a").await;
    let proxy = Proxy::start_with(checked([&endpoint], ""), &["--workers", "4"]).await;
    becomes_checked(&proxy, &endpoint).await;
    let (start, before) = (Instant::now(), endpoint.health.requests());
    eventually("ten more checks", async || {
        endpoint.health.requests() >= before + 10
    })
    .await;
    // Ten intervals of 100 ms, each up to 10 % shorter; four checkers would be through in a quarter of it.
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(800), "{took:?}");
}

#[tokio::test]
async fn a_reload_keeps_what_is_known_and_a_removed_check_lets_requests_through() {
    let endpoint = Switched::start("a").await;
    let proxy = Proxy::start(checked([&endpoint], "")).await;
    endpoint.health.status(500);
    becomes(&proxy, &endpoint, "down").await;
    let since = shown(&proxy, &endpoint).await["health_check"]["since"].clone();
    // The cluster changes, its check does not.
    proxy
        .reload(checked([&endpoint], "").cluster("connect_timeout: 2s"))
        .await;
    let health = shown(&proxy, &endpoint).await;
    assert_eq!(health["state"], "down");
    assert_eq!(health["health_check"]["since"], since);
    // Another check: down until it has spoken.
    endpoint.health.delay(Duration::from_secs(60));
    proxy.reload(checked([&endpoint], "rise: 1")).await;
    assert_eq!(shown(&proxy, &endpoint).await["state"], "down");
    // No check.
    proxy.reload(Table::to([&endpoint])).await;
    becomes(&proxy, &endpoint, "ready").await;
    assert_eq!(shown(&proxy, &endpoint).await["health_check"], Value::Null);
    let output = proxy.output();
    assert_eq!(output.matches("health check: down").count(), 1, "{output}");
}

#[tokio::test]
async fn checks_follow_the_endpoints_of_the_file() {
    let (a, b) = (Switched::start("a").await, Switched::start("b").await);
    let proxy = Proxy::start(checked([&a], "")).await;
    becomes_checked(&proxy, &a).await;
    assert_eq!(b.health.requests(), 0);
    proxy.reload(checked([&b], "")).await;
    becomes_checked(&proxy, &b).await;
    stops(&a).await;
}

/// Fails if checks of the endpoint go on.
async fn stops(endpoint: &Switched) {
    eventually("checks have stopped", async || {
        let before = endpoint.health.requests();
        tokio::time::sleep(Duration::from_millis(400)).await;
        endpoint.health.requests() == before
    })
    .await;
}

#[tokio::test]
async fn checks_follow_the_endpoints_of_a_name() {
    let a = Switched::start("a").await;
    let port = a.address.port();
    let b = Switched::at(format!("127.0.0.2:{port}").parse().unwrap(), "b").await;
    let server = DnsServer::start().await;
    server.set_addresses("web.internal.test", 1, &["127.0.0.1"]);
    let table = Table::to([""; 0])
        .cluster(format!(
            "dns: {{ name: web.internal.test, servers: [\"{}\"], min_ttl: 200ms, port: {port} }}",
            server.address
        ))
        .cluster(format!("health_check: {{ {QUICK} }}"));
    let proxy = Proxy::start(table).await;
    becomes_checked(&proxy, &a).await;
    server.set_addresses("web.internal.test", 1, &["127.0.0.2"]);
    becomes_checked(&proxy, &b).await;
    stops(&a).await;
    b.health.status(500);
    becomes(&proxy, &b, "down").await;
}

#[tokio::test]
async fn a_check_that_passes_does_not_end_an_ejection() {
    let (bad, good) = (Switched::start("bad").await, Switched::start("good").await);
    let table = checked([&bad, &good], "fall: 1, rise: 1")
        .cluster("outlier_detection: { consecutive_errors: 3, base_ejection_time: 1m }");
    let proxy = Proxy::start(table).await;
    becomes_checked(&proxy, &bad).await;
    bad.traffic.status(500);
    spread(proxy.address, 1, 20).await;
    becomes(&proxy, &bad, "ejected").await;
    bad.health.status(500);
    becomes(&proxy, &bad, "down").await;
    bad.health.status(200);
    becomes(&proxy, &bad, "ejected").await;
    let checks = bad.health.requests();
    eventually("more checks", async || bad.health.requests() >= checks + 3).await;
    assert_eq!(shown(&proxy, &bad).await["state"], "ejected");
}

#[tokio::test]
async fn two_clusters_check_one_endpoint_each_by_its_own_word() {
    let endpoint = Switched::start("a").await;
    endpoint.health.status(404);
    let proxy = Proxy::start(format!(
        "admin: {{ address: $ADMIN }}\nlisteners:\n  - address: $LISTEN\n    routes:\n      \
         - {{ match: {{ path: {{ prefix: /lax }} }}, cluster: lax }}\n      - {{ cluster: web }}\n\
         clusters:\n  web: {{ endpoints: [{endpoint}], panic_threshold: 0%, health_check: {{ {QUICK} }} }}\n  \
         lax: {{ endpoints: [{endpoint}], health_check: {{ {QUICK}, http: {{ statuses: [404] }} }} }}\n"
    ))
    .await;
    becomes(&proxy, &endpoint, "down").await;
    let mut client = Client::http1(proxy.address).await;
    assert_eq!(client.get("/").await.status, 503);
    assert_eq!(client.get("/lax").await.status, 200);
    let clusters = proxy.admin_get("/clusters").await.json();
    eventually("the other check has passed", async || {
        let clusters = proxy.admin_get("/clusters").await.json();
        clusters["lax"]["endpoints"][0]["health_check"]["up"] == true
    })
    .await;
    assert_eq!(clusters["web"]["endpoints"][0]["state"], "down");
}

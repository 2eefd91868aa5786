//! When next to nothing is available: what is done, and that it can be seen.

use outrigger_tests::{Client, Proxy, Switched, Table, eventually, get_with, spread};

async fn three() -> [Switched; 3] {
    [
        Switched::start("one").await,
        Switched::start("two").await,
        Switched::start("three").await,
    ]
}

/// Checked as often as a test can wait for.
async fn start(endpoints: &[Switched], threshold: &str) -> Proxy {
    let table = Table::to(endpoints)
        .listener("trail: true")
        .cluster("balancer: round_robin")
        .cluster(format!("panic_threshold: {threshold}"))
        .cluster("health_check: { interval: 100ms, failing_interval: 50ms, rise: 1, fall: 1 }");
    Proxy::start(table).await
}

async fn panic_is(proxy: &Proxy, wanted: bool) {
    eventually(&format!("panic is {wanted}"), async || {
        proxy.admin_get("/clusters").await.json()["web"]["panic"] == wanted
    })
    .await;
}

async fn trail(proxy: &Proxy) -> String {
    let mut client = Client::http1(proxy.address).await;
    let request = get_with("/", &[("x-outrigger-trail", "1")]);
    let reply = client.request(request).await;
    reply.header("x-outrigger-trail").to_owned()
}

#[tokio::test]
async fn where_nothing_is_left_all_are_asked_until_something_is() {
    let endpoints = three().await;
    let proxy = start(&endpoints, "1%").await;
    assert_eq!(proxy.metrics().await.series("outrigger_panic", &[]), 0);
    for endpoint in &endpoints {
        endpoint.health.status(503);
    }
    panic_is(&proxy, true).await;
    let tally = spread(proxy.address, 2, 300).await;
    tally.none_failed("in panic");
    assert_eq!(tally.unevenness(), 1.0, "{:?}", tally.by_endpoint);
    assert!(trail(&proxy).await.starts_with("web panic pick="));
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_panic", &[("cluster", "web")]), 1.0);

    endpoints[1].health.status(200);
    panic_is(&proxy, false).await;
    let tally = spread(proxy.address, 2, 100).await;
    assert_eq!(tally.of("two"), 100, "{:?}", tally.by_endpoint);
    assert!(trail(&proxy).await.starts_with("web pick="));
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_panic", &[("cluster", "web")]), 0.0);
    proxy.says("the panic is over").await;
    let output = proxy.output();
    for line in [
        "panic: all endpoints are taken for available",
        "the panic is over",
    ] {
        assert_eq!(output.matches(line).count(), 1, "{output}");
    }
    assert!(
        output.contains(r#"available="0.0%" threshold="1.0%" endpoints=3"#),
        "{output}"
    );
}

#[tokio::test]
async fn panic_begins_below_the_threshold_and_not_above() {
    let endpoints = three().await;
    let proxy = start(&endpoints, "50%").await;
    endpoints[0].health.status(503);
    eventually("one is out", async || {
        spread(proxy.address, 1, 30).await.of("one") == 0
    })
    .await;
    panic_is(&proxy, false).await;
    endpoints[1].health.status(503);
    panic_is(&proxy, true).await;
    let tally = spread(proxy.address, 1, 300).await;
    assert_eq!(tally.unevenness(), 1.0, "{:?}", tally.by_endpoint);
}

#[tokio::test]
async fn a_threshold_of_zero_is_never_panic() {
    let endpoints = three().await;
    let proxy = start(&endpoints, "0%").await;
    for endpoint in &endpoints {
        endpoint.health.status(503);
    }
    eventually("nobody is asked", async || {
        Client::http1(proxy.address).await.get("/").await.status == 503
    })
    .await;
    panic_is(&proxy, false).await;
}

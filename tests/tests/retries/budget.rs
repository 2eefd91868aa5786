//! How much of a cluster's traffic may be retries.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use http::{Response, StatusCode};
use outrigger_tests::{Client, Endpoint, Proxy, Serve, Table, body, eventually, get_with, spread};

use super::outcomes;

/// Every failure would be retried twice, at once.
const EAGER: &str = "retry: { on: [5xx], backoff: { base: 0s, max: 0s } }";

/// Fails until told that it is well.
async fn failing_until(well: &Arc<AtomicBool>) -> Endpoint {
    let well = Arc::clone(well);
    Serve::default()
        .with(move |_| {
            let mut response = Response::new(body::full("said"));
            if !well.load(Relaxed) {
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            }
            std::future::ready(response)
        })
        .await
}

#[tokio::test]
async fn a_storm_of_failures_is_not_made_three_times_as_bad() {
    const REQUESTS: usize = 3000;
    let well = Arc::new(AtomicBool::new(false));
    let endpoint = failing_until(&well).await;
    let proxy = Proxy::start(Table::to([&endpoint]).route(EAGER)).await;
    spread(proxy.address, 8, REQUESTS).await;
    let attempts = endpoint.seen.requests();
    // A fifth, or what the floor of 10 a second allows if this machine is slow; and what the first window had free.
    assert!(
        attempts > REQUESTS && attempts * 4 <= REQUESTS * 5,
        "{attempts}"
    );
    let metrics = proxy.metrics().await;
    let refused = [("cluster", "web"), ("outcome", "over_budget")];
    assert!(metrics.sum("outrigger_retries_total", &refused) > 0.0);
    assert_eq!(metrics.series("outrigger_retry_budget_left", &[]), 1);
    proxy.says("ran dry").await;
    let clusters = proxy.admin_get("/clusters").await.json();
    assert_eq!(clusters["web"]["retry_budget"]["dry"], true, "{clusters}");

    // The endpoint is well again: so is the budget, and once.
    well.store(true, Relaxed);
    eventually("there is room again", async || {
        spread(proxy.address, 4, 100).await;
        proxy.output().contains("room again")
    })
    .await;
    assert_eq!(proxy.output().matches("ran dry").count(), 1);
    let clusters = proxy.admin_get("/clusters").await.json();
    assert_eq!(clusters["web"]["retry_budget"]["dry"], false, "{clusters}");
}

#[tokio::test]
async fn what_was_spent_is_not_forgotten_by_a_reload() {
    let endpoint = Endpoint::failing("failing", StatusCode::INTERNAL_SERVER_ERROR).await;
    let table = |more: &str| {
        Table::to([&endpoint])
            .route(EAGER)
            .cluster("retry_budget: { percent: 0%, min_per_second: 1, window: 60s }")
            .cluster(more)
    };
    let proxy = Proxy::start(table("")).await;
    spread(proxy.address, 1, 40).await;
    assert_eq!(endpoint.seen.requests(), 100, "60 are free in a minute");
    proxy.reload(table("connect_timeout: 2s")).await;
    spread(proxy.address, 1, 10).await;
    assert_eq!(endpoint.seen.requests(), 110);
}

#[tokio::test]
async fn without_a_budget_nothing_is_retried_and_the_trail_says_why() {
    let endpoint = Endpoint::failing("failing", StatusCode::INTERNAL_SERVER_ERROR).await;
    let table = Table::to([&endpoint])
        .listener("trail: true")
        .route(EAGER)
        .cluster("retry_budget: { percent: 0%, min_per_second: 0 }");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    let asked = get_with("/", &[("x-outrigger-trail", "1")]);
    let reply = client.request(asked).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (500, "failing"));
    let trail = reply.header("x-outrigger-trail");
    assert!(trail.ends_with(" 500 refused=budget"), "{trail}");
    assert_eq!(outcomes(&proxy).await, [("over_budget", 1.0)]);
    assert_eq!(endpoint.seen.requests(), 1);
}

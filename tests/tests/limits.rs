//! Limits of clusters and listeners: exact over all workers, held to the end of a body, charged to nobody.

mod turnstile;

use std::{net::SocketAddr, time::Duration};

use http::StatusCode;
use outrigger_tests::{
    Client, Endpoint, Metrics, Proxy, Raw, Reply, Serve, Table, body, eventually, get,
    refusing_address, spread, within,
};
use tokio::task::JoinHandle;
use turnstile::Turnstile;

/// A request on a connection of its own, so that the kernel spreads them over the workers.
fn ask(address: SocketAddr, path: &str) -> JoinHandle<Reply> {
    let path = path.to_owned();
    tokio::spawn(async move { Client::http1(address).await.get(&path).await })
}

fn refusals(metrics: &Metrics, limit: &str) -> f64 {
    metrics.sum(
        "outrigger_limit_refusals_total",
        &[("cluster", "web"), ("limit", limit)],
    )
}

async fn refused(proxy: &Proxy, limit: &str, count: usize) {
    eventually(&format!("{count} are refused by {limit}"), async || {
        refusals(&proxy.metrics().await, limit) == count as f64
    })
    .await;
}

/// What `/clusters` says of a limit.
async fn in_use(proxy: &Proxy, limit: &str) -> (u64, u64) {
    let limit = &proxy.admin_get("/clusters").await.json()["web"]["limits"][limit];
    let number = |key: &str| limit[key].as_u64().unwrap_or_else(|| panic!("{limit}"));
    (number("in_use"), number("cap"))
}

/// What the proxy has against the cluster's first endpoint.
async fn failure_share(proxy: &Proxy) -> f64 {
    let clusters = proxy.admin_get("/clusters").await.json();
    clusters["web"]["endpoints"][0]["failure_share"]
        .as_f64()
        .unwrap()
}

fn is_refusal(reply: &Reply) -> bool {
    let status = reply.header("proxy-status");
    reply.status == StatusCode::SERVICE_UNAVAILABLE
        && reply.header("retry-after") == "1"
        && status == "outrigger; error=connection_limit_reached"
}

#[tokio::test]
async fn as_many_requests_as_the_cap_are_in_flight_over_all_workers_and_no_more() {
    let turnstile = Turnstile::closed().await;
    let table = Table::to([&turnstile.endpoint]).cluster("limits: { requests: 5 }");
    let proxy = Proxy::start_with(table, &["--workers", "4"]).await;
    let asked: Vec<_> = (0..25).map(|_| ask(proxy.address, "/")).collect();
    refused(&proxy, "requests", 20).await;
    turnstile.holds(5).await;
    assert_eq!(in_use(&proxy, "requests").await, (5, 5));
    turnstile.let_go(5);
    let (mut through, mut refusals) = (0, 0);
    for reply in asked {
        let reply = reply.await.unwrap();
        through += usize::from(reply.status == 200);
        refusals += usize::from(is_refusal(&reply));
    }
    assert_eq!((through, refusals, turnstile.most()), (5, 20, 5));
    eventually("nothing is in flight", async || {
        in_use(&proxy, "requests").await == (0, 5)
    })
    .await;
    let metrics = proxy.metrics().await;
    let attempts = |labels| metrics.sum("outrigger_attempts_total", labels);
    assert_eq!(attempts(&[]), 5.0, "a refusal is no attempt");
    assert_eq!(attempts(&[("result", "success")]), 5.0);
    assert_eq!(failure_share(&proxy).await, 0.0);
    assert_eq!(metrics.sum("outrigger_retries_total", &[]), 0.0);
    let reasons = metrics.sum("outrigger_errors_total", &[("reason", "limit_reached")]);
    assert_eq!(reasons, 20.0);
    eventually("a line says so", async || {
        proxy.output().contains("a limit is reached")
    })
    .await;
    assert_eq!(proxy.output().matches("a limit is reached").count(), 1);
}

#[tokio::test]
async fn a_request_counts_until_its_responses_body_ends_or_its_client_leaves() {
    let (bodies, feed) = tokio::sync::mpsc::channel(8);
    let feed = std::sync::Arc::new(tokio::sync::Mutex::new(feed));
    let endpoint = Serve::default()
        .with(move |_| {
            let feed = feed.clone();
            async move { http::Response::new(feed.lock().await.recv().await.unwrap()) }
        })
        .await;
    let table = Table::to([&endpoint]).cluster("limits: { requests: 1 }");
    let proxy = Proxy::start_with(table, &["--workers", "2"]).await;
    let next = async || {
        let (sender, body) = body::channel();
        bodies.send(body).await.unwrap();
        sender
    };
    let sender = next().await;
    let mut client = Client::http1(proxy.address).await;
    let streaming = client.send(get("/")).await.unwrap();
    assert_eq!(streaming.status(), 200);
    assert!(is_refusal(&ask(proxy.address, "/").await.unwrap()));
    drop(sender);
    assert!(within("the end", Reply::read(streaming)).await.is_ok());

    let mut sender = next().await;
    let mut client = Client::http1(proxy.address).await;
    let streaming = client.send(get("/")).await.unwrap();
    assert!(is_refusal(&ask(proxy.address, "/").await.unwrap()));
    drop((streaming, client));
    eventually("the proxy sees that its client left", async || {
        let _ = sender.send_data(bytes::Bytes::from_static(b"more")).await;
        in_use(&proxy, "requests").await == (0, 1)
    })
    .await;
    drop(next().await);
    assert_eq!(ask(proxy.address, "/").await.unwrap().status, 200);
}

#[tokio::test]
async fn who_waits_for_a_connection_is_served_in_turn_and_too_many_are_refused() {
    let turnstile = Turnstile::closed().await;
    let table = Table::to([&turnstile.endpoint]).cluster("limits: { connections: 1, pending: 3 }");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    let mut asked = vec![ask(proxy.address, "/0")];
    turnstile.holds(1).await;
    for number in 1..=3 {
        asked.push(ask(proxy.address, &format!("/{number}")));
        eventually("it waits", async || {
            in_use(&proxy, "pending").await == (number, 3)
        })
        .await;
    }
    assert!(is_refusal(&ask(proxy.address, "/refused").await.unwrap()));
    assert_eq!(refusals(&proxy.metrics().await, "pending"), 1.0);
    assert_eq!(in_use(&proxy, "connections").await, (1, 1));
    turnstile.let_go(4);
    for reply in asked {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    assert_eq!(turnstile.endpoint.seen.paths(), ["/0", "/1", "/2", "/3"]);
    let connections = turnstile.endpoint.seen.connections();
    assert_eq!(connections, 1, "it went from hand to hand");
    assert_eq!(turnstile.most(), 1);
}

#[tokio::test]
async fn waiting_here_is_not_charged_to_the_endpoint() {
    let turnstile = Turnstile::closed().await;
    let table = Table::to([&turnstile.endpoint])
        .cluster("limits: { connections: 1 }")
        .route("timeout: 600ms");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    let first = ask(proxy.address, "/");
    turnstile.holds(1).await;
    let waits = ask(proxy.address, "/");
    eventually("it waits", async || in_use(&proxy, "pending").await.0 == 1).await;
    // The first is its endpoint's doing, and answered in time.
    tokio::time::sleep(Duration::from_millis(100)).await;
    turnstile.let_go(1);
    assert_eq!(first.await.unwrap().status, 200);
    turnstile.holds(1).await;
    turnstile.let_go(1);
    assert_eq!(waits.await.unwrap().status, 200);

    let first = ask(proxy.address, "/");
    turnstile.holds(1).await;
    let in_vain = ask(proxy.address, "/");
    eventually("it waits", async || in_use(&proxy, "pending").await.0 == 1).await;
    // The one that has the endpoint is late, which is the endpoint's doing. The other got it for its last moments.
    assert_eq!(first.await.unwrap().status, 504);
    assert_eq!(in_vain.await.unwrap().status, 504);
    let metrics = proxy.metrics().await;
    let timeouts = metrics.sum("outrigger_attempts_total", &[("result", "timeout")]);
    assert_eq!(timeouts, 1.0, "{}", metrics.text());
}

#[tokio::test]
async fn under_a_cap_of_connections_every_worker_gets_its_turn() {
    let endpoint = Endpoint::slow("a", Duration::from_millis(2)).await;
    let table = Table::to([&endpoint]).cluster("limits: { connections: 3 }");
    let proxy = Proxy::start_with(table, &["--workers", "4"]).await;
    let clients: Vec<_> = (0..24)
        .map(|_| {
            let address = proxy.address;
            tokio::spawn(async move {
                let mut client = Client::http1(address).await;
                let mut slowest = Duration::ZERO;
                for _ in 0..20 {
                    let asked = std::time::Instant::now();
                    assert_eq!(client.get("/").await.status, 200);
                    slowest = slowest.max(asked.elapsed());
                }
                slowest
            })
        })
        .collect();
    for client in clients {
        let slowest = within("every client is served", client).await.unwrap();
        assert!(slowest < Duration::from_secs(4), "{slowest:?}");
    }
    let metrics = proxy.metrics().await;
    assert_eq!(refusals(&metrics, "pending"), 0.0);
    assert!(in_use(&proxy, "connections").await.0 <= 3);
    assert!(metrics.sum("outrigger_connections", &[("side", "upstream")]) <= 3.0);
}

#[tokio::test]
async fn an_idle_connection_makes_room_for_one_to_another_endpoint() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let table = Table::to([&a, &b])
        .cluster("balancer: round_robin")
        .cluster("limits: { connections: 1 }");
    let proxy = Proxy::start_with(table, &["--workers", "2"]).await;
    // The tick would get there, too, twice a second: 20 times that would be over our patience.
    let tally = within("20 requests", spread(proxy.address, 1, 20)).await;
    assert_eq!((tally.of("a"), tally.of("b")), (10, 10), "{tally:?}");
}

#[tokio::test]
async fn requests_share_the_streams_of_the_connections_that_there_may_be() {
    let turnstile = Turnstile::serving(Serve::default().max_streams(2)).await;
    let table = Table::to([&turnstile.endpoint])
        .cluster("protocol: http2")
        .cluster("limits: { connections: 2 }");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    let asked: Vec<_> = (0..9).map(|_| ask(proxy.address, "/")).collect();
    turnstile.holds(4).await;
    eventually("the others wait", async || {
        in_use(&proxy, "pending").await.0 == 5
    })
    .await;
    turnstile.let_go(9);
    for reply in asked {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    assert_eq!(turnstile.endpoint.seen.connections(), 2);
    assert_eq!(turnstile.most(), 4);
}

#[tokio::test]
async fn retries_over_the_cap_are_not_made() {
    let failing = Endpoint::failing("a", StatusCode::BAD_GATEWAY).await;
    let table = Table::to([&failing])
        .route("retry: { on: [5xx] }")
        .cluster("limits: { retries: 0 }");
    let proxy = Proxy::start(table).await;
    assert_eq!(ask(proxy.address, "/").await.unwrap().status, 502);
    assert_eq!(failing.seen.requests(), 1);
    let metrics = proxy.metrics().await;
    let outcome = |outcome| metrics.sum("outrigger_retries_total", &[("outcome", outcome)]);
    assert_eq!((outcome("over_limit"), outcome("exhausted")), (1.0, 0.0));
    assert_eq!(refusals(&metrics, "retries"), 1.0);
}

#[tokio::test]
async fn so_many_retries_as_the_cap_are_under_way_at_once() {
    let turnstile = Turnstile::closed().await;
    let table = Table::to([refusing_address(), turnstile.endpoint.address])
        .cluster("balancer: round_robin")
        .cluster("outlier_detection: off")
        .cluster("limits: { retries: 2 }");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    let asked: Vec<_> = (0..12).map(|_| ask(proxy.address, "/")).collect();
    // About six come to the one that refuses: a retry in between takes a turn, too. Two of them may be tried again.
    let mut over = 0;
    eventually("all are inside or refused", async || {
        over = refusals(&proxy.metrics().await, "retries") as usize;
        turnstile.inside() + over == 12
    })
    .await;
    assert_eq!(in_use(&proxy, "retries").await, (2, 2));
    assert!((2..8).contains(&over), "{over}");
    turnstile.let_go(12 - over);
    let mut statuses = Vec::new();
    for reply in asked {
        statuses.push(reply.await.unwrap().status.as_u16());
    }
    statuses.sort();
    let expected = [vec![200; 12 - over], vec![502; over]].concat();
    assert_eq!(statuses, expected);
    eventually("none is under way", async || {
        in_use(&proxy, "retries").await == (0, 2)
    })
    .await;
}

#[tokio::test]
async fn a_changed_cap_holds_at_once_and_what_is_under_way_stays_counted() {
    let turnstile = Turnstile::closed().await;
    let capped = |cap| Table::to([&turnstile.endpoint]).cluster(format!("limits: {cap}"));
    let proxy = Proxy::start(capped("{ requests: 2, connections: 9 }")).await;
    let mut asked = vec![ask(proxy.address, "/"), ask(proxy.address, "/")];
    turnstile.holds(2).await;
    proxy
        .reload(capped("{ requests: 3, connections: 9 }"))
        .await;
    asked.push(ask(proxy.address, "/"));
    turnstile.holds(3).await;
    proxy
        .reload(capped("{ requests: 1, connections: 2 }"))
        .await;
    assert_eq!(in_use(&proxy, "requests").await, (3, 1));
    assert_eq!(in_use(&proxy, "connections").await, (3, 2));
    assert!(is_refusal(&ask(proxy.address, "/").await.unwrap()));
    turnstile.let_go(3);
    for reply in asked {
        assert_eq!(reply.await.unwrap().status, 200);
    }
    eventually("what is over the cap is closed", async || {
        in_use(&proxy, "connections").await.0 <= 2
    })
    .await;
    turnstile.let_go(1);
    assert_eq!(ask(proxy.address, "/").await.unwrap().status, 200);
}

#[tokio::test]
async fn connections_over_the_listeners_limit_are_closed_at_once() {
    let endpoint = Endpoint::named("a").await;
    let table = Table::to([&endpoint]).listener("limits: { connections: 2 }");
    let proxy = Proxy::start_with(table, &["--workers", "2"]).await;
    let mut first = Client::http1(proxy.address).await;
    let mut second = Client::http1(proxy.address).await;
    assert_eq!(first.get("/").await.status, 200);
    assert_eq!(second.get("/").await.status, 200);
    let mut third = Raw::connect(proxy.address).await;
    assert!(third.read_to_end().await.is_empty());
    assert_eq!(
        first.get("/").await.status,
        200,
        "the others are left alone"
    );
    let labels = [("listener", "edge"), ("limit", "connections")];
    let metrics = proxy.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_listener_refusals_total", &labels),
        1.0
    );
    drop(first);
    eventually("there is room again", async || {
        let mut client = Client::http1(proxy.address).await;
        client.try_request(get("/")).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn requests_over_the_listeners_limit_are_refused_before_any_matching() {
    let turnstile = Turnstile::closed().await;
    let table = Table::to([&turnstile.endpoint]).listener("limits: { requests: 1 }");
    let proxy = Proxy::start_with(table, &["--workers", "2"]).await;
    let held = ask(proxy.address, "/");
    turnstile.holds(1).await;
    let mut client = Client::http1(proxy.address).await;
    for _ in 0..3 {
        assert!(is_refusal(&client.get("/").await), "on one connection");
    }
    turnstile.let_go(1);
    assert_eq!(held.await.unwrap().status, 200);
    let metrics = proxy.metrics().await;
    let labels = [("listener", "edge"), ("limit", "requests")];
    assert_eq!(
        metrics.sum("outrigger_listener_refusals_total", &labels),
        3.0
    );
    let unrouted = [("route", ""), ("status", "503")];
    assert_eq!(metrics.sum("outrigger_requests_total", &unrouted), 3.0);
    turnstile.let_go(1);
    eventually("there is room again", async || {
        client.get("/").await.status == 200
    })
    .await;
}

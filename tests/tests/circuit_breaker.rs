//! Clusters that are left alone while they fail.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use outrigger_tests::{
    Client, Endpoint, Proxy, Serve, Switched, Table, body, eventually, get, get_with,
};
use serde_json::Value;

/// Opens soon, for a time that a test can wait for.
const QUICK: &str = "min_requests: 10, open_time: 500ms";

fn guarded(endpoint: impl std::fmt::Display, keys: &str) -> Table {
    Table::to([endpoint]).cluster(format!("circuit_breaker: {{ {keys} }}"))
}

async fn breaker(proxy: &Proxy) -> Value {
    proxy.admin_get("/clusters").await.json()["web"]["circuit_breaker"].clone()
}

async fn is(proxy: &Proxy, state: &str) -> bool {
    breaker(proxy).await["state"] == state
}

/// So many requests, one after the other; the statuses.
async fn send(proxy: &Proxy, requests: usize) -> Vec<u16> {
    let mut client = Client::http1(proxy.address).await;
    let mut statuses = Vec::new();
    for _ in 0..requests {
        statuses.push(client.get("/").await.status.as_u16());
    }
    statuses
}

/// Fails until the breaker is open.
async fn trip(proxy: &Proxy, endpoint: &Switched) {
    endpoint.traffic.status(500);
    send(proxy, 10).await;
    assert!(is(proxy, "open").await, "{}", breaker(proxy).await);
}

#[tokio::test]
async fn it_opens_on_failures_of_enough_requests_and_then_touches_no_endpoint() {
    let endpoint = Switched::start("a").await;
    endpoint.traffic.status(500);
    let proxy = Proxy::start(guarded(&endpoint, "open_time: 1m")).await;
    assert_eq!(send(&proxy, 19).await, [500; 19]);
    assert_eq!(breaker(&proxy).await["failures"], 19);
    assert_eq!(send(&proxy, 3).await, [500, 503, 503]);
    assert_eq!(endpoint.traffic.requests(), 20);

    let reply = Client::http1(proxy.address).await.get("/").await;
    assert_eq!(
        (reply.header("proxy-status"), reply.header("server")),
        ("outrigger; error=destination_unavailable", "outrigger")
    );
    let wait: u64 = reply.header("retry-after").parse().unwrap();
    assert!((50..=66).contains(&wait), "{wait}");

    let metrics = proxy.metrics().await;
    let count =
        |name: &str, label| metrics.sum(&format!("outrigger_circuit_breaker_{name}"), label);
    assert_eq!(count("refusals_total", &[]), 3.0);
    assert_eq!(count("transitions_total", &[("to", "open")]), 1.0);
    assert_eq!(count("state", &[("state", "open")]), 1.0);
    assert_eq!(count("state", &[("state", "closed")]), 0.0);
    assert_eq!(
        metrics.sum("outrigger_errors_total", &[("reason", "circuit_open")]),
        3.0
    );
    assert_eq!(metrics.sum("outrigger_attempts_total", &[]), 20.0);
    let words = "circuit breaker: open cluster=web requests=20 failures=20 slow=0 open_for=";
    eventually("a line says why", async || proxy.output().contains(words)).await;
}

#[tokio::test]
async fn less_than_the_share_leaves_it_closed() {
    let endpoint = Switched::start("a").await;
    let proxy = Proxy::start(guarded(&endpoint, "failure_percent: 60%, min_requests: 10")).await;
    for status in [500, 200].repeat(20) {
        endpoint.traffic.status(status);
        assert_eq!(send(&proxy, 1).await, [status]);
    }
    assert_eq!(breaker(&proxy).await["failures"], 20);
}

#[tokio::test]
async fn half_open_it_lets_no_more_than_the_probes_through_and_closes_when_they_succeed() {
    let endpoint = Switched::start("a").await;
    let proxy = Proxy::start(guarded(&endpoint, &format!("{QUICK}, probes: 3"))).await;
    trip(&proxy, &endpoint).await;
    endpoint.traffic.status(200);
    endpoint.traffic.delay(Duration::from_secs(1));
    eventually("its time is up", async || {
        breaker(&proxy).await["seconds_left"] == 0.0
    })
    .await;
    let before = endpoint.traffic.requests();
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let address = proxy.address;
        set.spawn(async move { Client::http1(address).await.get("/").await.status.as_u16() });
    }
    eventually("the probes are under way", async || {
        breaker(&proxy).await["probes_under_way"] == 3
    })
    .await;
    let statuses = set.join_all().await;
    let passed = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!((passed, endpoint.traffic.requests() - before), (3, 3));
    endpoint.traffic.delay(Duration::ZERO);
    assert!(is(&proxy, "closed").await);
    assert_eq!(send(&proxy, 20).await, [200; 20]);
    let metrics = proxy.metrics().await;
    for to in ["open", "half_open", "closed"] {
        let labels = [("cluster", "web"), ("to", to)];
        assert_eq!(
            metrics.sum("outrigger_circuit_breaker_transitions_total", &labels),
            1.0
        );
    }
}

#[tokio::test]
async fn a_probe_that_fails_opens_it_for_longer() {
    let endpoint = Switched::start("a").await;
    let proxy = Proxy::start(guarded(&endpoint, QUICK)).await;
    trip(&proxy, &endpoint).await;
    eventually("a probe goes through", async || {
        send(&proxy, 1).await == [500]
    })
    .await;
    let reopened = Instant::now();
    assert!(is(&proxy, "open").await);
    eventually("the next one does", async || send(&proxy, 1).await == [500]).await;
    assert!(
        reopened.elapsed() >= Duration::from_millis(900),
        "{:?}",
        reopened.elapsed()
    );
    assert_eq!(endpoint.traffic.requests(), 12);
    eventually("a line says so", async || {
        proxy.output().matches("open again, a probe failed").count() == 2
    })
    .await;
}

#[tokio::test]
async fn slow_answers_open_it_where_that_is_asked_for() {
    let endpoint = Switched::start("a").await;
    endpoint.traffic.delay(Duration::from_millis(150));
    for (slow_call, state) in [
        ("", "closed"),
        (", slow_call: { longer_than: 100ms }", "open"),
    ] {
        let proxy = Proxy::start(guarded(&endpoint, &format!("min_requests: 10{slow_call}"))).await;
        assert_eq!(send(&proxy, 10).await, [200; 10]);
        assert!(is(&proxy, state).await, "{}", breaker(&proxy).await);
    }
}

#[tokio::test]
async fn time_outs_and_refused_connections_open_it() {
    let hanging = Endpoint::hanging().await.address;
    let refusing = outrigger_tests::refusing_address();
    for (address, status) in [(hanging, 504), (refusing, 502)] {
        let table = guarded(address, "min_requests: 5")
            .route("attempt_timeout: 100ms")
            .route("retry: { attempts: 1 }");
        let proxy = Proxy::start(table).await;
        let statuses = send(&proxy, 6).await;
        assert_eq!(statuses[5], 503, "{statuses:?}");
        assert!(statuses[0] == status || address == hanging, "{statuses:?}");
    }
}

#[tokio::test]
async fn failures_that_stand_in_trailers_open_it() {
    let endpoint = Serve::default().with(async |_| unavailable()).await;
    let proxy = Proxy::start(guarded(&endpoint, "min_requests: 5")).await;
    let mut client = Client::http2(proxy.address).await;
    let call = || {
        let request = Request::post("/a.B/C").header("content-type", "application/grpc");
        request.body(body::empty()).unwrap()
    };
    for _ in 0..5 {
        assert_eq!(client.request(call()).await.trailer("grpc-status"), "14");
    }
    eventually("it is open", async || is(&proxy, "open").await).await;
    let reply = client.request(call()).await;
    assert_eq!(
        (reply.header("grpc-status"), reply.header("grpc-message")),
        ("14", "circuit_open")
    );
}

/// A message, and after it the news that the call failed.
fn unavailable() -> Response<body::Body> {
    let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "14".parse().unwrap())]);
    let response = Response::builder().header("content-type", "application/grpc");
    let message = Bytes::from_static(b"\0\0\0\0\0");
    response.body(body::with_trailers(message, status)).unwrap()
}

#[tokio::test]
async fn clients_that_leave_and_refusals_of_our_own_do_not_open_it() {
    let hanging = Endpoint::hanging().await;
    let proxy = Proxy::start(guarded(&hanging, "min_requests: 5, failure_percent: 1%")).await;
    for _ in 0..10 {
        let mut client = Client::http1(proxy.address).await;
        let left = tokio::time::timeout(Duration::from_millis(50), client.send(get("/"))).await;
        assert!(left.is_err(), "nobody answers");
    }
    eventually("all have left", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_attempts_total", &[("result", "cancelled")]) == 10.0
    })
    .await;
    assert!(is(&proxy, "closed").await);
    assert_eq!(breaker(&proxy).await["requests"], 0);
    proxy
        .reload(guarded("", "min_requests: 5, failure_percent: 1%"))
        .await;
    assert_eq!(send(&proxy, 10).await, [503; 10]);
    assert!(
        is(&proxy, "closed").await,
        "no endpoint is nobody's failure"
    );
}

#[tokio::test]
async fn what_it_refuses_is_not_tried_again() {
    let endpoint = Switched::start("a").await;
    let table = guarded(&endpoint, "min_requests: 10, open_time: 1m");
    let proxy = Proxy::start(table.route("retry: { attempts: 5, on: [5xx] }")).await;
    endpoint.traffic.status(500);
    send(&proxy, 2).await;
    assert_eq!(endpoint.traffic.requests(), 10);
    assert_eq!(send(&proxy, 5).await, [503; 5]);
    let metrics = proxy.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_circuit_breaker_refusals_total", &[]),
        5.0
    );
}

#[tokio::test]
async fn a_reload_keeps_it_open() {
    let endpoint = Switched::start("a").await;
    let keys = "min_requests: 10, open_time: 1m";
    let proxy = Proxy::start(guarded(&endpoint, keys)).await;
    trip(&proxy, &endpoint).await;
    let other = guarded(
        &endpoint,
        &format!("{keys}, fallback: {{ respond: {{ status: 200 }} }}"),
    );
    proxy.reload(other.cluster("connect_timeout: 2s")).await;
    assert!(is(&proxy, "open").await);
    assert_eq!(
        send(&proxy, 1).await,
        [200],
        "but the fallback is the new one"
    );
    proxy.reload(guarded(&endpoint, "min_requests: 11")).await;
    assert!(is(&proxy, "closed").await, "another policy begins anew");
}

#[tokio::test]
async fn a_response_may_stand_in() {
    let endpoint = Switched::start("a").await;
    let respond =
        "fallback: { respond: { status: 200, body: '[]', content_type: application/json } }";
    let table = guarded(&endpoint, &format!("min_requests: 10, {respond}"));
    // It is not judged as an endpoint's response would be.
    let proxy = Proxy::start(table.route("retry: { on: [5xx] }").listener("trail: true")).await;
    endpoint.traffic.status(500);
    send(&proxy, 4).await;
    let asked = get_with("/", &[("x-outrigger-trail", "1")]);
    let reply = Client::http1(proxy.address).await.request(asked).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "[]"));
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(reply.header("server"), "outrigger");
    assert_eq!(
        reply.header("x-outrigger-trail"),
        "web refused=circuit_breaker"
    );
}

#[tokio::test]
async fn another_cluster_may_stand_in_with_its_own_breaker_and_without_its_own_fallback() {
    let (first, second, third) = (
        Switched::start("first").await,
        Switched::start("second").await,
        Switched::start("third").await,
    );
    let breaker = |name: &str| {
        format!(
            "circuit_breaker: {{ min_requests: 10, open_time: 1m, fallback: {{ cluster: {name} }} }}"
        )
    };
    let proxy = Proxy::start(format!(
        "admin: {{ address: $ADMIN }}\nlisteners:\n  - {{ address: $LISTEN, trail: true, routes: [{{ cluster: web }}] }}\n\
         clusters:\n  web: {{ endpoints: [{first}], {} }}\n  second: {{ endpoints: [{second}], {} }}\n  \
         third: {{ endpoints: [{third}] }}\n",
        breaker("second"),
        breaker("third"),
    ))
    .await;
    trip(&proxy, &first).await;
    let mut client = Client::http1(proxy.address).await;
    let reply = client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("x-endpoint")),
        (200, "second")
    );
    let trail = reply.header("x-outrigger-trail");
    let wanted = format!("web refused=circuit_breaker fallback=second pick={second}");
    assert!(trail.starts_with(&wanted), "{trail}");

    second.traffic.status(500);
    assert_eq!(send(&proxy, 12).await.last(), Some(&503));
    let reply = client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await;
    assert_eq!(
        reply.header("x-outrigger-trail"),
        "web refused=circuit_breaker fallback=second refused=circuit_breaker"
    );
    assert_eq!(third.traffic.requests(), 0);
}

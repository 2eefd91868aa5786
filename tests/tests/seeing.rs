//! What the proxy shows of itself: tracing headers, metrics, admin pages.

use http::Request;
use outrigger_tests::{
    Client, Endpoint, Proxy, Reply, Table, body, eventually, get_with, refusing_address, spread,
};
use serde_json::Value;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

async fn ask(proxy: &Proxy, headers: &[(&str, &str)]) -> Reply {
    let mut client = Client::http1(proxy.address).await;
    client.request(get_with("/some/path", headers)).await
}

/// The headers that the endpoint sees.
async fn seen(headers: &[(&str, &str)]) -> Value {
    let echo = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&echo])).await;
    ask(&proxy, headers).await.json()["headers"].clone()
}

fn first<'a>(headers: &'a Value, name: &str) -> &'a str {
    headers[name][0].as_str().unwrap_or("")
}

#[tokio::test]
async fn a_w3c_trace_is_continued_with_a_new_span() {
    let parent = format!("00-{TRACE}-{SPAN}-01");
    let seen = seen(&[("traceparent", &parent), ("tracestate", "vendor=a,other=b")]).await;
    let parts: Vec<&str> = first(&seen, "traceparent").split('-').collect();
    assert_eq!(
        (parts[0], parts[1], parts[3]),
        ("00", TRACE, "01"),
        "{seen}"
    );
    assert!(parts[2].len() == 16 && parts[2] != SPAN, "{seen}");
    assert_eq!(first(&seen, "tracestate"), "vendor=a,other=b");
}

#[tokio::test]
async fn a_b3_trace_is_continued_in_the_form_it_came() {
    let single = seen(&[("b3", &format!("{TRACE}-{SPAN}-1"))]).await;
    let parts: Vec<&str> = first(&single, "b3").split('-').collect();
    assert_eq!((parts[0], parts[2]), (TRACE, "1"), "{single}");
    assert_ne!(parts[1], SPAN);

    let multi = seen(&[
        ("x-b3-traceid", TRACE),
        ("x-b3-spanid", SPAN),
        ("x-b3-sampled", "1"),
    ])
    .await;
    assert_eq!(first(&multi, "x-b3-traceid"), TRACE);
    assert_ne!(first(&multi, "x-b3-spanid"), SPAN);
    assert_eq!(first(&multi, "x-b3-parentspanid"), SPAN);
    assert_eq!(first(&multi, "x-b3-sampled"), "1");
}

#[tokio::test]
async fn a_request_without_a_trace_gets_one() {
    let seen = seen(&[]).await;
    let parts: Vec<&str> = first(&seen, "traceparent").split('-').collect();
    assert_eq!(
        (parts.len(), parts[1].len(), parts[2].len()),
        (4, 32, 16),
        "{seen}"
    );
}

#[tokio::test]
async fn a_broken_trace_is_replaced_not_passed_on() {
    let zeros = format!("00-{}-{SPAN}-01", "0".repeat(32));
    for broken in ["nonsense", "00-0-0-0", &zeros] {
        let seen = seen(&[("traceparent", broken)]).await;
        let parent = first(&seen, "traceparent");
        assert!(
            parent.len() == 55 && parent != broken,
            "{broken} became {parent}"
        );
    }
}

#[tokio::test]
async fn a_request_id_is_kept_or_made() {
    assert_eq!(
        first(&seen(&[("x-request-id", "mine-1")]).await, "x-request-id"),
        "mine-1"
    );
    assert!(first(&seen(&[]).await, "x-request-id").len() >= 16);
}

#[tokio::test]
async fn requests_and_attempts_are_counted_apart() {
    let (good, refusing) = (Endpoint::named("good").await, refusing_address());
    let table = Table::to([good.address, refusing]).cluster("balancer: round_robin");
    let proxy = Proxy::start(table).await;
    assert_eq!(spread(proxy.address, 1, 100).await.ok, 100);
    eventually("every request is counted", async || {
        let metrics = proxy.metrics().await;
        metrics.sum(
            "outrigger_requests_total",
            &[
                ("listener", "edge"),
                ("route", "all"),
                ("method", "GET"),
                ("status", "200"),
            ],
        ) == 100.0
    })
    .await;
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_requests_total", &[]), 100.0);
    assert_eq!(
        metrics.sum(
            "outrigger_request_duration_seconds_count",
            &[("listener", "edge"), ("route", "all")]
        ),
        100.0
    );
    assert!(metrics.sum("outrigger_attempts_total", &[("cluster", "web")]) > 100.0);
    assert!(metrics.sum("outrigger_retries_total", &[("cluster", "web")]) > 0.0);
    assert!(
        metrics.sum(
            "outrigger_attempt_duration_seconds_count",
            &[("cluster", "web")]
        ) >= 100.0
    );
    assert_eq!(
        metrics.sum("outrigger_endpoints", &[("cluster", "web")]),
        2.0
    );
}

#[tokio::test]
async fn durations_are_true_and_start_at_100_microseconds() {
    let slow = Endpoint::slow("slow", std::time::Duration::from_millis(60)).await;
    let proxy = Proxy::start(Table::to([&slow])).await;
    assert_eq!(spread(proxy.address, 1, 5).await.ok, 5);
    eventually("five are counted", async || {
        proxy
            .metrics()
            .await
            .sum("outrigger_request_duration_seconds_count", &[])
            == 5.0
    })
    .await;
    let metrics = proxy.metrics().await;
    let sum = metrics.sum("outrigger_request_duration_seconds_sum", &[]);
    assert!((0.3..5.0).contains(&sum), "{sum}");
    let below = |le| metrics.sum("outrigger_request_duration_seconds_bucket", &[("le", le)]);
    assert_eq!(below("+Inf"), 5.0);
    assert_eq!(
        metrics.series(
            "outrigger_request_duration_seconds_bucket",
            &[("le", "0.0001")]
        ),
        1,
        "{}",
        metrics.text()
    );
    assert_eq!(below("0.0001"), 0.0);
}

#[tokio::test]
async fn the_metrics_have_the_labels_of_the_contract() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    spread(proxy.address, 1, 1).await;
    eventually("it is counted", async || {
        proxy.metrics().await.sum("outrigger_requests_total", &[]) == 1.0
    })
    .await;
    let metrics = proxy.metrics().await;
    for (name, labels) in [
        (
            "outrigger_requests_total",
            &["listener", "route", "method", "status", "grpc_status"][..],
        ),
        (
            "outrigger_request_duration_seconds_sum",
            &["listener", "route"],
        ),
        ("outrigger_attempts_total", &["cluster", "result"]),
        ("outrigger_attempt_duration_seconds_sum", &["cluster"]),
        ("outrigger_endpoints", &["cluster", "state"]),
        ("outrigger_connections", &["side"]),
    ] {
        assert_eq!(metrics.labels(name), labels, "{name}");
    }
    let reply = proxy.admin_get("/metrics").await;
    assert!(
        reply.header("content-type").starts_with("text/plain"),
        "{:?}",
        reply.headers
    );
}

#[tokio::test]
async fn connections_are_gauged_on_both_sides() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut clients = Vec::new();
    for _ in 0..5 {
        let mut client = Client::http1(proxy.address).await;
        client.get("/").await;
        clients.push(client);
    }
    let gauge = async |side| {
        proxy
            .metrics()
            .await
            .sum("outrigger_connections", &[("side", side)])
    };
    eventually("five are seen", async || gauge("downstream").await == 5.0).await;
    assert!(gauge("upstream").await >= 1.0);
    drop(clients);
    eventually("they are gone", async || gauge("downstream").await == 0.0).await;
}

#[tokio::test]
async fn a_method_nobody_knows_makes_no_new_series() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = Client::http1(proxy.address).await;
    for i in 0..30 {
        let request = Request::builder()
            .method(format!("M{i}").as_str())
            .uri("/")
            .body(body::empty())
            .unwrap();
        client.request(request).await;
    }
    eventually("all are counted", async || {
        proxy.metrics().await.sum("outrigger_requests_total", &[]) == 30.0
    })
    .await;
    assert_eq!(
        proxy
            .metrics()
            .await
            .series("outrigger_requests_total", &[]),
        1
    );
}

#[tokio::test]
async fn the_admin_server_shows_life_readiness_table_and_clusters() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    assert_eq!(proxy.admin_get("/live").await.status, 200);
    assert_eq!(proxy.admin_get("/ready").await.status, 200);
    let config = proxy.admin_get("/config").await;
    assert!(
        config.text().contains("web") && config.text().contains(&endpoint.to_string()),
        "{}",
        config.text()
    );
    spread(proxy.address, 1, 10).await;
    let clusters = proxy.admin_get("/clusters").await;
    let text = clusters.json().to_string();
    assert!(
        text.contains("web") && text.contains(&endpoint.to_string()),
        "{text}"
    );
    assert!(
        text.contains("ewma") && text.contains("in_flight"),
        "{text}"
    );
    assert_eq!(proxy.admin_get("/nonsense").await.status, 404);
}

#[tokio::test]
async fn the_trail_is_shown_to_those_who_ask_where_the_listener_allows() {
    let (good, refusing) = (Endpoint::named("good").await, refusing_address());
    let endpoints = [refusing, good.address];
    let proxy = Proxy::start(
        Table::to(endpoints)
            .listener("trail: true")
            .cluster("balancer: round_robin"),
    )
    .await;
    let mut retried = false;
    for _ in 0..4 {
        let reply = ask(&proxy, &[("x-outrigger-trail", "1")]).await;
        let trail = reply.header("x-outrigger-trail");
        assert!(trail.contains("web") && trail.contains("200"), "{trail}");
        retried |= trail.contains("retry");
    }
    assert!(retried, "one of the first picks was refused");
    assert_eq!(ask(&proxy, &[]).await.header("x-outrigger-trail"), "");
    let closed = Proxy::start(Table::to(endpoints)).await;
    assert_eq!(
        ask(&closed, &[("x-outrigger-trail", "1")])
            .await
            .header("x-outrigger-trail"),
        ""
    );
}

#[tokio::test]
async fn the_trail_is_neither_told_to_the_endpoint_nor_to_who_did_not_ask() {
    let echo = Endpoint::echo().await;
    for listener in ["trail: true", "trail: false"] {
        // An access log makes a trail of every request, asked for or not.
        let table = Table::to([&echo])
            .listener(listener)
            .top("access_log: { format: json }");
        let proxy = Proxy::start(table).await;
        for asked in [&[("x-outrigger-trail", "1")][..], &[]] {
            let reply = ask(&proxy, asked).await;
            let seen = &reply.json()["headers"];
            assert_eq!(first(seen, "x-outrigger-trail"), "", "{listener}");
            let shown = reply.headers.contains_key("x-outrigger-trail");
            assert_eq!(
                shown,
                listener == "trail: true" && !asked.is_empty(),
                "{listener}, asked by {asked:?}"
            );
        }
    }
}

/// The access log's lines so far.
fn lines(proxy: &Proxy) -> Vec<String> {
    let output = proxy.output();
    output
        .lines()
        .filter(|line| line.contains("/some/path"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn the_access_log_tells_a_request_in_one_json_line() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint]).top("access_log: { format: json }")).await;
    ask(
        &proxy,
        &[
            ("traceparent", &format!("00-{TRACE}-{SPAN}-01")),
            ("x-request-id", "r-1"),
        ],
    )
    .await;
    eventually("the line is written", async || lines(&proxy).len() == 1).await;
    let line: Value = serde_json::from_str(&lines(&proxy)[0]).expect("one JSON object a line");
    let text = line.to_string();
    for part in [
        TRACE,
        "r-1",
        "/some/path",
        "GET",
        "200",
        "all",
        "web",
        &endpoint.to_string(),
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
}

#[tokio::test]
async fn the_access_log_is_off_until_asked_for() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    ask(&proxy, &[]).await;
    eventually("it is counted", async || {
        proxy.metrics().await.sum("outrigger_requests_total", &[]) == 1.0
    })
    .await;
    assert!(lines(&proxy).is_empty(), "{}", proxy.output());
    let logged = Proxy::start(Table::to([&endpoint]).top("access_log: { format: text }")).await;
    ask(&logged, &[]).await;
    eventually("the line is written", async || lines(&logged).len() == 1).await;
}

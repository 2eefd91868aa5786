//! What takes an endpoint out of service, and what does not.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use http::{HeaderMap, Request, Response, StatusCode};
use outrigger_tests::{
    Client, Endpoint, Load, Proxy, Raw, RawEndpoint, Serve, Table, Tally, body, eventually, get,
    refusing_address, spread,
};
use serde_json::Value;

/// In turn, so that a balancer that avoids what fails does not hide what is tested.
const IN_TURN: &str = "balancer: round_robin";
const EVERYTHING: &str = "outlier_detection: {}";
const UNRETRIED: &str = "retry: { attempts: 1 }";

async fn ejections(proxy: &Proxy, reason: &str) -> f64 {
    let labels = [("cluster", "web"), ("reason", reason)];
    proxy
        .metrics()
        .await
        .sum("outrigger_ejections_total", &labels)
}

async fn all_ejections(proxy: &Proxy) -> f64 {
    proxy.metrics().await.sum("outrigger_ejections_total", &[])
}

async fn is_ejected_for(proxy: &Proxy, reason: &str) {
    eventually(reason, async || ejections(proxy, reason).await >= 1.0).await;
}

/// How many of the cluster's endpoints are out.
async fn out(proxy: &Proxy) -> usize {
    let clusters: Value = proxy.admin_get("/clusters").await.json();
    let endpoints = clusters["web"]["endpoints"].as_array().unwrap();
    let out = endpoints.iter().filter(|one| !one["ejected"].is_null());
    out.count()
}

/// Two that are well and one that is not, by turns, without a second attempt.
async fn stage(bad: impl std::fmt::Display, lines: &[&str]) -> (Proxy, [Endpoint; 2]) {
    let good = [Endpoint::named("a").await, Endpoint::named("b").await];
    let table = Table::to([good[0].to_string(), good[1].to_string(), bad.to_string()])
        .route(UNRETRIED)
        .cluster(IN_TURN);
    let table = lines.iter().fold(table, |table, line| table.cluster(*line));
    (Proxy::start(table).await, good)
}

/// At most the errors that it takes to be ejected, and one for each probe that failed.
async fn few_failed(proxy: &Proxy, tally: &Tally, threshold: usize) {
    let most = threshold + ejections(proxy, "probe_failed").await as usize;
    assert!(
        (1..=most).contains(&tally.failures.len()),
        "{} failed: {:?}",
        tally.failures.len(),
        tally.failures.first()
    );
}

#[tokio::test]
async fn an_endpoint_that_refuses_costs_no_request_and_is_out_at_once() {
    let good = [Endpoint::named("a").await, Endpoint::named("b").await];
    let refusing = refusing_address();
    let table = Table::to([good[0].address, refusing, good[1].address]);
    let proxy = Proxy::start(table).await;
    spread(proxy.address, 4, 200)
        .await
        .none_failed("by default");
    assert_eq!(ejections(&proxy, "connect_failures").await, 1.0);
    let clusters = proxy.admin_get("/clusters").await.json();
    let ejected = &clusters["web"]["endpoints"][1]["ejected"];
    assert!(ejected["times"].as_u64() >= Some(1), "{clusters:#}");
    assert!(ejected["since_ms"].is_u64() && ejected["for_ms"].is_u64());
    let attempts = proxy
        .metrics()
        .await
        .sum("outrigger_attempts_total", &[("result", "connect_failure")]);
    let probes = ejections(&proxy, "probe_failed").await;
    // Up to four are under way when the second failure is noticed.
    assert!(attempts <= 6.0 + probes, "{attempts}");
    proxy.says("2 consecutive connect failures").await;
    proxy.says(&refusing.to_string()).await;
}

#[tokio::test]
async fn by_default_errors_that_are_answers_eject_nobody() {
    let failing = Endpoint::failing("bad", StatusCode::INTERNAL_SERVER_ERROR).await;
    let (proxy, _good) = stage(&failing, &[]).await;
    assert_eq!(spread(proxy.address, 1, 90).await.failures.len(), 30);
    assert_eq!(all_ejections(&proxy).await, 0.0);
}

#[tokio::test]
async fn turned_off_not_even_a_refusal_ejects() {
    let (proxy, _good) = stage(refusing_address(), &["outlier_detection: off"]).await;
    assert_eq!(spread(proxy.address, 1, 90).await.failures.len(), 30);
    assert_eq!(all_ejections(&proxy).await, 0.0);
}

#[tokio::test]
async fn an_endpoint_that_answers_500_at_once_costs_five_requests_and_one_a_probe() {
    let failing = Endpoint::failing("bad", StatusCode::INTERNAL_SERVER_ERROR).await;
    let (proxy, _good) = stage(&failing, &[EVERYTHING]).await;
    let tally = spread(proxy.address, 1, 1000).await;
    few_failed(&proxy, &tally, 5).await;
    assert_eq!(ejections(&proxy, "consecutive_errors").await, 1.0);
}

#[tokio::test]
async fn connections_that_break_before_an_answer_eject() {
    let breaking = RawEndpoint::serve(async |mut raw: Raw, _| drop(raw.read_head().await)).await;
    let (proxy, _good) = stage(breaking.address, &[EVERYTHING]).await;
    let tally = spread(proxy.address, 1, 300).await;
    few_failed(&proxy, &tally, 5).await;
}

#[tokio::test]
async fn bodies_that_break_off_eject_though_their_heads_were_fine() {
    let breaking = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot all")
            .await;
    })
    .await;
    let (proxy, _good) = stage(breaking.address, &[EVERYTHING]).await;
    let load = Load::start(proxy.address, 1);
    is_ejected_for(&proxy, "consecutive_errors").await;
    let tally = load.stop().await;
    assert!(!tally.failures.is_empty());
}

#[tokio::test]
async fn gateway_errors_are_a_detector_of_their_own() {
    let failing = Endpoint::failing("bad", StatusCode::SERVICE_UNAVAILABLE).await;
    let line = "outlier_detection: { consecutive_errors: off, consecutive_gateway_errors: 3 }";
    let (proxy, _good) = stage(&failing, &[line]).await;
    let tally = spread(proxy.address, 1, 300).await;
    few_failed(&proxy, &tally, 3).await;
    assert_eq!(ejections(&proxy, "consecutive_gateway_errors").await, 1.0);
}

#[tokio::test]
async fn an_endpoint_that_never_answers_is_out_after_five_time_outs() {
    let hanging = Endpoint::hanging().await;
    let good = Endpoint::named("a").await;
    let table = Table::to([&good, &hanging])
        .route(UNRETRIED)
        .route("attempt_timeout: 50ms")
        .cluster(IN_TURN)
        .cluster(EVERYTHING);
    let proxy = Proxy::start(table).await;
    let tally = spread(proxy.address, 1, 300).await;
    // On a busy machine one of the good answers may be late as well.
    assert!(tally.failures.len() <= 20, "{:?}", tally.failures.len());
    assert!(ejections(&proxy, "consecutive_errors").await >= 1.0);
}

/// Answers each call with a message, and the status in trailers.
async fn grpc(status: &'static str) -> Endpoint {
    Serve::default()
        .with(move |_| async move {
            let trailers =
                HeaderMap::from_iter([("grpc-status".parse().unwrap(), status.parse().unwrap())]);
            Response::builder()
                .header("content-type", "application/grpc")
                .body(body::with_trailers("\0\0\0\0\0", trailers))
                .unwrap()
        })
        .await
}

fn call() -> Request<body::Body> {
    Request::post("/a.B/C")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body::empty())
        .unwrap()
}

#[tokio::test]
async fn grpc_calls_that_fail_in_their_trailers_eject() {
    let (good, bad) = (grpc("0").await, grpc("13").await);
    let table = Table::to([&good, &bad])
        .route(UNRETRIED)
        .cluster(IN_TURN)
        .cluster(EVERYTHING);
    let proxy = Proxy::start(table).await;
    let mut client = Client::http2(proxy.address).await;
    let mut failed = 0;
    for _ in 0..200 {
        let reply = client.request(call()).await;
        assert_eq!(reply.status, 200);
        failed += usize::from(reply.trailer("grpc-status") == "13");
    }
    let probes = ejections(&proxy, "probe_failed").await as usize;
    assert!((5..=5 + probes).contains(&failed), "{failed}");
    assert_eq!(ejections(&proxy, "consecutive_errors").await, 1.0);
}

#[tokio::test]
async fn grpc_calls_that_fail_for_their_callers_reasons_do_not() {
    let (good, bad) = (grpc("0").await, grpc("5").await);
    let table = Table::to([&good, &bad])
        .cluster(IN_TURN)
        .cluster(EVERYTHING);
    let proxy = Proxy::start(table).await;
    let mut client = Client::http2(proxy.address).await;
    for _ in 0..60 {
        client.request(call()).await;
    }
    assert_eq!(all_ejections(&proxy).await, 0.0);
}

#[tokio::test]
async fn an_endpoint_far_slower_than_its_peers_is_ejected() {
    let slow = Endpoint::slow("slow", Duration::from_millis(150)).await;
    let line = "outlier_detection: { window: 1s, latency: { min_requests: 10 } }";
    let (proxy, _good) = stage(&slow, &[line]).await;
    let load = Load::start(proxy.address, 8);
    is_ejected_for(&proxy, "latency").await;
    load.stop().await.none_failed("slow is no failure");
}

#[tokio::test]
async fn an_endpoint_whose_success_rate_falls_behind_is_ejected() {
    let turns = AtomicUsize::new(0);
    let every_other = move |_| {
        let status = match turns.fetch_add(1, Relaxed) % 2 {
            0 => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::OK,
        };
        let response = Response::builder().status(status);
        std::future::ready(response.body(body::empty()).unwrap())
    };
    let bad = Serve::default().with(every_other).await;
    let mut endpoints = vec![bad];
    for name in ["a", "b", "c", "d"] {
        endpoints.push(Endpoint::named(name).await);
    }
    let table = Table::to(&endpoints).route(UNRETRIED).cluster(IN_TURN);
    let rate = "outlier_detection: { window: 1s, success_rate: { min_requests: 20 } }";
    let proxy = Proxy::start(table.cluster(rate)).await;
    let load = Load::start(proxy.address, 8);
    is_ejected_for(&proxy, "success_rate").await;
    load.stop().await;
}

#[tokio::test]
async fn an_endpoint_that_nearly_always_fails_is_ejected_by_its_share_of_failures() {
    let failing = Endpoint::failing("bad", StatusCode::INTERNAL_SERVER_ERROR).await;
    let line = "outlier_detection: { consecutive_errors: off, window: 1s, failure_percent: { min_requests: 10 } }";
    let (proxy, _good) = stage(&failing, &[line]).await;
    let load = Load::start(proxy.address, 8);
    is_ejected_for(&proxy, "failure_percent").await;
    load.stop().await;
}

#[tokio::test]
async fn never_are_more_ejected_than_may_be() {
    let mut endpoints = vec![Endpoint::named("good").await];
    for _ in 0..3 {
        endpoints.push(Endpoint::failing("bad", StatusCode::INTERNAL_SERVER_ERROR).await);
    }
    let table = Table::to(&endpoints)
        .route(UNRETRIED)
        .cluster(IN_TURN)
        .cluster(EVERYTHING);
    let proxy = Proxy::start(table).await;
    let load = Load::start(proxy.address, 4);
    eventually("half of them are out", async || {
        let out = out(&proxy).await;
        assert!(out <= 2, "{out} of 4");
        out == 2
    })
    .await;
    eventually("for long enough", async || {
        let out = out(&proxy).await;
        assert!(out <= 2, "{out} of 4");
        ejections(&proxy, "probe_failed").await >= 2.0
    })
    .await;
    load.stop().await;
}

#[tokio::test]
async fn the_only_endpoint_stays_whatever_it_does() {
    let failing = Endpoint::failing("bad", StatusCode::INTERNAL_SERVER_ERROR).await;
    let proxy = Proxy::start(Table::to([&failing]).cluster(EVERYTHING)).await;
    assert_eq!(spread(proxy.address, 2, 100).await.failures.len(), 100);
    assert_eq!(failing.seen.requests(), 100);
    assert_eq!(all_ejections(&proxy).await, 0.0);
}

#[tokio::test]
async fn clients_that_leave_eject_nobody() {
    let hanging = [Endpoint::hanging().await, Endpoint::hanging().await];
    let table = Table::to(&hanging).cluster(EVERYTHING);
    let proxy = Proxy::start(table).await;
    for number in 1..=12 {
        let address = proxy.address;
        let asking = tokio::spawn(async move {
            let mut client = Client::http2(address).await;
            client.send(get("/")).await
        });
        eventually("an endpoint has the request", async || {
            hanging[0].seen.requests() + hanging[1].seen.requests() == number
        })
        .await;
        asking.abort();
        eventually("the attempt is counted", async || {
            let metrics = proxy.metrics().await;
            let labels = [("result", "cancelled")];
            metrics.sum("outrigger_attempts_total", &labels) == number as f64
        })
        .await;
    }
    assert_eq!(all_ejections(&proxy).await, 0.0);
}

#[tokio::test]
async fn clients_that_break_their_upload_off_eject_nobody() {
    let echo = [Endpoint::echo().await, Endpoint::echo().await];
    let table = Table::to(&echo).cluster(EVERYTHING);
    let proxy = Proxy::start(table).await;
    for number in 1..=12 {
        let mut raw = Raw::connect(proxy.address).await;
        raw.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nnot all")
            .await;
        eventually("an endpoint has the request", async || {
            echo[0].seen.requests() + echo[1].seen.requests() == number
        })
        .await;
    }
    eventually("all are over", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_attempts_total", &[]) == 12.0
    })
    .await;
    assert_eq!(all_ejections(&proxy).await, 0.0);
}

#[tokio::test]
async fn clients_that_allow_less_time_than_is_ever_needed_eject_nobody() {
    let slow = [
        Endpoint::slow("a", Duration::from_millis(100)).await,
        Endpoint::slow("b", Duration::from_millis(100)).await,
    ];
    let table = Table::to(&slow)
        .cluster(IN_TURN)
        .cluster("protocol: http2")
        .cluster(EVERYTHING);
    let proxy = Proxy::start(table).await;
    // So that it is known what they need.
    assert_eq!(spread(proxy.address, 1, 4).await.ok, 4);
    let mut client = Client::http2(proxy.address).await;
    for _ in 0..20 {
        let mut hurried = call();
        let headers = hurried.headers_mut();
        headers.insert("grpc-timeout", "5m".parse().unwrap());
        let reply = client.request(hurried).await;
        assert_eq!(reply.header("grpc-status"), "4");
    }
    assert_eq!(all_ejections(&proxy).await, 0.0);
}

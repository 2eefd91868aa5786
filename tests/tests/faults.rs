//! Trouble on purpose: what clients see of it, how it is marked, and that no endpoint is charged with it.

use std::time::{Duration, Instant};

use outrigger_tests::{
    Client, Endpoint, Frame, Proxy, Raw, RawHttp2, Table, body, eventually, get, get_with,
};

async fn faulty(fault: &str) -> (Endpoint, Proxy) {
    let endpoint = Endpoint::named("a").await;
    let table = Table::to([&endpoint])
        .listener("trail: true")
        .top("access_log: { format: json }")
        .route(format!("filters: [{{ fault: {{ {fault} }} }}]"));
    let proxy = Proxy::start(table).await;
    (endpoint, proxy)
}

async fn faults(proxy: &Proxy, fault: &str) -> f64 {
    let labels = [("listener", "edge"), ("route", "all"), ("fault", fault)];
    proxy.metrics().await.sum("outrigger_faults_total", &labels)
}

#[tokio::test]
async fn an_abort_answers_in_the_endpoints_place_and_says_so() {
    let (endpoint, proxy) = faulty("abort: { status: 503 }").await;
    let mut client = Client::http1(proxy.address).await;
    let reply = client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await;
    assert_eq!(reply.status, 503);
    assert_eq!(reply.header("server"), "outrigger");
    assert_eq!(
        reply.header("proxy-status"),
        "outrigger; error=http_request_denied"
    );
    assert_eq!(reply.header("x-outrigger-trail"), "web fault=503");
    assert_eq!(endpoint.seen.requests(), 0);
    assert_eq!(faults(&proxy, "abort").await, 1.0);
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_attempts_total", &[]), 0.0);
    assert_eq!(
        metrics.sum("outrigger_errors_total", &[("reason", "fault")]),
        1.0
    );
}

#[tokio::test]
async fn a_delay_holds_a_request_up_and_is_not_the_endpoints() {
    let endpoint = Endpoint::named("a").await;
    let table = Table::to([&endpoint])
        .listener("trail: true")
        // Longer than the whole request may take: the delay is not in it.
        .route("timeout: 300ms")
        .route("filters: [{ fault: { delay: { time: 500ms } } }]");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    let start = Instant::now();
    let reply = client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await;
    assert!(start.elapsed() >= Duration::from_millis(500));
    assert_eq!(reply.status, 200);
    let trail = reply.header("x-outrigger-trail");
    assert!(
        trail.starts_with("web fault=delay(500.0ms) pick="),
        "{trail}"
    );
    assert_eq!(faults(&proxy, "delay").await, 1.0);
    eventually("the attempt is counted", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_attempts_total", &[("result", "success")]) == 1.0
    })
    .await;
    let took = proxy
        .metrics()
        .await
        .sum("outrigger_attempt_duration_seconds_sum", &[]);
    assert!(took < 0.4, "the attempt took {took} s");
}

#[tokio::test]
async fn a_delay_comes_before_the_abort() {
    let (_endpoint, proxy) = faulty("delay: { time: 200ms }, abort: { status: 418 }").await;
    let start = Instant::now();
    let reply = Client::http2(proxy.address).await.get("/").await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(reply.status, 418);
    assert_eq!(
        (faults(&proxy, "delay").await, faults(&proxy, "abort").await),
        (1.0, 1.0)
    );
}

#[tokio::test]
async fn an_abort_speaks_the_language_of_the_client() {
    let grpc = || {
        let request = http::Request::post("/a.B/C").header("content-type", "application/grpc");
        request.body(body::empty()).unwrap()
    };
    for (abort, status, grpc_status) in [
        ("grpc_status: unavailable", 503, "14"),
        ("grpc_status: 16", 401, "16"),
        ("status: 404", 404, "12"),
    ] {
        let (_endpoint, proxy) = faulty(&format!("abort: {{ {abort} }}")).await;
        let mut client = Client::http2(proxy.address).await;
        assert_eq!(client.get("/").await.status, status, "{abort}");
        let reply = client.request(grpc()).await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("grpc-status")),
            (200, grpc_status)
        );
        assert_eq!(reply.header("grpc-message"), "fault");
    }
}

#[tokio::test]
async fn a_reset_closes_an_http1_connection_without_a_word() {
    let (_endpoint, proxy) = faulty("abort: { reset: true }").await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(raw.read_to_end().await.is_empty());
    eventually("it is in the log", async || {
        proxy.output().contains("\"error\":\"fault\"")
    })
    .await;
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_downstream_errors_total", &[]), 0.0);
}

#[tokio::test]
async fn a_reset_ends_an_http2_stream_and_leaves_the_connection() {
    let endpoint = Endpoint::named("a").await;
    let fault = "fault: { abort: { reset: true }, headers: { x-chaos: \"1\" } }";
    let table = Table::to([&endpoint]).route(format!("filters: [{{ {fault} }}]"));
    let proxy = Proxy::start(table).await;
    let mut http2 = RawHttp2::connect(proxy.address).await;
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "a"),
        ("x-chaos", "1"),
    ];
    let mut head = Frame::head(1, &fields);
    head.flags |= Frame::END_STREAM;
    http2.send(&head).await;
    let reset = http2.next_of(Frame::RST_STREAM).await.expect("a reset");
    assert_eq!(reset.stream, 1);
    http2.send(&Frame::get(3, "/")).await;
    assert_eq!(
        http2.next_of(Frame::DATA).await.expect("an answer").payload,
        b"a"
    );
}

#[tokio::test]
async fn only_a_share_and_only_with_the_header() {
    let fault = "abort: { status: 500, percent: 50% }, headers: { x-chaos: { regex: \"on|yes\" } }";
    let (_endpoint, proxy) = faulty(fault).await;
    let mut client = Client::http1(proxy.address).await;
    for _ in 0..50 {
        assert_eq!(client.request(get("/")).await.status, 200);
    }
    let mut aborted = 0;
    for _ in 0..200 {
        let reply = client.request(get_with("/", &[("x-chaos", "on")])).await;
        aborted += u32::from(reply.status == 500);
    }
    // 50 % of 200 is further off than this once in ten million.
    assert!((63..=137).contains(&aborted), "{aborted} of 200");
}

#[tokio::test]
async fn a_client_that_leaves_during_a_delay_costs_the_endpoint_nothing() {
    let (endpoint, proxy) = faulty("delay: { time: 30s }").await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually("the delay has begun", async || {
        faults(&proxy, "delay").await == 1.0
    })
    .await;
    drop(raw);
    eventually("it is noticed", async || {
        proxy.output().contains("\"error\":\"downstream_gone\"")
    })
    .await;
    assert_eq!(endpoint.seen.requests(), 0);
}

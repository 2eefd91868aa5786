//! How long things may take, against endpoints and clients that hang, drip, stall and do not read.

use std::time::{Duration, Instant};

use http::Request;
use http_body_util::BodyExt;
use outrigger_tests::{
    Client, Endpoint, Proxy, Raw, RawEndpoint, Serve, Table, body, eventually, get, get_with,
    within,
};
use tokio::net::TcpSocket;

async fn attempts(proxy: &Proxy, result: &str) -> f64 {
    let metrics = proxy.metrics().await;
    metrics.sum("outrigger_attempts_total", &[("result", result)])
}

fn table<A: std::fmt::Display>(endpoint: A) -> Table {
    Table::to([endpoint]).top("access_log: { format: json }")
}

/// Sends the head of a response, a byte every 20 ms, for ever.
async fn dripping_head() -> RawEndpoint {
    RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\nx-a: ").await;
        loop {
            raw.write("a").await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
}

/// Answers with the head and half of the body, then says no more.
async fn stalling() -> RawEndpoint {
    RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf")
            .await;
        raw.read_to_end().await;
    })
    .await
}

#[tokio::test]
async fn the_whole_request_and_each_attempt_end_in_time() {
    let (hanging, dripping) = (Endpoint::hanging().await, dripping_head().await);
    for address in [hanging.address, dripping.address] {
        for (key, reason) in [
            ("timeout", "deadline_exceeded"),
            ("attempt_timeout", "attempt_timeout"),
        ] {
            let proxy = Proxy::start(table(address).route(format!("{key}: 300ms"))).await;
            let start = Instant::now();
            let reply = Client::http1(proxy.address).await.get("/").await;
            assert_eq!(reply.status, 504, "{key}");
            assert!(start.elapsed() >= Duration::from_millis(300), "{key}");
            assert_eq!(
                reply.header("proxy-status"),
                "outrigger; error=http_response_timeout"
            );
            eventually("the attempt is counted", async || {
                attempts(&proxy, "timeout").await == 1.0
            })
            .await;
            proxy.says(&format!("\"error\":\"{reason}\"")).await;
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_drops_packets_costs_the_connect_timeout() {
    // Nobody accepts, and the backlog is full: the kernel drops what comes.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(Ok(stream)) = tokio::time::timeout(
        Duration::from_millis(300),
        tokio::net::TcpStream::connect(address),
    )
    .await
    {
        filling.push(stream);
    }
    let table = table(address)
        .cluster("connect_timeout: 200ms")
        .route("retry: { attempts: 1 }");
    let proxy = Proxy::start(table).await;
    let start = Instant::now();
    let reply = Client::http1(proxy.address).await.get("/").await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(reply.status, 504);
    assert_eq!(
        reply.header("proxy-status"),
        "outrigger; error=connection_timeout"
    );
    assert_eq!(attempts(&proxy, "connect_timeout").await, 1.0);
}

#[tokio::test]
async fn a_response_that_stalls_is_broken_off_and_charged_to_its_endpoint() {
    let endpoint = stalling().await;
    let proxy = Proxy::start(table(&endpoint).route("idle_timeout: 500ms")).await;
    for mut client in [
        Client::http1(proxy.address).await,
        Client::http2(proxy.address).await,
    ] {
        let start = Instant::now();
        let response = client.send(get("/")).await.unwrap();
        assert_eq!(response.status(), 200, "the head came in time");
        let end = within("the end", response.into_body().collect()).await;
        assert!(end.is_err(), "half a body must not look whole");
        assert!(start.elapsed() >= Duration::from_millis(500));
    }
    proxy.says("\"error\":\"idle_timeout\"").await;
    eventually("both are counted", async || {
        attempts(&proxy, "timeout").await == 2.0
    })
    .await;
}

#[tokio::test]
async fn what_drips_is_not_idle() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 20\r\n\r\n")
            .await;
        for _ in 0..20 {
            raw.write("a").await;
            tokio::time::sleep(Duration::from_millis(150)).await;
        }
    })
    .await;
    let proxy = Proxy::start(table(&endpoint).route("idle_timeout: 1s")).await;
    let reply = Client::http1(proxy.address).await.get("/").await;
    assert_eq!(reply.body.len(), 20);
}

#[tokio::test]
async fn a_client_that_stops_sending_is_told_so_and_the_endpoint_not_blamed() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(table(&endpoint).route("idle_timeout: 500ms")).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nhalf")
        .await;
    let reply = raw.read_reply().await.expect("a response");
    assert_eq!((reply.status, reply.header("connection")), (408, "close"));
    assert!(raw.read_to_end().await.is_empty());

    let (mut sender, upload) = body::channel();
    let mut client = Client::http2(proxy.address).await;
    let request = Request::post("/").body(upload).unwrap();
    let (reply, _sent) = tokio::join!(client.request(request), sender.send_data("half".into()));
    assert_eq!(reply.status, 408);
    proxy.says("\"error\":\"request_idle\"").await;
    eventually("both are counted", async || {
        attempts(&proxy, "cancelled").await == 2.0
    })
    .await;
    assert_eq!(attempts(&proxy, "timeout").await, 0.0);
}

#[tokio::test]
async fn an_endpoint_that_stops_reading_costs_a_504() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        std::future::pending::<()>().await;
    })
    .await;
    let proxy = Proxy::start(table(&endpoint).route("idle_timeout: 500ms")).await;
    let mut client = Client::http2(proxy.address).await;
    let upload = Request::post("/")
        .body(body::full(body::pattern(64 << 20)))
        .unwrap();
    let reply = client.request(upload).await;
    assert_eq!(reply.status, 504);
    proxy.says("\"error\":\"idle_timeout\"").await;
    eventually("it is counted", async || {
        attempts(&proxy, "timeout").await == 1.0
    })
    .await;
}

/// Sends its body without end, as fast as it is read.
async fn endless() -> Endpoint {
    let answer = |_| async {
        let (mut sender, endless) = body::channel();
        tokio::spawn(async move { while sender.send_data(body::pattern(60_000)).await.is_ok() {} });
        http::Response::new(endless)
    };
    Serve::default().with(answer).await
}

#[tokio::test]
async fn a_client_that_stops_reading_is_hung_up_on_and_the_endpoint_not_blamed() {
    let endpoint = endless().await;
    let proxy = Proxy::start(table(&endpoint).route("idle_timeout: 1s")).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(raw.read_head().await.is_some());
    eventually("it is counted", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_downstream_errors_total", &[("reason", "unread")]) == 1.0
    })
    .await;
    proxy.says("\"error\":\"idle_timeout\"").await;
    eventually("the endpoint is let go", async || endpoint.seen.open() == 0).await;
    assert_eq!(attempts(&proxy, "timeout").await, 0.0);
    assert_eq!(attempts(&proxy, "reset").await, 0.0);
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_let_be() {
    let endpoint = endless().await;
    let proxy = Proxy::start(table(&endpoint).route("idle_timeout: 1s")).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(4) {
        // More than the socket buffers hold between two looks.
        assert_eq!(raw.read_exactly(4 << 20).await.len(), 4 << 20);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_tunnel_at_rest_is_closed_and_one_in_use_is_not() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        loop {
            let message = raw.read_some().await;
            if message.is_empty() {
                return;
            }
            raw.write(message).await;
        }
    })
    .await;
    let proxy = Proxy::start(table(&endpoint).route("idle_timeout: 1s")).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    assert!(raw.read_head().await.is_some());
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(3) {
        raw.write("ping").await;
        assert_eq!(raw.read_exactly(4).await, b"ping");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let rest = Instant::now();
    assert!(raw.read_to_end().await.is_empty());
    assert!(
        rest.elapsed() >= Duration::from_millis(900),
        "{:?}",
        rest.elapsed()
    );
    proxy.says("\"error\":\"idle_timeout\"").await;
    assert_eq!(attempts(&proxy, "timeout").await, 0.0);
}

#[tokio::test]
async fn off_lets_a_stream_rest() {
    let endpoint = stalling().await;
    let proxy = Proxy::start(table(&endpoint).route("idle_timeout: off")).await;
    let response = Client::http1(proxy.address)
        .await
        .send(get("/"))
        .await
        .unwrap();
    let rest = tokio::time::timeout(Duration::from_secs(3), response.into_body().collect()).await;
    assert!(rest.is_err(), "it goes on waiting");
}

#[tokio::test]
async fn a_client_may_shorten_its_requests_time_and_never_lengthen_it() {
    let hanging = Endpoint::hanging().await;
    let proxy = Proxy::start(table(&hanging).route("timeout: 2s")).await;
    let mut client = Client::http1(proxy.address).await;
    for (value, least, most) in [
        ("200", 200, 1_900),
        ("200ms", 200, 1_900),
        ("1h", 2_000, 9_000),
        // Nothing that anybody could read: as if it were not there.
        ("soon", 2_000, 9_000),
    ] {
        let start = Instant::now();
        let reply = client
            .request(get_with("/", &[("x-request-timeout", value)]))
            .await;
        let took = start.elapsed().as_millis();
        assert_eq!(reply.status, 504, "{value}");
        assert!((least..most).contains(&took), "{value}: {took} ms");
    }
    let before = hanging.seen.requests();
    let reply = client
        .request(get_with("/", &[("x-request-timeout", "0")]))
        .await;
    assert_eq!(
        (reply.status.as_u16(), hanging.seen.requests()),
        (504, before),
        "over before it began"
    );
}

/// What the endpoint was told, in milliseconds as far as it can be read.
async fn told(proxy: &Proxy, headers: &[(&str, &str)]) -> serde_json::Value {
    let reply = Client::http2(proxy.address)
        .await
        .request(get_with("/", headers))
        .await;
    reply.json()["headers"].clone()
}

#[tokio::test]
async fn an_endpoint_is_told_what_is_left_of_the_attempt() {
    let echo = Endpoint::echo().await;
    let table = table(&echo)
        .route("timeout: 5s")
        .route("attempt_timeout: 2s")
        .cluster("protocol: http1");
    let proxy = Proxy::start(table).await;
    let millis = |headers: &serde_json::Value| {
        let value = headers["x-request-timeout"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        value.parse::<u64>().unwrap()
    };
    let headers = told(&proxy, &[("x-request-timeout", "60000")]).await;
    assert!((1_000..=2_000).contains(&millis(&headers)), "{headers}");
    let headers = told(&proxy, &[("x-request-timeout", "1500")]).await;
    assert!((500..=1_500).contains(&millis(&headers)), "{headers}");
    let headers = told(&proxy, &[("content-type", "application/grpc")]).await;
    let grpc = headers["grpc-timeout"][0].as_str().unwrap_or_default();
    let micros: u64 = grpc.trim_end_matches('u').parse().unwrap();
    assert!((1_000_000..=2_000_000).contains(&micros), "{grpc}");
    // Who did not ask is not told.
    let headers = told(&proxy, &[]).await;
    assert!(headers["x-request-timeout"].is_null() && headers["grpc-timeout"].is_null());
}

#[tokio::test]
async fn a_later_attempt_is_told_of_less() {
    let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let noted = seen.clone();
    let endpoint = Serve::default().with(move |request| {
        let header = request.headers().get("x-request-timeout").cloned();
        let left = header.and_then(|left| left.to_str().ok()?.parse::<u64>().ok());
        noted.lock().unwrap().push(left.unwrap_or_default());
        async {
            tokio::time::sleep(Duration::from_millis(300)).await;
            let response = http::Response::builder().status(503);
            response.body(body::empty()).unwrap()
        }
    });
    let endpoint = endpoint.await;
    let proxy = Proxy::start(table(&endpoint).route("retry: { attempts: 2, on: [5xx] }")).await;
    let mut client = Client::http1(proxy.address).await;
    client
        .request(get_with("/", &[("x-request-timeout", "5000")]))
        .await;
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen.len(), 2, "{seen:?}");
    assert!(
        seen[0] <= 5_000 && seen[1] + 300 <= seen[0] && seen[1] > 1_000,
        "{seen:?}"
    );
}

#[tokio::test]
async fn a_client_that_never_ends_its_head_is_cut_off() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint]).listener("header_timeout: 200ms")).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\nx-slow:").await;
    let answer = String::from_utf8(raw.read_to_end().await).unwrap();
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
        "{answer}"
    );
    assert_eq!(endpoint.seen.requests(), 0);
}

#[tokio::test]
async fn a_client_that_sends_no_request_is_let_go() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint]).listener("idle_timeout: 300ms")).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.expect("a response").status, 200);
    assert!(raw.read_to_end().await.is_empty());
}

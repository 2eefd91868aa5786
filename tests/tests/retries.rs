//! What is sent again, what is not, and how it is counted.

mod bodies;
mod budget;
mod conditions;
mod waits;

use std::time::Duration;

use http::{Request, StatusCode};
use http_body_util::BodyExt;
use outrigger_tests::{
    Client, Endpoint, Frame, Metrics, Proxy, Raw, RawEndpoint, RawHttp2, Table, body, eventually,
    get, post, refusing_address, spread, within,
};

/// REFUSED_STREAM (RFC 9113, 7).
const REFUSED_STREAM: u32 = 7;

/// The largest body that can be sent again.
const REPLAYED: usize = 64 * 1024;

#[tokio::test]
async fn a_hanging_endpoint_loses_its_traffic_and_costs_no_request() {
    let (hanging, good) = (Endpoint::hanging().await, Endpoint::named("good").await);
    let table = Table::to([&hanging, &good])
        .route("attempt_timeout: 200ms")
        .route("retry: { attempts: 2, on: [attempt_timeout] }");
    let proxy = Proxy::start(table).await;
    let tally = spread(proxy.address, 4, 400).await;
    assert_eq!(tally.of("good"), 400, "{:?}", tally.failures.first());
    // The first requests at once know nothing yet: up to one a connection, and a second look now and then.
    let hung = hanging.seen.requests();
    assert!((1..=12).contains(&hung), "{hung} of 400 hung");
    let timeouts = [("cluster", "web"), ("result", "timeout")];
    let metrics = proxy.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_attempts_total", &timeouts),
        hung as f64
    );
    assert_eq!(
        metrics.sum("outrigger_attempts_total", &[("result", "cancelled")]),
        0.0
    );
}

#[tokio::test]
async fn what_was_never_sent_is_tried_elsewhere_whatever_the_policy_names() {
    let good = Endpoint::named("good").await;
    for on in ["[5xx]", "[reset]", "[]"] {
        let table = Table::to([refusing_address(), good.address])
            .cluster("balancer: round_robin")
            .route(format!("retry: {{ on: {on} }}"));
        let proxy = Proxy::start(table).await;
        let tally = spread(proxy.address, 1, 20).await;
        assert_eq!(tally.ok, 20, "on {on}: {:?}", tally.failures.first());
    }
}

/// How the retries of one POST or GET ended, by the metric.
async fn outcomes(proxy: &Proxy) -> Vec<(&'static str, f64)> {
    let metrics: Metrics = proxy.metrics().await;
    let all = [
        "success",
        "failure",
        "exhausted",
        "unreplayable",
        "too_late",
        "over_budget",
        "over_limit",
    ];
    all.map(|outcome| {
        let labels = [("cluster", "web"), ("outcome", outcome)];
        (outcome, metrics.sum("outrigger_retries_total", &labels))
    })
    .into_iter()
    .filter(|(_, count)| *count > 0.0)
    .collect()
}

#[tokio::test]
async fn a_retry_is_counted_once_by_how_it_ended() {
    let good = Endpoint::named("good").await;
    let failing = Endpoint::failing("failing", StatusCode::INTERNAL_SERVER_ERROR).await;
    let (one, other) = (refusing_address(), refusing_address());
    for (second, status, outcome) in [
        (good.address, 200, "success"),
        (failing.address, 500, "failure"),
        (other, 502, "exhausted"),
    ] {
        let table = Table::to([one, second])
            .cluster("balancer: round_robin")
            .route("retry: { attempts: 2 }");
        let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
        let mut client = Client::http1(proxy.address).await;
        // In two requests each endpoint comes first at least once.
        for _ in 0..2 {
            assert_eq!(client.get("/").await.status, status);
        }
        let counted = outcomes(&proxy).await;
        let [(name, count)] = counted[..] else {
            panic!("{outcome}: {counted:?}");
        };
        assert_eq!(name, outcome);
        assert!((1.0..=2.0).contains(&count), "{outcome}: {count}");
    }
}

/// An HTTP/2 endpoint that reads each request to its end, refuses every first of two, and answers the others with the
/// length and the checksum of what it read.
async fn refusing_every_other() -> RawEndpoint {
    RawEndpoint::serve(async |raw: Raw, _| {
        // SETTINGS_INITIAL_WINDOW_SIZE and the connection's own window: nothing stalls for want of room.
        let mut http2 = RawHttp2::accept(raw, &[(4, 1 << 24)]).await;
        let window = Frame::new(8, 0, 0, (1u32 << 24).to_be_bytes());
        http2.send(&window).await;
        let (mut refuse, mut bytes) = (true, Vec::new());
        while let Some(frame) = http2.next().await {
            match frame.kind {
                Frame::HEADERS => bytes.clear(),
                Frame::DATA => bytes.extend(&frame.payload),
                _ => continue,
            }
            if frame.flags & Frame::END_STREAM == 0 {
                continue;
            }
            if refuse {
                let code = REFUSED_STREAM.to_be_bytes();
                http2
                    .send(&Frame::new(Frame::RST_STREAM, 0, frame.stream, code))
                    .await;
            } else {
                http2.answer(frame.stream, &digest(&bytes)).await;
            }
            refuse = !refuse;
        }
    })
    .await
}

fn digest(bytes: &[u8]) -> String {
    format!("{} {:016x}", bytes.len(), body::checksum(bytes))
}

/// A POST of these bytes: its length known, or sent piece by piece.
fn upload(bytes: &bytes::Bytes, length_known: bool) -> Request<body::Body> {
    if length_known {
        return post("/", bytes.clone());
    }
    let (mut sender, upload) = body::channel();
    let mut rest = bytes.clone();
    tokio::spawn(async move {
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(10_000));
            if sender.send_data(piece).await.is_err() {
                return;
            }
        }
    });
    Request::post("/").body(upload).unwrap()
}

#[tokio::test]
async fn a_post_of_up_to_64_kib_whose_stream_is_refused_is_sent_again_whole() {
    let endpoint = refusing_every_other().await;
    let table = Table::to([&endpoint]).cluster("protocol: http2");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    for mut client in [
        Client::http1(proxy.address).await,
        Client::http2(proxy.address).await,
    ] {
        for length_known in [true, false] {
            for length in [0, 5, 20_000, REPLAYED] {
                let bytes = body::pattern(length);
                let reply = client.request(upload(&bytes, length_known)).await;
                assert_eq!(
                    (reply.status.as_u16(), reply.text()),
                    (200, &*digest(&bytes)),
                    "{length}, length known: {length_known}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_larger_post_whose_stream_is_refused_is_not_sent_again() {
    for length_known in [true, false] {
        let endpoint = refusing_every_other().await;
        let table = Table::to([&endpoint]).cluster("protocol: http2");
        let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
        let mut client = Client::http2(proxy.address).await;
        let bytes = body::pattern(REPLAYED + 1);
        let refused = client.request(upload(&bytes, length_known)).await;
        assert_eq!(refused.status, 502, "length known: {length_known}");
        assert_eq!(outcomes(&proxy).await, [("unreplayable", 1.0)]);
        // The next is read to its end: had the first been sent again, it would have met the willing turn.
        let taken = client.request(upload(&bytes, length_known)).await;
        assert_eq!(
            (taken.status.as_u16(), taken.text()),
            (200, &*digest(&bytes))
        );
    }
}

#[tokio::test]
async fn a_body_of_any_size_arrives_whole() {
    let echo = Endpoint::echo().await;
    for protocol in ["http1", "http2"] {
        let table = Table::to([&echo])
            .cluster(format!("protocol: {protocol}"))
            .route("retry: { on: [reset, 5xx] }");
        let proxy = Proxy::start(table).await;
        let mut client = Client::http1(proxy.address).await;
        for length in [1, REPLAYED - 1, REPLAYED, REPLAYED + 1, 10 * REPLAYED] {
            for length_known in [true, false] {
                let bytes = body::pattern(length);
                let mut request = upload(&bytes, length_known);
                *request.method_mut() = http::Method::PUT;
                let seen = client.request(request).await.json();
                assert_eq!(
                    seen["body_checksum"],
                    body::checksum(&bytes),
                    "{length} over {protocol}, length known: {length_known}"
                );
            }
        }
    }
}

/// An HTTP/1 endpoint that answers one PUT of five bytes a connection, and hangs up on the next.
async fn one_a_connection() -> RawEndpoint {
    RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        let body = raw.read_exactly(5).await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
            .await;
        raw.write(body).await;
        raw.read_head().await;
    })
    .await
}

#[tokio::test]
async fn a_small_put_on_a_connection_that_is_hung_up_is_sent_again_whole() {
    let endpoint = one_a_connection().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = Client::http1(proxy.address).await;
    for number in 0..50 {
        let request = Request::put("/").body(body::full("hello")).unwrap();
        let reply = client.request(request).await;
        assert_eq!(
            (reply.status.as_u16(), reply.text()),
            (200, "hello"),
            "PUT {number}"
        );
    }
    assert_eq!(
        proxy
            .metrics()
            .await
            .sum("outrigger_attempts_total", &[("result", "success")]),
        50.0,
        "a stale connection is nobody's failure"
    );
}

#[tokio::test]
async fn a_client_that_leaves_is_not_held_against_the_endpoint_as_a_failure() {
    let hanging = Endpoint::hanging().await;
    let proxy = Proxy::start(Table::to([&hanging]).route("timeout: 60s")).await;
    let mut client = Client::http1(proxy.address).await;
    let left = tokio::time::timeout(Duration::from_millis(200), client.send(get("/"))).await;
    assert!(left.is_err(), "nobody answers");
    drop(client);
    eventually("the attempt is counted", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_attempts_total", &[("result", "cancelled")]) == 1.0
    })
    .await;
}

#[tokio::test]
async fn a_response_that_the_endpoint_breaks_off_is_the_endpoints_failure_alone() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot all")
            .await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut http1 = Client::http1(proxy.address).await;
    let mut http2 = Client::http2(proxy.address).await;
    for client in [&mut http1, &mut http2] {
        let response = client.send(get("/")).await.unwrap();
        let body = within("the end", response.into_body().collect()).await;
        assert!(body.is_err(), "a short body must not look whole");
    }
    drop((http1, http2));
    eventually("both connections are closed", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_connections", &[("side", "downstream")]) == 0.0
    })
    .await;
    let metrics = proxy.metrics().await;
    let resets = metrics.sum("outrigger_attempts_total", &[("result", "reset")]);
    assert_eq!(resets, 2.0);
    assert_eq!(metrics.sum("outrigger_downstream_errors_total", &[]), 0.0);
}

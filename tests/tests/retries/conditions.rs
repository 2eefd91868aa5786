//! What calls for another attempt.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use http::{HeaderMap, Request, Response};
use outrigger_tests::{
    Client, Endpoint, Proxy, Raw, RawEndpoint, Serve, Table, body, get, post, refusing_address,
};

use super::outcomes;

/// Answers the first requests with `bad`, and then with 200.
pub(super) async fn flaky(
    bad_ones: usize,
    bad: impl Fn() -> Response<body::Body> + Send + Sync + 'static,
) -> Endpoint {
    let turn = Arc::new(AtomicUsize::new(0));
    Serve::default()
        .with(move |_| {
            let answer = match turn.fetch_add(1, Relaxed) < bad_ones {
                true => bad(),
                false => Response::new(body::full("good")),
            };
            std::future::ready(answer)
        })
        .await
}

/// An answer with this status and these headers.
pub(super) fn answer(status: u16, headers: &[(&str, &str)]) -> Response<body::Body> {
    let response = headers
        .iter()
        .fold(Response::builder(), |response, (name, value)| {
            response.header(*name, *value)
        });
    response.status(status).body(body::full("bad")).unwrap()
}

#[tokio::test]
async fn a_response_is_retried_if_the_route_names_it_and_else_passed_on() {
    type Headers = &'static [(&'static str, &'static str)];
    let cases: [(&str, u16, Headers); 8] = [
        ("5xx", 500, &[]),
        ("5xx", 599, &[]),
        ("gateway_error", 502, &[]),
        ("gateway_error", 504, &[]),
        ("429", 429, &[]),
        ("404", 404, &[]),
        ("{ header: { x-retry: \"1\" } }", 200, &[("x-retry", "1")]),
        (
            "{ header: { x-retry: { regex: \"a|b\" }, x-kind: c } }",
            200,
            &[("x-retry", "b"), ("x-kind", "c")],
        ),
    ];
    for (on, status, headers) in cases {
        let endpoint = flaky(1, move || answer(status, headers)).await;
        let table = |on| Table::to([&endpoint]).route(format!("retry: {{ on: [{on}] }}"));
        let proxy = Proxy::start(table(on)).await;
        let reply = Client::http1(proxy.address).await.get("/").await;
        assert_eq!((reply.status.as_u16(), reply.text()), (200, "good"), "{on}");
        assert_eq!(endpoint.seen.requests(), 2, "{on}");
        assert_eq!(outcomes(&proxy).await, [("success", 1.0)], "{on}");

        let endpoint = flaky(1, move || answer(status, headers)).await;
        let table = Table::to([&endpoint]).route("retry: { on: [reset, 418, 499] }");
        let proxy = Proxy::start(table).await;
        let reply = Client::http1(proxy.address).await.get("/").await;
        assert_eq!((reply.status.as_u16(), reply.text()), (status, "bad"));
        assert_eq!(endpoint.seen.requests(), 1);
    }
}

#[tokio::test]
async fn a_broken_connection_is_retried_if_the_route_says_so() {
    for (on, status) in [("[reset]", 200), ("[5xx]", 502)] {
        // A fresh connection that breaks gets a second chance in any case, so two break.
        let endpoint = RawEndpoint::serve(async |mut raw: Raw, number| {
            while raw.read_head().await.is_some() && number > 1 {
                raw.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
                    .await;
            }
        })
        .await;
        let table = Table::to([&endpoint]).route(format!("retry: {{ on: {on} }}"));
        let proxy = Proxy::start(table).await;
        let reply = Client::http1(proxy.address).await.get("/").await;
        assert_eq!(reply.status.as_u16(), status, "{on}");
    }
}

#[tokio::test]
async fn a_post_that_may_have_been_processed_is_repeated_only_if_the_route_says_so() {
    for (repeat, status, requests) in [(false, 503, 1), (true, 200, 2)] {
        let endpoint = flaky(1, || answer(503, &[])).await;
        let retry = format!("retry: {{ on: [503], non_idempotent: {repeat} }}");
        let proxy = Proxy::start(Table::to([&endpoint]).route(retry)).await;
        let reply = Client::http1(proxy.address)
            .await
            .request(post("/", "once"))
            .await;
        assert_eq!(reply.status.as_u16(), status);
        assert_eq!(endpoint.seen.requests(), requests);
    }
}

#[tokio::test]
async fn a_post_that_was_never_sent_goes_to_another_endpoint_at_once() {
    let good = Endpoint::echo().await;
    let table = Table::to([refusing_address(), good.address])
        .cluster("balancer: round_robin")
        .listener("trail: true");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    let mut client = Client::http1(proxy.address).await;
    let mut retried = 0;
    for _ in 0..4 {
        let mut request = post("/", "once");
        let asks = request.headers_mut();
        asks.insert("x-outrigger-trail", "1".parse().unwrap());
        let reply = client.request(request).await;
        assert_eq!(reply.json()["body_checksum"], body::checksum(b"once"));
        let trail = reply.header("x-outrigger-trail");
        retried += usize::from(trail.contains("connect retry pick="));
        assert!(!trail.contains("backoff"), "{trail}");
    }
    assert!(retried > 0);
}

#[tokio::test]
async fn one_endpoint_alone_that_refuses_is_asked_again_after_a_wait() {
    let table = Table::to([refusing_address()]).listener("trail: true");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    let asked = outrigger_tests::get_with("/", &[("x-outrigger-trail", "1")]);
    let reply = client.request(asked).await;
    let trail = reply.header("x-outrigger-trail");
    assert_eq!(
        trail.matches("connect retry backoff=").count(),
        2,
        "{trail}"
    );
    assert_eq!(reply.status, 502);
}

fn grpc_code(code: &str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())])
}

/// The ways in which a gRPC call ends: all in the head, trailers without a message, a message and trailers.
fn grpc_end(way: &str, code: &str) -> Response<body::Body> {
    let response = Response::builder().header("content-type", "application/grpc");
    let (response, body) = match way {
        "head" => (response.header("grpc-status", code), body::empty()),
        "trailers" => {
            let (mut sender, body) = body::channel();
            let code = grpc_code(code);
            tokio::spawn(async move { sender.send_trailers(code).await });
            (response, body)
        }
        _ => (
            response,
            body::with_trailers("a message".to_owned(), grpc_code(code)),
        ),
    };
    response.body(body).unwrap()
}

fn grpc_call(body: body::Body) -> Request<body::Body> {
    let request = Request::post("/echo.Echo/Unary").header("content-type", "application/grpc");
    request.header("te", "trailers").body(body).unwrap()
}

const GRPC: &str = "retry: { on: [unavailable, aborted], non_idempotent: true }";

#[tokio::test]
async fn a_grpc_call_is_retried_by_its_code_wherever_that_stands_before_a_message() {
    for way in ["head", "trailers"] {
        let endpoint = flaky_grpc(way).await;
        let proxy = Proxy::start(Table::to([&endpoint]).route(GRPC)).await;
        let mut client = Client::http2(proxy.address).await;
        let reply = client.request(grpc_call(body::full("question"))).await;
        assert_eq!(reply.text(), "a message", "{way}");
        assert_eq!(reply.trailer("grpc-status"), "0", "{way}");
        assert_eq!(endpoint.seen.requests(), 2, "{way}");
        let metrics = proxy.metrics().await;
        for result in ["failure", "success"] {
            let count = metrics.sum("outrigger_attempts_total", &[("result", result)]);
            assert_eq!(count, 1.0, "{way}: {result}");
        }
        assert_eq!(outcomes(&proxy).await, [("success", 1.0)]);
    }
}

/// Unavailable for once, said in this way.
async fn flaky_grpc(way: &'static str) -> Endpoint {
    let turn = Arc::new(AtomicUsize::new(0));
    Serve::default()
        .with(move |_| {
            let first = turn.fetch_add(1, Relaxed) == 0;
            std::future::ready(match first {
                true => grpc_end(way, "14"),
                false => grpc_end("message", "0"),
            })
        })
        .await
}

#[tokio::test]
async fn a_grpc_answer_that_has_begun_or_that_nobody_named_passes_unchanged() {
    for (way, code, text) in [
        ("message", "14", "a message"),
        ("head", "7", ""),
        ("trailers", "13", ""),
    ] {
        let endpoint = Serve::default()
            .with(move |_| std::future::ready(grpc_end(way, code)))
            .await;
        let proxy = Proxy::start(Table::to([&endpoint]).route(GRPC)).await;
        let mut client = Client::http2(proxy.address).await;
        let reply = client.request(grpc_call(body::full("question"))).await;
        let said = [reply.header("grpc-status"), reply.trailer("grpc-status")].concat();
        assert_eq!((reply.text(), &*said), (text, code), "{way}");
        assert_eq!(endpoint.seen.requests(), 1, "{way}");
        let metrics = proxy.metrics().await;
        let attempts = metrics.sum("outrigger_attempts_total", &[]);
        assert_eq!(attempts, 1.0, "{way}");
        let counted = [("grpc_status", code)];
        assert_eq!(metrics.sum("outrigger_requests_total", &counted), 1.0);
    }
}

#[tokio::test]
async fn out_of_attempts_the_last_grpc_answer_passes_with_its_trailers() {
    for way in ["head", "trailers"] {
        let endpoint = Serve::default()
            .with(move |_| std::future::ready(grpc_end(way, "14")))
            .await;
        let proxy = Proxy::start(Table::to([&endpoint]).route(GRPC)).await;
        let mut client = Client::http2(proxy.address).await;
        let reply = client.request(grpc_call(body::full("question"))).await;
        let said = [reply.header("grpc-status"), reply.trailer("grpc-status")].concat();
        assert_eq!(said, "14", "{way}");
        assert_eq!(endpoint.seen.requests(), 3, "{way}");
        assert_eq!(
            proxy
                .metrics()
                .await
                .sum("outrigger_attempts_total", &[("result", "failure")]),
            3.0
        );
    }
}

/// A service that says its head, and then nothing for ever.
async fn silent() -> Endpoint {
    let kept = Arc::new(std::sync::Mutex::new(Vec::new()));
    Serve::default()
        .with(move |_| {
            let (sender, body) = body::channel();
            kept.lock().unwrap().push(sender);
            let response = Response::builder().header("content-type", "application/grpc");
            std::future::ready(response.body(body).unwrap())
        })
        .await
}

#[tokio::test]
async fn a_stream_with_nothing_to_say_yet_begins_all_the_same() {
    let endpoint = silent().await;
    let proxy = Proxy::start(Table::to([&endpoint]).route(GRPC)).await;
    let mut client = Client::http2(proxy.address).await;
    // Whose client has said all it has to say, and one that is still sending and may wait for the head.
    let whole = grpc_call(body::full("question"));
    let (_sender, stream) = body::channel();
    for request in [whole, grpc_call(stream)] {
        let sent = outrigger_tests::within("a head", client.send(request)).await;
        assert_eq!(sent.unwrap().status(), 200);
    }
    assert_eq!(endpoint.seen.requests(), 2);
}

#[tokio::test]
async fn a_connection_whose_answer_was_retried_is_used_again() {
    let endpoint = flaky(20, || answer(503, &[])).await;
    let table = Table::to([&endpoint])
        .route("retry: { attempts: 100, on: [503], backoff: { base: 20ms, max: 20ms } }");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    let mut client = Client::http1(proxy.address).await;
    assert_eq!(client.request(get("/")).await.status, 200);
    // A wait that is next to nothing has no time to read what nobody will see.
    let connections = endpoint.seen.connections();
    assert!(connections < 10, "{connections} for 21 attempts");
}

//! gRPC of all four kinds, spoken by hand so that every byte and trailer shows.

use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use outrigger_tests::{
    Client, Endpoint, Proxy, Reply, Serve, Table, body, refusing_address, within,
};

/// A message of the wire: not compressed, its length, itself.
fn message(text: &str) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(text.len()).unwrap());
    bytes.put_slice(text.as_bytes());
    bytes.freeze()
}

fn messages(bytes: &[u8]) -> Vec<String> {
    let mut rest = bytes;
    let mut messages = Vec::new();
    while let [_, a, b, c, d, tail @ ..] = rest {
        let (text, tail) = tail.split_at(u32::from_be_bytes([*a, *b, *c, *d]) as usize);
        messages.push(String::from_utf8(text.to_vec()).unwrap());
        rest = tail;
    }
    messages
}

fn status(code: &str) -> HeaderMap {
    HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())])
}

fn call(method: &str, messages: body::Body) -> Request<body::Body> {
    let request =
        Request::post(format!("/echo.Echo/{method}")).header("content-type", "application/grpc");
    request.header("te", "trailers").body(messages).unwrap()
}

/// A service that answers each message with itself, or as its method's name says.
async fn echo() -> Endpoint {
    Serve::default().with(serve).await
}

async fn serve(request: Request<Incoming>) -> Response<body::Body> {
    let response = Response::builder().header("content-type", "application/grpc");
    let timeout = request.headers().get("grpc-timeout").cloned();
    let trailers_kept = request
        .headers()
        .get("te")
        .is_some_and(|te| te == "trailers");
    let method = request
        .uri()
        .path()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut incoming = request.into_body();
    match method.as_str() {
        "Fail" => {
            let response = response
                .header("grpc-status", "7")
                .header("grpc-message", "no%20entry");
            response.body(body::empty()).unwrap()
        }
        "Unavailable" => response
            .body(body::with_trailers(message("half"), status("14")))
            .unwrap(),
        "Facts" => {
            let facts = format!("{timeout:?} {trailers_kept}");
            response
                .body(body::with_trailers(message(&facts), status("0")))
                .unwrap()
        }
        "Collect" | "Unary" => {
            let all = messages(&incoming.collect().await.unwrap().to_bytes()).join("+");
            response
                .body(body::with_trailers(message(&all), status("0")))
                .unwrap()
        }
        _ => {
            let (mut sender, outgoing) = body::channel();
            tokio::spawn(async move {
                while let Some(Ok(frame)) = incoming.frame().await {
                    if let Ok(data) = frame.into_data() {
                        let _ = sender.send_data(data).await;
                    }
                }
                let _ = sender.send_trailers(status("0")).await;
            });
            response.body(outgoing).unwrap()
        }
    }
}

async fn stage() -> (Endpoint, Proxy, Client) {
    let endpoint = echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let client = Client::http2(proxy.address).await;
    (endpoint, proxy, client)
}

#[tokio::test]
async fn a_unary_call_comes_back_with_its_status_in_trailers() {
    let (_endpoint, _proxy, mut client) = stage().await;
    let reply = client
        .request(call("Unary", body::full(message("hello"))))
        .await;
    assert_eq!(reply.header("content-type"), "application/grpc");
    assert_eq!(messages(&reply.body), ["hello"]);
    assert_eq!(reply.trailer("grpc-status"), "0");
}

#[tokio::test]
async fn a_stream_of_requests_is_answered_once() {
    let (_endpoint, _proxy, mut client) = stage().await;
    let (mut sender, stream) = body::channel();
    let feeding = async {
        for text in ["a", "b", "c"] {
            sender.send_data(message(text)).await.unwrap();
        }
        drop(sender);
    };
    let (reply, ()) = tokio::join!(client.request(call("Collect", stream)), feeding);
    assert_eq!(messages(&reply.body), ["a+b+c"]);
    assert_eq!(reply.trailer("grpc-status"), "0");
}

#[tokio::test]
async fn one_request_is_answered_by_a_stream() {
    let (_endpoint, _proxy, mut client) = stage().await;
    let three: Vec<u8> = ["a", "b", "c"]
        .iter()
        .flat_map(|text| message(text))
        .collect();
    let reply = client.request(call("Stream", body::full(three))).await;
    assert_eq!(messages(&reply.body), ["a", "b", "c"]);
    assert_eq!(reply.trailer("grpc-status"), "0");
}

#[tokio::test]
async fn both_sides_may_stream_in_turns() {
    let (_endpoint, _proxy, mut client) = stage().await;
    let (mut sender, stream) = body::channel();
    let first = sender.send_data(message("0"));
    let (response, _) = within("the head", async {
        tokio::join!(client.send(call("Stream", stream)), first)
    })
    .await;
    let mut incoming = response.unwrap().into_body();
    for turn in 0..10 {
        let frame = within("the echo of this turn", incoming.frame())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(messages(&frame.into_data().unwrap()), [turn.to_string()]);
        sender
            .send_data(message(&(turn + 1).to_string()))
            .await
            .unwrap();
    }
    drop(sender);
    let rest = within("the end", incoming.collect()).await.unwrap();
    assert_eq!(rest.trailers().unwrap()["grpc-status"], "0");
}

#[tokio::test]
async fn a_deadline_is_passed_on_and_te_with_it() {
    let (_endpoint, _proxy, mut client) = stage().await;
    let mut request = call("Facts", body::full(message("")));
    request
        .headers_mut()
        .insert("grpc-timeout", "2S".parse().unwrap());
    let reply = client.request(request).await;
    let facts = messages(&reply.body).concat();
    // What is left of it may be told instead, in a smaller unit.
    assert!(
        facts.contains("Some(") && facts.ends_with("true"),
        "{facts}"
    );
    let left = facts.split('"').nth(1).unwrap_or_default();
    let (number, unit) = left.split_at(left.len() - 1);
    let scale = match unit {
        "S" => 1.0,
        "m" => 1e-3,
        "u" => 1e-6,
        "n" => 1e-9,
        other => panic!("unit {other}"),
    };
    let seconds = number.parse::<f64>().unwrap() * scale;
    assert!(seconds > 0.0 && seconds <= 2.0, "{left}");
}

#[tokio::test]
async fn a_trailers_only_error_of_the_service_passes_unchanged() {
    let (_endpoint, _proxy, mut client) = stage().await;
    let reply = client.request(call("Fail", body::full(message("")))).await;
    assert_eq!(grpc(&reply), ("7", "no%20entry"));
    assert_eq!(reply.status, 200);
}

/// Status and message, wherever they stand: a trailers-only response has them in its head.
fn grpc(reply: &Reply) -> (&str, &str) {
    let part = |name| match reply.trailer(name) {
        "" => reply.header(name),
        trailer => trailer,
    };
    (part("grpc-status"), part("grpc-message"))
}

#[tokio::test]
async fn errors_of_the_proxy_are_told_in_the_words_of_grpc() {
    let endpoint = Endpoint::hanging().await;
    let tables = [
        // No route: UNIMPLEMENTED, as the gRPC specification maps 404. No endpoint: UNAVAILABLE. Too late: DEADLINE_EXCEEDED.
        (
            "12",
            Table::to([&endpoint]).route("match: { path: { prefix: /elsewhere } }"),
        ),
        ("14", Table::to([refusing_address()])),
        ("4", Table::to([&endpoint]).route("timeout: 200ms")),
    ];
    for (code, table) in tables {
        let proxy = Proxy::start(table).await;
        let mut client = Client::http2(proxy.address).await;
        let reply = client.request(call("Unary", body::full(message("")))).await;
        assert_eq!(grpc(&reply).0, code, "{:?}", reply.headers);
        assert_eq!(reply.status, 200);
        assert!(reply.header("content-type").starts_with("application/grpc"));
        assert!(reply.body.is_empty());
    }
}

#[tokio::test]
async fn the_grpc_status_is_a_label_of_the_request_metric() {
    let (_endpoint, proxy, mut client) = stage().await;
    client.request(call("Unary", body::full(message("")))).await;
    client.request(call("Fail", body::full(message("")))).await;
    outrigger_tests::eventually("both are counted", async || {
        let metrics = proxy.metrics().await;
        let count = |code| metrics.sum("outrigger_requests_total", &[("grpc_status", code)]);
        count("0") == 1.0 && count("7") == 1.0
    })
    .await;
}

#[tokio::test]
async fn a_status_that_is_the_services_own_failure_is_a_failed_attempt() {
    let (_endpoint, proxy, mut client) = stage().await;
    let attempts = async |result| {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_attempts_total", &[("result", result)])
    };
    let reply = client
        .request(call("Unavailable", body::full(message(""))))
        .await;
    assert_eq!((reply.status.as_u16(), grpc(&reply).0), (200, "14"));
    outrigger_tests::eventually("it is counted", async || attempts("failure").await == 1.0).await;
    // PERMISSION_DENIED is an answer: the caller's doing.
    client.request(call("Fail", body::full(message("")))).await;
    outrigger_tests::eventually("it is counted", async || attempts("success").await == 1.0).await;
    assert_eq!(attempts("failure").await, 1.0);
}

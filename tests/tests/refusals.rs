//! Refusals on connections that carry more than one request: of what came behind another, and of what is no request.

use outrigger_tests::{Endpoint, Proxy, Raw, RawReply, Table, eventually};

/// What the endpoint must never see.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/// Its head could have been read past the proxy's look at raw heads: it came while another request was under way.
const PIPELINED: &[(&str, &str)] = &[
    ("a coding", "transfer-encoding: chunked"),
    (
        "a coding and a length",
        "transfer-encoding: chunked\r\ncontent-length: 4",
    ),
    (
        "a length and a coding",
        "content-length: 4\r\ntransfer-encoding: chunked",
    ),
];

#[tokio::test]
async fn a_chunked_request_behind_another_is_refused_and_the_connection_closed() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    for (what, headers) in PIPELINED {
        let mut raw = Raw::connect(proxy.address).await;
        let first = "GET /first HTTP/1.1\r\nhost: a\r\n\r\n";
        let second = format!("POST /second HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n0\r\n\r\n");
        raw.write([first, &second, SMUGGLED].concat()).await;
        let answer = raw.read_reply().await.expect("the first one's answer");
        assert_eq!(answer.status, 200, "{what}");
        let refusal = raw.read_reply().await.expect("the second one's answer");
        assert_eq!(refusal.status, 400, "{what}: {}", refusal.head);
        assert_eq!(refusal.header("connection"), "close", "{what}");
        assert!(
            raw.read_to_end().await.is_empty(),
            "{what}: a third answer came"
        );
    }
    assert_eq!(endpoint.seen.paths(), ["/first"; PIPELINED.len()]);
}

#[tokio::test]
async fn a_chunked_request_after_anothers_answer_is_served() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    for _ in 0..10 {
        raw.write(
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        )
        .await;
        assert_eq!(raw.read_reply().await.expect("an answer").status, 200);
    }
}

/// What every answer of the proxy's own says of itself.
fn ours(reply: &RawReply) -> (&str, &str) {
    (reply.header("server"), reply.header("proxy-status"))
}

#[tokio::test]
async fn what_is_no_request_is_refused_with_our_headers() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let large = "x".repeat(100_000);
    for (status, request) in [
        (400, "nonsense\r\n\r\n".to_owned()),
        (400, "GET / HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n".into()),
        (
            431,
            format!("GET / HTTP/1.1\r\nhost: a\r\nx-large: {large}\r\n\r\n"),
        ),
    ] {
        // As the first on its connection, and after the answer to another.
        for before in [0, 1] {
            let mut raw = Raw::connect(proxy.address).await;
            for _ in 0..before {
                raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
                assert_eq!(raw.read_reply().await.expect("an answer").status, 200);
            }
            raw.write(&request).await;
            let refusal = raw.read_reply().await.expect("a refusal");
            assert_eq!(refusal.status, status, "{}", refusal.head);
            assert_eq!(
                ours(&refusal),
                ("outrigger", "outrigger; error=http_request_error"),
                "{}",
                refusal.head
            );
            assert!(raw.read_to_end().await.is_empty());
        }
    }
    eventually("each is counted", async || {
        let metrics = proxy.metrics().await;
        metrics.sum(
            "outrigger_downstream_errors_total",
            &[("reason", "bad_head")],
        ) == 6.0
    })
    .await;
}

#[tokio::test]
async fn an_endpoints_own_400_is_passed_on_as_it_is() {
    let endpoint = Endpoint::failing("a", http::StatusCode::BAD_REQUEST).await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    for _ in 0..3 {
        raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let reply = raw.read_reply().await.expect("an answer");
        assert_eq!((reply.status, ours(&reply)), (400, ("", "")));
    }
}

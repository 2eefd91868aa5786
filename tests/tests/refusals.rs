//! Refusals on connections that carry more than one request: of what came behind another, and of what is no request.

use outrigger_tests::{Endpoint, Proxy, Raw, RawReply, Table, eventually};

/// What the endpoint must never see.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

#[tokio::test]
async fn doubtful_framing_behind_another_request_is_refused_and_the_connection_closed() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let doubtful = [
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "content-length: 4\r\ntransfer-encoding: chunked",
        "content-length: 4\r\ncontent-length: 5",
    ];
    for headers in doubtful {
        let mut raw = Raw::connect(proxy.address).await;
        let first = "GET /first HTTP/1.1\r\nhost: a\r\n\r\n";
        let second = format!("POST /second HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n0\r\n\r\n");
        raw.write([first, &second, SMUGGLED].concat()).await;
        let answer = raw.read_reply().await.expect("the first one's answer");
        assert_eq!(answer.status, 200, "{headers}");
        let refusal = raw.read_reply().await.expect("the second one's answer");
        assert_eq!(refusal.status, 400, "{headers}: {}", refusal.head);
        assert_eq!(refusal.header("connection"), "close", "{headers}");
        assert!(
            raw.read_to_end().await.is_empty(),
            "{headers}: a third answer came"
        );
    }
    assert_eq!(endpoint.seen.paths(), ["/first"; 3]);
}

#[tokio::test]
async fn requests_that_come_in_one_piece_are_answered_in_their_order() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    let chunked = "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let requests: String = ["/a", "/b", "/c"]
        .map(|path| format!("POST {path} HTTP/1.1\r\nhost: a\r\n{chunked}"))
        .concat();
    raw.write(requests).await;
    for path in ["/a", "/b", "/c"] {
        let reply = raw.read_reply().await.expect("an answer");
        let seen: serde_json::Value = serde_json::from_slice(&reply.body).expect("an echo");
        assert_eq!((reply.status, &seen["uri"]), (200, &path.into()));
        assert_eq!(seen["body_length"], 3);
    }
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
        // As the first on its connection, after the answer to another, and in one piece with another.
        for (before, together) in [(0, false), (1, false), (1, true)] {
            let mut raw = Raw::connect(proxy.address).await;
            let good = "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(before);
            match together {
                true => raw.write([&good, &request[..]].concat()).await,
                false => raw.write(good).await,
            }
            for _ in 0..before {
                assert_eq!(raw.read_reply().await.expect("an answer").status, 200);
            }
            if !together {
                raw.write(&request).await;
            }
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
        ) == 9.0
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

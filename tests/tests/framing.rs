//! Requests whose framing two parsers could read differently are refused, and nothing hides behind them (RFC 9112, 6 and 11.2).

use outrigger_tests::{Endpoint, Proxy, Raw, Table, patience};

/// What the endpoint must never see.
const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";

/// A name, the head's lines after the request line and Host, the body.
const HOSTILE: &[(&str, &str, &str)] = &[
    (
        "both, length first",
        "content-length: 4\r\ntransfer-encoding: chunked",
        "0\r\n\r\n",
    ),
    (
        "both, coding first",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "0\r\n\r\n",
    ),
    (
        "both, in capitals",
        "TRANSFER-ENCODING: CHUNKED\r\nCONTENT-LENGTH: 4",
        "0\r\n\r\n",
    ),
    (
        "two lengths",
        "content-length: 4\r\ncontent-length: 5",
        "12345",
    ),
    ("two lengths in a list", "content-length: 4, 5", "12345"),
    (
        "chunked twice",
        "transfer-encoding: chunked, chunked",
        "0\r\n\r\n",
    ),
    (
        "chunked twice in two fields",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "0\r\n\r\n",
    ),
    (
        "chunked not last",
        "transfer-encoding: chunked, identity",
        "0\r\n\r\n",
    ),
    ("identity", "transfer-encoding: identity", ""),
    (
        "an unknown coding",
        "transfer-encoding: xchunked",
        "0\r\n\r\n",
    ),
    (
        "chunked in quotes",
        "transfer-encoding: \"chunked\"",
        "0\r\n\r\n",
    ),
    (
        "a vertical tab before chunked",
        "transfer-encoding: \x0bchunked",
        "0\r\n\r\n",
    ),
    ("an empty coding", "transfer-encoding:", "0\r\n\r\n"),
    (
        "a space before the colon",
        "transfer-encoding : chunked",
        "0\r\n\r\n",
    ),
    (
        "a space before the colon of the length",
        "content-length : 0",
        "",
    ),
    ("a length with a plus", "content-length: +4", "1234"),
    ("a length in hexadecimal", "content-length: 0x4", "1234"),
    ("a negative length", "content-length: -1", ""),
    (
        "a length with a space inside",
        "content-length: 1 0",
        "1234567890",
    ),
    (
        "a length beyond 64 bits",
        "content-length: 18446744073709551617",
        "1",
    ),
    ("an empty length", "content-length:", ""),
    ("a folded header", "x-a: b\r\n c: d", ""),
    (
        "a folded coding",
        "transfer-encoding:\r\n chunked",
        "0\r\n\r\n",
    ),
    ("a leading fold", " x-a: b", ""),
    ("a NUL in a value", "x-a: b\0c", ""),
    ("a NUL in a name", "x\0a: b", ""),
    ("a bare CR in a value", "x-a: b\rx-c: d", ""),
    ("a space in a name", "x a: b", ""),
    ("no colon", "x-a", ""),
    ("an empty name", ": b", ""),
    ("a second host", "host: b", ""),
];

/// A name and a whole request.
const HOSTILE_WHOLE: &[(&str, &str)] = &[
    ("no host", "GET / HTTP/1.1\r\n\r\n"),
    ("a host with a path", "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n"),
    ("a host with a user", "GET / HTTP/1.1\r\nhost: u@a\r\n\r\n"),
    ("a host list", "GET / HTTP/1.1\r\nhost: a, b\r\n\r\n"),
    (
        "HTTP/1.0 with a coding",
        "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a version that is none",
        "GET / HTTP/1.2.3\r\nhost: a\r\n\r\n",
    ),
    ("HTTP/0.9", "GET /\r\n\r\n"),
    (
        "a space in the target",
        "GET /a b HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    (
        "a tab after the method",
        "GET\t/ HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    ("a method with a brace", "G{T / HTTP/1.1\r\nhost: a\r\n\r\n"),
    (
        "a bare CR in the request line",
        "GET /\r HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
];

/// Chunked bodies that are none.
const HOSTILE_CHUNKS: &[(&str, &str)] = &[
    ("a size with a plus", "+1\r\nx\r\n0\r\n\r\n"),
    ("a size in prefixed hexadecimal", "0x1\r\nx\r\n0\r\n\r\n"),
    ("a negative size", "-1\r\nx\r\n0\r\n\r\n"),
    ("a size with a letter beyond f", "g\r\nx\r\n0\r\n\r\n"),
    (
        "a size with an underscore",
        "1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    ),
    (
        "a size beyond 64 bits",
        "10000000000000001\r\nx\r\n0\r\n\r\n",
    ),
    ("no size", "\r\nx\r\n0\r\n\r\n"),
    ("a chunk longer than its size", "1\r\nxy\r\n0\r\n\r\n"),
    ("a bare LF after the size", "1\nx\r\n0\r\n\r\n"),
    ("a bare CR after the size", "1\rx\r\n0\r\n\r\n"),
    ("a bare LF in an extension", "1;a\nb\r\nx\r\n0\r\n\r\n"),
];

async fn stage() -> (Endpoint, Proxy) {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    (endpoint, proxy)
}

/// Sends it with a smuggled request behind it. The proxy answers once, with one of these statuses, and closes; else what
/// it did instead.
async fn refusal(
    proxy: &Proxy,
    what: &str,
    request: impl AsRef<[u8]>,
    statuses: &[u16],
) -> Result<(), String> {
    let mut raw = Raw::connect(proxy.address).await;
    raw.write(request).await;
    raw.write(SMUGGLED).await;
    let Ok(answer) = tokio::time::timeout(patience() / 4, raw.read_to_end()).await else {
        return Err(format!("{what}: not closed"));
    };
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.get(9..12).and_then(|status| status.parse().ok());
    let refused = status.is_some_and(|status| statuses.contains(&status));
    match refused && answer.matches("HTTP/1.1 ").count() == 1 {
        true => Ok(()),
        false => Err(format!("{what}: {answer}")),
    }
}

fn never_saw(endpoint: &Endpoint, path: &str) {
    let paths = endpoint.seen.paths();
    assert!(
        !paths.iter().any(|seen| seen.contains(path)),
        "the endpoint saw {paths:?}"
    );
}

#[tokio::test]
async fn a_request_of_doubtful_framing_is_refused_and_its_connection_closed() {
    let (endpoint, proxy) = stage().await;
    let mut outcomes = Vec::new();
    for (what, headers, body) in HOSTILE {
        let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n{body}");
        outcomes.push(refusal(&proxy, what, request, &[400, 501]).await);
    }
    for (what, request) in HOSTILE_WHOLE {
        outcomes.push(refusal(&proxy, what, request, &[400, 501, 505]).await);
    }
    let wrong: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    never_saw(&endpoint, "smuggled");
    assert_eq!(endpoint.seen.requests(), 0, "{:?}", endpoint.seen.paths());
}

#[tokio::test]
async fn broken_chunks_never_become_a_second_request() {
    let (endpoint, proxy) = stage().await;
    for (what, chunks) in HOSTILE_CHUNKS {
        let mut raw = Raw::connect(proxy.address).await;
        raw.write("POST /chunks HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n")
            .await;
        raw.write(chunks).await;
        raw.write(SMUGGLED).await;
        // The head was good, so the answer is 400 or the end of the connection, and then the end in any case.
        if let Some(reply) = raw.read_reply().await {
            assert_eq!(reply.status, 400, "{what}: {}", reply.head);
            assert!(raw.read_to_end().await.is_empty(), "{what}: more came");
        }
        never_saw(&endpoint, "smuggled");
    }
}

#[tokio::test]
async fn heads_beyond_the_limits_are_refused_with_431() {
    let (endpoint, proxy) = stage().await;
    let many: String = (0..2000).map(|i| format!("x-{i}: y\r\n")).collect();
    let long = "x".repeat(100_000);
    for (what, request) in [
        (
            "a head of 100 kB",
            format!("GET / HTTP/1.1\r\nhost: a\r\nx-large: {long}\r\n\r\n"),
        ),
        (
            "2000 headers",
            format!("GET / HTTP/1.1\r\nhost: a\r\n{many}\r\n"),
        ),
        (
            "a target of 100 kB",
            format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n"),
        ),
    ] {
        assert_eq!(refusal(&proxy, what, request, &[414, 431]).await, Ok(()));
    }
    assert_eq!(endpoint.seen.requests(), 0);
}

#[tokio::test]
async fn what_precedes_a_bad_request_on_its_connection_is_answered() {
    let (endpoint, proxy) = stage().await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET /good HTTP/1.1\r\nhost: a\r\n\r\nGET /bad HTTP/1.1\r\nhost: a\r\ncontent-length: x\r\n\r\n").await;
    raw.write(SMUGGLED).await;
    assert_eq!(
        raw.read_reply()
            .await
            .expect("the good one's answer")
            .status,
        200
    );
    assert_eq!(
        raw.read_reply().await.expect("the bad one's answer").status,
        400
    );
    assert!(raw.read_to_end().await.is_empty());
    assert_eq!(endpoint.seen.paths(), ["/good"]);
}

#[tokio::test]
async fn an_absolute_target_wins_over_the_host_header() {
    let (_endpoint, proxy) = stage().await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET http://b.test/x?y HTTP/1.1\r\nhost: a.test\r\n\r\n")
        .await;
    let reply = raw.read_reply().await.expect("a response");
    // RFC 9112, 3.2.2: Host is replaced by the target's; refusing the difference is as safe.
    if reply.status != 400 {
        let seen: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(seen["headers"]["host"], serde_json::json!(["b.test"]));
        assert_eq!(seen["uri"], "/x?y");
    }
}

#[tokio::test]
async fn an_absolute_target_without_a_path_asks_for_the_root() {
    let (_endpoint, proxy) = stage().await;
    let mut raw = Raw::connect(proxy.address).await;
    for (target, uri) in [("http://b.test?y", "/?y"), ("http://b.test", "/")] {
        raw.write(format!("GET {target} HTTP/1.1\r\nhost: b.test\r\n\r\n"))
            .await;
        let reply = raw.read_reply().await.expect("a response");
        let seen: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, &seen["uri"]), (200, &uri.into()));
    }
}

#[tokio::test]
async fn equal_lengths_said_twice_are_one_or_refused() {
    let (endpoint, proxy) = stage().await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello")
        .await;
    let reply = raw.read_reply().await.expect("a response");
    if reply.status != 400 {
        let seen: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(seen["body_length"], 5);
        assert_eq!(seen["headers"]["content-length"], serde_json::json!(["5"]));
    }
    never_saw(&endpoint, "hello");
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

#[tokio::test]
async fn router_and_endpoint_speak_of_the_same_path() {
    let (endpoint, proxy) = stage().await;
    let mut raw = Raw::connect(proxy.address).await;
    for (asked, seen) in [
        ("/a/../b?c", "/b?c"),
        ("/a/%2e%2E/b", "/b"),
        ("/./a%41//%2F", "/aA//%2F"),
    ] {
        raw.write(format!("GET {asked} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        assert_eq!(
            raw.read_reply().await.expect("a response").status,
            200,
            "{asked}"
        );
        assert_eq!(endpoint.seen.paths().last().map(String::as_str), Some(seen));
    }
    for hostile in ["/../a", "/a/..%2Fb", "/..;/a", "/a%00", "/a%zz", "/a\\b"] {
        let mut raw = Raw::connect(proxy.address).await;
        raw.write(format!("GET {hostile} HTTP/1.1\r\nhost: a\r\n\r\n"))
            .await;
        assert_eq!(
            raw.read_reply().await.expect("a response").status,
            400,
            "{hostile}"
        );
    }
    assert_eq!(endpoint.seen.requests(), 3);
}

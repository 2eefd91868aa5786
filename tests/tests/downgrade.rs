//! HTTP/2 requests that would say something else in HTTP/1.1 never reach an HTTP/1.1 endpoint (RFC 9113, 8.2 and 10.3).

use outrigger_tests::{Endpoint, Frame, Proxy, RawHttp2, Table};

const METHOD: (&str, &str) = (":method", "POST");
const SCHEME: (&str, &str) = (":scheme", "http");
const PATH: (&str, &str) = (":path", "/");
const AUTHORITY: (&str, &str) = (":authority", "a.test");

/// Replaces a pseudo-header, in a name that says what is wrong.
const HOSTILE_PSEUDO: &[(&str, &str, &str)] = &[
    (
        "a line break in the path",
        ":path",
        "/ HTTP/1.1\r\nhost: a\r\n\r\nGET /smuggled",
    ),
    ("a space in the path", ":path", "/a b"),
    ("no path", ":path", ""),
    ("a path without slash", ":path", "a"),
    (
        "a line break in the method",
        ":method",
        "GET /smuggled HTTP/1.1\r\nx: y",
    ),
    ("a space in the method", ":method", "GET /smuggled"),
    ("no method", ":method", ""),
    (
        "a line break in the authority",
        ":authority",
        "a\r\nx-smuggled: b",
    ),
    ("a path in the authority", ":authority", "a/smuggled"),
    ("a user in the authority", ":authority", "u:p@a"),
    ("a URL in the scheme", ":scheme", "http://a/smuggled?x="),
];

/// Added to an honest request.
const HOSTILE_FIELDS: &[(&str, &str, &str)] = &[
    ("a line break in a value", "x-a", "b\r\nx-smuggled: c"),
    ("a bare line feed in a value", "x-a", "b\nx-smuggled: c"),
    ("a bare carriage return in a value", "x-a", "b\rc"),
    ("a NUL in a value", "x-a", "b\0c"),
    ("a line break in a name", "x-a: b\r\nx-smuggled", "c"),
    ("a colon in a name", "x-a:", "b"),
    ("a space in a name", "x a", "b"),
    ("an upper-case name", "X-A", "b"),
    ("an empty name", "", "b"),
    ("a transfer coding", "transfer-encoding", "chunked"),
    ("a connection header", "connection", "close"),
    ("an upgrade", "upgrade", "websocket"),
    ("a second path", ":path", "/smuggled"),
    ("an unknown pseudo-header", ":smuggled", "a"),
    ("a second length", "content-length", "5"),
    ("a length that is no number", "content-length", "+4"),
];

async fn stage() -> (Endpoint, Proxy) {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    (endpoint, proxy)
}

/// Sends a request of these fields with a body of four bytes; whether it was answered with 200.
async fn is_served(proxy: &Proxy, fields: &[(&str, &str)]) -> bool {
    let mut http2 = RawHttp2::connect(proxy.address).await;
    http2.send(&Frame::head(1, fields)).await;
    http2
        .send(&Frame::new(Frame::DATA, Frame::END_STREAM, 1, "four"))
        .await;
    while let Some(frame) = http2.next().await {
        match frame.kind {
            // An indexed `:status: 200` comes first in its block.
            Frame::HEADERS => return frame.payload.first() == Some(&0x88),
            Frame::RST_STREAM | Frame::GOAWAY => return false,
            _ => {}
        }
    }
    false
}

#[tokio::test]
async fn what_is_malformed_in_http2_never_reaches_an_http1_endpoint() {
    let (endpoint, proxy) = stage().await;
    assert!(
        is_served(
            &proxy,
            &[METHOD, SCHEME, PATH, AUTHORITY, ("content-length", "4")]
        )
        .await
    );
    assert_eq!(endpoint.seen.paths(), ["/"]);
    for (what, name, value) in HOSTILE_PSEUDO {
        let mut fields = [METHOD, SCHEME, PATH, AUTHORITY];
        for field in fields.iter_mut().filter(|field| field.0 == *name) {
            field.1 = value;
        }
        assert!(
            !is_served(&proxy, &fields).await,
            "{what}: {:?}",
            endpoint.seen.paths().last()
        );
    }
    for (what, name, value) in HOSTILE_FIELDS {
        let mut fields = vec![METHOD, SCHEME, PATH, AUTHORITY];
        if *what == "a second length" {
            fields.push(("content-length", "4"));
        }
        fields.push((name, value));
        assert!(
            !is_served(&proxy, &fields).await,
            "{what}: {:?}",
            endpoint.seen.paths().last()
        );
    }
    let paths = endpoint.seen.paths();
    assert!(
        !paths.iter().any(|path| path.contains("smuggled")),
        "{paths:?}"
    );
}

#[tokio::test]
async fn a_body_that_differs_from_its_length_is_never_whole() {
    let (_endpoint, proxy) = stage().await;
    for length in ["0", "3", "5", "1000"] {
        let fields = [METHOD, SCHEME, PATH, AUTHORITY, ("content-length", length)];
        assert!(
            !is_served(&proxy, &fields).await,
            "four bytes said to be {length}"
        );
    }
}

#[tokio::test]
async fn a_host_that_contradicts_the_authority_does_not_win() {
    let (endpoint, proxy) = stage().await;
    let table = Table::to([&endpoint]).route("match: { hosts: [a.test] }");
    let only_a = Proxy::start(table).await;
    let contradicting = [METHOD, SCHEME, PATH, AUTHORITY, ("host", "b.test")];
    // RFC 9113, 8.3.1: refused as malformed, or the authority counts; both are safe.
    let _ = is_served(&only_a, &contradicting).await;
    let swapped = [
        METHOD,
        SCHEME,
        PATH,
        (":authority", "b.test"),
        ("host", "a.test"),
    ];
    assert!(!is_served(&only_a, &swapped).await);
    drop(proxy);
}

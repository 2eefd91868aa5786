//! Connections that stop being HTTP: Upgrade (RFC 9110, 7.8) and CONNECT.

use http::Request;
use outrigger_tests::{Client, Endpoint, Proxy, Raw, RawEndpoint, Table, body, refusing_address};

const HANDSHAKE: &str = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
                         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Switches protocols when asked to, then answers each message `x` with `echo x`; says `bye` when the client has finished.
async fn chat() -> RawEndpoint {
    RawEndpoint::serve(async |mut raw: Raw, _| {
        let head = raw.read_head().await.unwrap_or_default().to_ascii_lowercase();
        if !head.contains("upgrade: websocket") || !head.contains("connection: upgrade") {
            raw.write("HTTP/1.1 400 no\r\ncontent-length: 0\r\n\r\n").await;
            return;
        }
        raw.write("HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\nhi").await;
        loop {
            let message = raw.read_some().await;
            if message.is_empty() {
                return raw.write("bye").await;
            }
            raw.write([b"echo ", &message[..]].concat()).await;
        }
    })
    .await
}

#[tokio::test]
async fn an_upgraded_connection_is_a_tunnel_both_ways() {
    let chat = chat().await;
    let proxy = Proxy::start(Table::to([&chat])).await;
    let mut raw = Raw::connect(proxy.address).await;
    // The first message follows the handshake at once, as a client may that knows its server.
    raw.write(HANDSHAKE).await;
    let head = raw
        .read_head()
        .await
        .expect("a response")
        .to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(
        head.contains("upgrade: websocket") && head.contains("connection: upgrade"),
        "{head}"
    );
    assert_eq!(raw.read_until("hi").await, "hi");
    for message in ["one", "two"] {
        raw.write(message).await;
        assert_eq!(raw.read_until(message).await, format!("echo {message}"));
    }
    // Half closed by the client, the other direction still carries the goodbye.
    raw.finish().await;
    assert_eq!(raw.read_to_end().await, b"bye");
}

#[tokio::test]
async fn a_tunnel_ends_when_its_endpoint_does() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nlast words")
            .await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write(HANDSHAKE).await;
    raw.read_head().await.expect("a response");
    assert_eq!(raw.read_to_end().await, b"last words");
}

#[tokio::test]
async fn an_endpoint_may_decline_an_upgrade() {
    let endpoint = outrigger_tests::Endpoint::named("plain").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write(HANDSHAKE).await;
    let reply = raw.read_reply().await.expect("a response");
    assert_eq!((reply.status, &reply.body[..]), (200, &b"plain"[..]));
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(
        raw.read_reply()
            .await
            .expect("the connection goes on")
            .status,
        200
    );
}

#[tokio::test]
async fn an_endpoint_cannot_switch_protocols_unasked() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        raw.read_to_end().await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.status,
        502
    );
}

#[tokio::test]
async fn connect_is_refused_unless_asked_for() {
    let proxy = Proxy::start(Table::to([refusing_address()])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n")
        .await;
    let reply = raw.read_reply().await.expect("a response");
    assert_eq!(reply.status, 405, "{}", reply.head);
    let request = Request::connect("db.test:5432")
        .body(body::empty())
        .unwrap();
    assert_eq!(
        Client::http2(proxy.address)
            .await
            .request(request)
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn connect_asked_for_is_a_tunnel_to_an_endpoint_of_the_cluster() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        // The tunnel starts behind the CONNECT: what comes is the client's first byte.
        let message = raw.read_exactly(4).await;
        raw.write([b"echo ", &message[..]].concat()).await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint]).listener("connect: true")).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("CONNECT db.test:5432 HTTP/1.1\r\nhost: db.test:5432\r\n\r\n")
        .await;
    let head = raw.read_head().await.expect("a response");
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    raw.write("ping").await;
    assert_eq!(raw.read_to_end().await, b"echo ping");
}

#[tokio::test]
async fn an_upgrade_is_no_part_of_a_request_over_http2() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint]).cluster("protocol: http2")).await;
    // The first opens the connection, the second finds it.
    for turn in 1..=2 {
        let mut client = Raw::connect(proxy.address).await;
        client
            .write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        let head = client.read_head().await.expect("a response");
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(endpoint.seen.requests(), turn);
    }
}

#[tokio::test]
async fn trailers_that_speak_of_the_connection_stay_behind() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint]).cluster("protocol: http2")).await;
    let mut client = Raw::connect(proxy.address).await;
    client
        .write("POST / HTTP/1.1\r\nhost: a\r\nte: trailers\r\ntransfer-encoding: chunked\r\n\r\n")
        .await;
    client
        .write("0\r\nconnection: close\r\ntransfer-encoding: x\r\nupgrade: y\r\nx-sum: 1\r\n\r\n")
        .await;
    let head = client.read_head().await.expect("a response");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

//! The stage itself, before the proxy enters: peers do what tests will rely on.

use std::time::Duration;

use http::StatusCode;
use outrigger_tests::{
    Client, Endpoint, Frame, Load, Raw, RawEndpoint, RawHttp2, Serve, body, eventually, post,
    spread,
};

#[tokio::test]
async fn an_echo_answers_both_versions_on_one_port() {
    let echo = Endpoint::echo().await;
    for mut client in [
        Client::http1(echo.address).await,
        Client::http2(echo.address).await,
    ] {
        let bytes = body::pattern(100_000);
        let seen = client.request(post("/a?b=c", bytes.clone())).await.json();
        assert_eq!(seen["method"], "POST");
        assert_eq!(seen["body_length"], 100_000);
        assert_eq!(seen["body_checksum"], body::checksum(&bytes));
    }
    assert_eq!(echo.seen.requests(), 2);
    assert_eq!(echo.seen.connections(), 2);
}

#[tokio::test]
async fn a_flow_is_counted_by_endpoint_and_by_failure() {
    let (good, bad) = (
        Endpoint::named("good").await,
        Endpoint::failing("bad", StatusCode::BAD_GATEWAY).await,
    );
    let tally = spread(good.address, 4, 100).await;
    assert_eq!((tally.ok, tally.of("good")), (100, 100));
    let load = Load::start(bad.address, 2);
    eventually("failures are counted", async || {
        load.so_far().failures.len() > 10
    })
    .await;
    assert_eq!(load.stop().await.ok, 0);
}

#[tokio::test]
async fn a_draining_endpoint_finishes_its_requests_and_frees_its_address() {
    let slow = Endpoint::slow("slow", Duration::from_millis(100)).await;
    let (address, seen) = (slow.address, slow.seen.clone());
    let mut client = Client::http1(address).await;
    let request = tokio::spawn(async move { client.get("/").await });
    eventually("the request is under way", async || seen.requests() == 1).await;
    slow.drain().await;
    assert_eq!(request.await.unwrap().status, 200);
    let again = Serve::default()
        .at(address)
        .with(|_| std::future::pending())
        .await;
    assert_eq!(again.address, address);
}

#[tokio::test]
async fn raw_peers_speak_bytes_and_frames() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
            .await;
    })
    .await;
    let mut raw = Raw::connect(endpoint.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let reply = raw.read_reply().await.unwrap();
    assert_eq!((reply.status, &reply.body[..]), (200, &b"hi"[..]));
    assert!(raw.read_to_end().await.is_empty());

    let endpoint = Endpoint::named("b").await;
    let mut http2 = RawHttp2::connect(endpoint.address).await;
    http2.send(&Frame::get(1, "/x")).await;
    assert_eq!(http2.next_of(Frame::DATA).await.unwrap().payload, b"b");
    assert_eq!(endpoint.seen.paths(), ["/x"]);
}

//! Request bodies that are sent again: whole, or not at all.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use http::{Request, Response};
use http_body_util::BodyExt;
use outrigger_tests::{
    Client, Endpoint, Proxy, Raw, RawEndpoint, Serve, Table, body, eventually, within,
};

use super::{digest, outcomes, upload};

const REPEAT: &str = "retry: { on: [503], non_idempotent: true, body_limit: 131072 }";

/// Reads each body to its end, answers every first of two with 503 and the others with length and checksum.
async fn failing_every_other() -> Endpoint {
    let turn = Arc::new(AtomicUsize::new(0));
    Serve::default()
        .with(move |request: Request<_>| {
            let fail = turn.fetch_add(1, Relaxed).is_multiple_of(2);
            async move {
                let bytes = request.into_body().collect().await;
                let mut response = Response::new(body::full(match bytes {
                    Ok(bytes) => digest(&bytes.to_bytes()),
                    Err(_) => "broken".to_owned(),
                }));
                if fail {
                    *response.status_mut() = http::StatusCode::SERVICE_UNAVAILABLE;
                }
                response
            }
        })
        .await
}

#[tokio::test]
async fn a_post_of_100_kb_to_a_flaky_service_arrives_byte_for_byte() {
    for protocol in ["http1", "http2"] {
        let endpoint = failing_every_other().await;
        let table = Table::to([&endpoint])
            .cluster(format!("protocol: {protocol}"))
            .route(REPEAT);
        let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
        for mut client in [
            Client::http1(proxy.address).await,
            Client::http2(proxy.address).await,
        ] {
            for length_known in [true, false] {
                for length in [1, 100_000, 131_072] {
                    let bytes = body::pattern(length);
                    let reply = client.request(upload(&bytes, length_known)).await;
                    assert_eq!(
                        (reply.status.as_u16(), reply.text()),
                        (200, &*digest(&bytes)),
                        "{length} over {protocol}, length known: {length_known}"
                    );
                }
            }
        }
    }
}

#[tokio::test]
async fn a_post_over_the_limit_streams_through_and_its_first_result_is_passed_on() {
    for length_known in [true, false] {
        let endpoint = failing_every_other().await;
        let proxy = Proxy::start(Table::to([&endpoint]).route(REPEAT)).await;
        let mut client = Client::http1(proxy.address).await;
        let bytes = body::pattern(131_073);
        let reply = client.request(upload(&bytes, length_known)).await;
        assert_eq!(
            (reply.status.as_u16(), reply.text()),
            (503, &*digest(&bytes)),
            "length known: {length_known}"
        );
        assert_eq!(outcomes(&proxy).await, [("unreplayable", 1.0)]);
    }
}

/// An HTTP/1 endpoint that answers the first connection's request with 503 as soon as `seen` bytes of its chunked body
/// are there, then goes on reading; and others with what they sent. What the first connection sent comes into the list.
async fn hasty(seen: usize) -> (RawEndpoint, Arc<Mutex<Option<Vec<u8>>>>) {
    let first = Arc::new(Mutex::new(None));
    let all = Arc::clone(&first);
    let endpoint = RawEndpoint::serve(move |mut raw: Raw, number| {
        let all = Arc::clone(&all);
        async move {
            raw.read_head().await;
            if number == 0 {
                let mut sent = raw.read_exactly(seen).await;
                raw.write("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n")
                    .await;
                sent.extend(raw.read_to_end().await);
                *all.lock().unwrap() = Some(sent);
            } else {
                let sent = raw.read_until("\r\n0\r\n\r\n").await;
                let length = sent.len();
                raw.write(format!(
                    "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{sent}"
                ))
                .await;
            }
        }
    })
    .await;
    (endpoint, first)
}

/// The bytes of a chunked body.
fn unchunked(sent: &str) -> String {
    let mut rest = sent;
    let mut bytes = String::new();
    while let Some((length, tail)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap_or(0);
        bytes.push_str(&tail[..length]);
        rest = tail.get(length + 2..).unwrap_or_default();
    }
    bytes
}

#[tokio::test]
async fn a_retry_may_begin_before_the_body_does_or_in_the_middle_of_it() {
    // `5\r\nhello\r\n` is ten bytes.
    for seen in [0, 10] {
        let (endpoint, first) = hasty(seen).await;
        let table = Table::to([&endpoint]).route(REPEAT);
        let proxy = Proxy::start(table).await;
        let mut client = Client::http1(proxy.address).await;
        let (mut sender, stream) = body::channel();
        let request = Request::post("/").body(stream).unwrap();
        let asking = tokio::spawn(async move { client.request(request).await });
        if seen > 0 {
            sender.send_data("hello".into()).await.unwrap();
        }
        eventually("the second attempt has begun", async || {
            endpoint.connections() == 2
        })
        .await;
        let rest = if seen > 0 { ", world" } else { "hello, world" };
        sender.send_data(rest.into()).await.unwrap();
        drop(sender);
        let reply = within("the answer", asking).await.unwrap();
        assert_eq!(unchunked(reply.text()), "hello, world", "after {seen}");
        // The first one has broken off: what came of it looks nothing like a whole.
        eventually("the first attempt is given up", async || {
            first.lock().unwrap().is_some()
        })
        .await;
        let sent = first.lock().unwrap().take().unwrap();
        assert!(!sent.ends_with(b"0\r\n\r\n"), "after {seen}: {sent:?}");
    }
}

#[tokio::test]
async fn a_body_that_comes_slowly_is_sent_again_whole() {
    let endpoint = failing_every_other().await;
    for protocol in ["http1", "http2"] {
        let table = Table::to([&endpoint])
            .cluster(format!("protocol: {protocol}"))
            .route(REPEAT);
        let proxy = Proxy::start(table).await;
        let mut client = Client::http2(proxy.address).await;
        let (mut sender, stream) = body::channel();
        let bytes = body::pattern(5_000);
        let mut rest = bytes.clone();
        let feeding = async {
            while !rest.is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
                sender.send_data(rest.split_to(1000)).await.unwrap();
            }
            drop(sender);
        };
        let request = Request::post("/").body(stream).unwrap();
        let (reply, ()) = tokio::join!(client.request(request), feeding);
        assert_eq!(
            (reply.status.as_u16(), reply.text()),
            (200, &*digest(&bytes)),
            "{protocol}"
        );
    }
}

//! Bodies flow as they come, no faster than they are taken, and `Expect: 100-continue` is honoured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use outrigger_tests::{
    Client, Endpoint, Frame, Proxy, Raw, RawEndpoint, RawHttp2, Serve, Table, body, eventually,
    get, spread, within,
};

const MIB: u64 = 1 << 20;

/// No more bytes come; an empty frame may, as HTTP/2 ends streams.
async fn ends(body: hyper::body::Incoming) {
    let rest = within("the end", body.collect())
        .await
        .expect("a proper end");
    assert!(rest.to_bytes().is_empty());
}

#[tokio::test]
async fn pieces_of_a_response_arrive_as_they_are_sent() {
    let (pieces, feed) = tokio::sync::mpsc::channel::<(body::Sender, body::Body)>(1);
    let feed = Arc::new(tokio::sync::Mutex::new(feed));
    let endpoint = Serve::default()
        .with(move |_| {
            let feed = feed.clone();
            async move { Response::new(feed.lock().await.recv().await.unwrap().1) }
        })
        .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    for mut client in [
        Client::http1(proxy.address).await,
        Client::http2(proxy.address).await,
    ] {
        let (mut sender, response) = body::channel();
        let (unused, _) = body::channel();
        pieces.send((unused, response)).await.unwrap();
        let mut arrived = within("the head", client.send(get("/")))
            .await
            .unwrap()
            .into_body();
        for piece in ["one", "two", "three"] {
            sender
                .send_data(Bytes::from_static(piece.as_bytes()))
                .await
                .unwrap();
            let frame = within("a piece before the next is sent", arrived.frame()).await;
            assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), piece);
        }
        drop(sender);
        ends(arrived).await;
    }
}

#[tokio::test]
async fn pieces_of_a_request_arrive_as_they_are_sent_and_may_be_answered_before_the_end() {
    let endpoint = Serve::default()
        .with(|request: Request<_>| async {
            Response::new(request.into_body().map_err(Into::into).boxed_unsync())
        })
        .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    for mut client in [
        Client::http1(proxy.address).await,
        Client::http2(proxy.address).await,
    ] {
        let (mut sender, request) = body::channel();
        let request = Request::post("/").body(request).unwrap();
        let sending = async {
            sender
                .send_data(Bytes::from_static(b"first"))
                .await
                .unwrap();
            sender
        };
        let (response, mut sender) = within("the head", async {
            tokio::join!(client.send(request), sending)
        })
        .await;
        let mut echoed = response.unwrap().into_body();
        let first = within("the echo of the first piece", echoed.frame()).await;
        assert_eq!(first.unwrap().unwrap().into_data().unwrap(), "first");
        sender
            .send_data(Bytes::from_static(b"second"))
            .await
            .unwrap();
        let second = within("the echo of the second piece", echoed.frame()).await;
        assert_eq!(second.unwrap().unwrap().into_data().unwrap(), "second");
        drop(sender);
        ends(echoed).await;
    }
}

/// Writes until nothing more is taken for a while; says how much was.
async fn write_until_it_stalls(raw: &mut Raw) -> u64 {
    static CHUNK: [u8; 65536] = [b'x'; 65536];
    let mut chunks = 0;
    while tokio::time::timeout(Duration::from_millis(500), raw.write(CHUNK))
        .await
        .is_ok()
    {
        chunks += 1;
        assert!(chunks < 1024, "64 MiB were taken and nobody reads them");
    }
    chunks * CHUNK.len() as u64
}

/// What one stalled stream may hold in the proxy. What the kernel's socket buffers hold is not the proxy's.
const MAX_HELD: u64 = 4 * MIB;

/// A body of a length that nobody reaches.
const ENDLESS: &str = "content-length: 1000000000\r\n\r\n";

/// What is answered to warm up.
const NOTHING: &str = "HTTP/1.1 204 x\r\nconnection: close\r\n\r\n";

/// A proxy that has made its pools and buffers, so that what it holds later is of the stalled stream.
async fn warmed_up(endpoint: &RawEndpoint) -> Proxy {
    let proxy = Proxy::start(Table::to([endpoint])).await;
    let tally = spread(proxy.address, 4, 100).await;
    assert_eq!(tally.failures.len(), 100, "204 is not 200");
    proxy
}

#[tokio::test]
async fn a_client_stalls_when_the_endpoint_does_not_read() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        if raw
            .read_head()
            .await
            .is_some_and(|head| head.starts_with("POST"))
        {
            return std::future::pending().await;
        }
        raw.write(NOTHING).await;
    })
    .await;
    let proxy = warmed_up(&endpoint).await;
    let before = proxy.resident();
    let mut raw = Raw::connect(proxy.address).await;
    raw.write(format!("POST / HTTP/1.1\r\nhost: a\r\n{ENDLESS}"))
        .await;
    let taken = write_until_it_stalls(&mut raw).await;
    let held = proxy.resident().saturating_sub(before);
    assert!(held < MAX_HELD, "{held} bytes held, {taken} taken");
}

#[tokio::test]
async fn an_endpoint_stalls_when_the_client_does_not_read() {
    let taken = Arc::new(AtomicU64::new(0));
    let count = taken.clone();
    let endpoint = RawEndpoint::serve(move |mut raw: Raw, _| {
        let count = count.clone();
        async move {
            if raw
                .read_head()
                .await
                .is_some_and(|head| head.starts_with("GET /endless"))
            {
                raw.write(format!("HTTP/1.1 200 OK\r\n{ENDLESS}")).await;
                count.store(write_until_it_stalls(&mut raw).await, Relaxed);
                std::future::pending().await
            }
            raw.write(NOTHING).await;
        }
    })
    .await;
    let proxy = warmed_up(&endpoint).await;
    let before = proxy.resident();
    let mut http1 = Client::http1(proxy.address).await;
    let http1 = http1.send(get("/endless")).await.unwrap();
    eventually("the endpoint stalls", async || taken.load(Relaxed) > 0).await;
    let held = proxy.resident().saturating_sub(before);
    assert!(
        held < MAX_HELD,
        "HTTP/1: {held} bytes held, {} sent",
        taken.load(Relaxed)
    );

    let before = proxy.resident();
    taken.store(0, Relaxed);
    let mut http2 = Client::http2(proxy.address).await;
    let http2 = http2.send(get("/endless")).await.unwrap();
    eventually("the endpoint stalls again", async || {
        taken.load(Relaxed) > 0
    })
    .await;
    let held = proxy.resident().saturating_sub(before);
    assert!(
        held < MAX_HELD,
        "HTTP/2: {held} bytes held, {} sent",
        taken.load(Relaxed)
    );
    drop((http1, http2));
}

#[tokio::test]
async fn an_upload_goes_on_after_its_endpoint_paused() {
    let (go, wait) = tokio::sync::watch::channel(false);
    let endpoint = RawEndpoint::serve(move |mut raw: Raw, _| {
        let mut wait = wait.clone();
        async move {
            raw.read_head().await;
            wait.wait_for(|go| *go).await.unwrap();
            let sum = body::checksum(&raw.read_exactly(20 * MIB as usize).await);
            raw.write(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{sum:016x}"
            ))
            .await;
        }
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let bytes = body::pattern(20 * MIB as usize);
    let sum = format!("{:016x}", body::checksum(&bytes));
    let mut raw = Raw::connect(proxy.address).await;
    raw.write(format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    ))
    .await;
    let mut written = 0;
    while let Ok(()) = tokio::time::timeout(
        Duration::from_millis(300),
        raw.write(&bytes[written..written + 4096]),
    )
    .await
    {
        written += 4096;
    }
    drop(raw);
    // The stalled upload was cut by its client; a patient one gets through.
    go.send_replace(true);
    let reply = Client::http1(proxy.address)
        .await
        .request(outrigger_tests::post("/", bytes))
        .await;
    assert_eq!(reply.text(), sum);
}

#[tokio::test]
async fn a_client_that_leaves_ends_its_request_at_the_endpoint() {
    let endpoint = Endpoint::hanging().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    eventually("the request is there", async || {
        endpoint.seen.requests() == 1
    })
    .await;
    drop(raw);
    eventually("its connection is given up", async || {
        endpoint.seen.open() == 0
    })
    .await;
}

#[tokio::test]
async fn a_client_that_expects_100_gets_it_before_it_sends_its_body() {
    let echo = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&echo])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        .await;
    let interim = raw.read_reply().await.expect("an interim response");
    assert_eq!(interim.status, 100);
    raw.write("hello").await;
    let reply = raw.read_reply().await.expect("a response");
    assert_eq!(reply.status, 200);
    let seen: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(seen["body_length"], 5);
}

#[tokio::test]
async fn an_endpoint_may_refuse_a_body_before_it_is_sent() {
    for status in [413, 417] {
        let endpoint = RawEndpoint::serve(move |mut raw: Raw, _| async move {
            raw.read_head().await;
            raw.write(format!(
                "HTTP/1.1 {status} no\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno"
            ))
            .await;
            raw.finish().await;
            raw.read_to_end().await;
        })
        .await;
        let proxy = Proxy::start(Table::to([&endpoint])).await;
        let mut raw = Raw::connect(proxy.address).await;
        raw.write(
            "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 1000000\r\n\r\n",
        )
        .await;
        let reply = raw.read_reply().await.expect("a response");
        assert_eq!(
            (reply.status, &reply.body[..]),
            (status, &b"no"[..]),
            "{}",
            reply.head
        );
    }
}

#[tokio::test]
async fn an_expectation_reaches_an_endpoint_that_decides_itself() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        let head = raw.read_head().await.unwrap_or_default();
        if head.to_ascii_lowercase().contains("expect: 100-continue") {
            raw.write("HTTP/1.1 100 Continue\r\n\r\n").await;
        }
        let body = raw.read_exactly(5).await;
        raw.write(format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n",
            body.len()
        ))
        .await;
        raw.write(body).await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n")
        .await;
    assert_eq!(
        raw.read_reply().await.expect("an interim response").status,
        100
    );
    raw.write("hello").await;
    let reply = raw.read_reply().await.expect("a response");
    assert_eq!((reply.status, &reply.body[..]), (200, &b"hello"[..]));
}

#[tokio::test]
async fn an_early_response_to_an_unfinished_upload_arrives() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 403 no\r\ncontent-length: 2\r\n\r\nno")
            .await;
        raw.read_to_end().await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let (mut sender, upload) = body::channel();
    let request = Request::post("/").body(upload).unwrap();
    let mut client = Client::http2(proxy.address).await;
    let first = sender.send_data(Bytes::from_static(b"a beginning"));
    let (response, _) = within("the refusal", async {
        tokio::join!(client.send(request), first)
    })
    .await;
    assert_eq!(response.unwrap().status(), 403);
}

#[tokio::test]
async fn an_upload_that_its_client_gives_up_never_looks_whole() {
    let (seen, mut saw) = tokio::sync::mpsc::unbounded_channel();
    let endpoint = RawEndpoint::serve(move |mut raw: Raw, _| {
        let seen = seen.clone();
        async move {
            raw.read_head().await;
            seen.send(raw.read_until("half").await).unwrap();
            let rest = raw.read_to_end().await;
            seen.send(String::from_utf8_lossy(&rest).into_owned())
                .unwrap();
        }
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let post = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "test.local"),
    ];
    // CANCEL, and NO_ERROR, by which some clients mean the same.
    for reason in [8, 0] {
        let mut client = RawHttp2::connect(proxy.address).await;
        client.send(&Frame::head(1, &post)).await;
        client.send(&Frame::new(Frame::DATA, 0, 1, "half")).await;
        within("its beginning", saw.recv()).await;
        let reset = [0, 0, 0, reason];
        client
            .send(&Frame::new(Frame::RST_STREAM, 0, 1, reset))
            .await;
        let rest = within("its end", saw.recv()).await.unwrap();
        assert!(!rest.contains("0\r\n\r\n"), "{rest:?}");
    }
}

#[tokio::test]
async fn an_upload_goes_on_while_nobody_reads_its_response() {
    let uploaded = Arc::new(AtomicU64::new(0));
    let count = uploaded.clone();
    let endpoint = RawEndpoint::serve(move |mut raw: Raw, _| {
        let count = count.clone();
        async move {
            raw.read_head().await;
            raw.write(format!("HTTP/1.1 200 OK\r\n{ENDLESS}")).await;
            write_until_it_stalls(&mut raw).await;
            loop {
                let more = raw.read_some().await.len() as u64;
                count.fetch_add(more, Relaxed);
                if more == 0 {
                    return;
                }
            }
        }
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    let length = 16 * MIB;
    raw.write(format!(
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n"
    ))
    .await;
    let piece = vec![b'x'; MIB as usize];
    for _ in 0..16 {
        within("a piece is taken", raw.write(&piece)).await;
    }
    eventually("all of it arrives", async || {
        uploaded.load(Relaxed) == length
    })
    .await;
}

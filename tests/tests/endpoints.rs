//! Connections to endpoints: kept, given up, replaced, never at a request's cost.

use std::time::{Duration, Instant};

use outrigger_tests::{
    Client, Endpoint, Frame, Load, Proxy, Raw, RawEndpoint, RawHttp2, Serve, Table, body,
    eventually, get, post, spread,
};
use tokio::{net::TcpSocket, net::TcpStream, task::JoinSet};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

#[tokio::test]
async fn connections_are_used_again() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    assert_eq!(spread(proxy.address, 1, 500).await.ok, 500);
    assert_eq!(endpoint.seen.connections(), 1);
    assert_eq!(spread(proxy.address, 8, 500).await.ok, 500);
    assert!(
        endpoint.seen.connections() <= 9,
        "{}",
        endpoint.seen.connections()
    );
}

#[tokio::test]
async fn a_connection_that_the_endpoint_closes_at_a_random_moment_costs_no_request() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        for _ in 0..fastrand::usize(1..20) {
            if raw.read_head().await.is_none() {
                return;
            }
            raw.write(OK).await;
        }
        tokio::time::sleep(Duration::from_micros(fastrand::u64(0..3000))).await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let load = Load::start(proxy.address, 8);
    eventually("many connections have come and gone", async || {
        endpoint.connections() > 300
    })
    .await;
    let tally = load.stop().await;
    tally.none_failed("under load");
}

#[tokio::test]
async fn a_connection_that_the_endpoint_closes_on_the_next_request_costs_no_get() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write(OK).await;
        // Closes upon the second request, without an answer.
        raw.read_head().await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let tally = spread(proxy.address, 4, 300).await;
    assert_eq!(tally.ok, 300, "{:?}", tally.failures.first());
}

#[tokio::test]
async fn a_fresh_connection_that_breaks_is_given_the_benefit_of_the_doubt_once() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, number| {
        let head = raw.read_head().await.unwrap_or_default();
        if number % 2 == 1 && head.contains("/answered") {
            raw.write(OK).await;
        }
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = Client::http1(proxy.address).await;
    for _ in 0..20 {
        assert_eq!(client.get("/answered").await.status, 200);
    }
    assert_eq!(endpoint.connections(), 40);
    assert_eq!(client.get("/never").await.status, 502);
    assert_eq!(endpoint.connections(), 42, "once, not more");
    assert_eq!(client.request(post("/", "hello")).await.status, 502);
    assert_eq!(endpoint.connections(), 43, "a POST may have been processed");
}

#[tokio::test]
async fn a_connection_closed_after_its_response_costs_no_post() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.read_exactly(5).await;
        raw.write(OK).await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = Client::http1(proxy.address).await;
    for number in 0..100 {
        let reply = client.request(post("/", "hello")).await;
        assert_eq!(reply.status, 200, "POST {number}");
        // The end of the connection reaches the proxy before the next POST does; what was never sent may go elsewhere.
        eventually("the close has had its time", async || {
            endpoint.connections() > number
        })
        .await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_post_that_an_endpoint_may_have_processed_is_not_sent_twice() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.read_exactly(5).await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let reply = Client::http1(proxy.address)
        .await
        .request(post("/", "hello"))
        .await;
    assert_eq!(reply.status, 502);
    assert_eq!(endpoint.connections(), 1);
}

#[tokio::test]
async fn an_endpoint_that_says_close_is_believed() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
            .await;
        // A second request on this connection would never be answered.
        raw.read_to_end().await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = Client::http1(proxy.address).await;
    for _ in 0..20 {
        assert_eq!(client.get("/").await.status, 200);
    }
    assert!(
        !client.is_closed(),
        "the endpoint's close is not the client's"
    );
}

/// A listener whose queue is full: connections to it neither succeed nor fail. Kept alive by the second value.
async fn black_hole() -> (
    std::net::SocketAddr,
    (tokio::net::TcpListener, Vec<TcpStream>),
) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        filling.push(stream);
    }
    (address, (listener, filling))
}

#[tokio::test]
async fn an_endpoint_that_does_not_accept_costs_its_connect_timeout_and_no_request() {
    let (hole, _kept) = black_hole().await;
    let good = Endpoint::named("good").await;
    let table = Table::to([hole, good.address])
        .cluster("connect_timeout: 200ms")
        .cluster("balancer: round_robin");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    for _ in 0..6 {
        assert_eq!(client.get("/").await.text(), "good");
    }
    let alone = Proxy::start(Table::to([hole]).cluster("connect_timeout: 200ms")).await;
    let start = Instant::now();
    let reply = Client::http1(alone.address).await.get("/").await;
    assert_eq!(reply.status, 504);
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn unused_connections_are_closed_after_the_idle_timeout() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint]).cluster("pool: { idle_timeout: 300ms }")).await;
    assert_eq!(spread(proxy.address, 8, 100).await.ok, 100);
    assert!(endpoint.seen.connections() > 0);
    eventually("all are closed", async || endpoint.seen.open() == 0).await;
    assert_eq!(spread(proxy.address, 1, 1).await.ok, 1);
}

#[tokio::test]
async fn old_connections_are_replaced() {
    let endpoint = Endpoint::named("a").await;
    for protocol in ["http1", "http2"] {
        let table = Table::to([&endpoint])
            .cluster("pool: { max_age: 200ms }")
            .cluster(format!("protocol: {protocol}"));
        let proxy = Proxy::start(table).await;
        let before = endpoint.seen.connections();
        let load = Load::start(proxy.address, 2);
        eventually("several generations have passed", async || {
            endpoint.seen.connections() > before + 8
        })
        .await;
        let tally = load.stop().await;
        tally.none_failed(protocol);
    }
}

#[tokio::test]
async fn one_http2_connection_carries_many_requests() {
    let endpoint = Endpoint::slow("a", Duration::from_millis(20)).await;
    let proxy = Proxy::start_with(
        Table::to([&endpoint]).cluster("protocol: http2"),
        &["--workers", "1"],
    )
    .await;
    assert_eq!(spread(proxy.address, 20, 200).await.ok, 200);
    assert!(
        endpoint.seen.connections() <= 2,
        "{}",
        endpoint.seen.connections()
    );
}

#[tokio::test]
async fn a_full_http2_connection_gets_a_sibling() {
    let endpoint = Serve::default().max_streams(2).with(|_| async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        http::Response::new(body::full("ok"))
    });
    let endpoint = endpoint.await;
    let proxy = Proxy::start_with(
        Table::to([&endpoint]).cluster("protocol: http2"),
        &["--workers", "1"],
    )
    .await;
    let mut clients = JoinSet::new();
    let start = Instant::now();
    for _ in 0..20 {
        let mut client = Client::http1(proxy.address).await;
        clients.spawn(async move { client.get("/").await.status });
    }
    assert!(clients.join_all().await.iter().all(|status| *status == 200));
    assert!(
        endpoint.seen.connections() >= 5,
        "{} connections",
        endpoint.seen.connections()
    );
    // Two at a time over one connection would take two seconds.
    assert!(
        start.elapsed() < Duration::from_millis(1500),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn requests_that_a_leaving_http2_endpoint_did_not_take_go_to_a_new_connection() {
    // Enhance-your-calm is 11; NO_ERROR is 0.
    let endpoint = RawEndpoint::serve(async |raw: Raw, _| {
        let mut http2 = RawHttp2::accept(raw, &[]).await;
        let Some(first) = http2.next_of(Frame::HEADERS).await else {
            return;
        };
        http2.answer(first.stream, "ok").await;
        if http2.next_of(Frame::HEADERS).await.is_none() {
            return;
        }
        let last = [first.stream.to_be_bytes(), 0u32.to_be_bytes()].concat();
        http2.send(&Frame::new(Frame::GOAWAY, 0, 0, last)).await;
    })
    .await;
    let proxy = Proxy::start_with(
        Table::to([&endpoint]).cluster("protocol: http2"),
        &["--workers", "1"],
    )
    .await;
    let mut client = Client::http1(proxy.address).await;
    for number in 0..10 {
        let reply = client.request(post("/", "never taken")).await;
        assert_eq!(
            reply.status,
            200,
            "request {number}: {}",
            reply.header("proxy-status")
        );
    }
}

#[tokio::test]
async fn a_refused_stream_is_sent_again() {
    let endpoint = RawEndpoint::serve(async |raw: Raw, _| {
        let mut http2 = RawHttp2::accept(raw, &[]).await;
        let mut refuse = true;
        while let Some(head) = http2.next_of(Frame::HEADERS).await {
            match refuse {
                // REFUSED_STREAM (RFC 9113, 7).
                true => {
                    http2
                        .send(&Frame::new(
                            Frame::RST_STREAM,
                            0,
                            head.stream,
                            7u32.to_be_bytes(),
                        ))
                        .await
                }
                false => http2.answer(head.stream, "ok").await,
            }
            refuse = !refuse;
        }
    })
    .await;
    let proxy = Proxy::start_with(
        Table::to([&endpoint]).cluster("protocol: http2"),
        &["--workers", "1"],
    )
    .await;
    let mut client = Client::http1(proxy.address).await;
    for _ in 0..10 {
        assert_eq!(client.get("/").await.status, 200);
    }
}

#[tokio::test]
async fn garbage_from_an_endpoint_is_answered_502() {
    for garbage in [
        "SSH-2.0-OpenSSH\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nabc",
        "",
    ] {
        let endpoint = RawEndpoint::serve(move |mut raw: Raw, _| async move {
            raw.read_head().await;
            raw.write(garbage).await;
        })
        .await;
        let proxy = Proxy::start(Table::to([&endpoint])).await;
        let reply = Client::http1(proxy.address).await.get("/").await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("server")),
            (502, "outrigger"),
            "{garbage:?}"
        );
    }
}

#[tokio::test]
async fn a_timeout_of_the_route_ends_a_hanging_request_with_504() {
    let endpoint = Endpoint::hanging().await;
    let proxy = Proxy::start(Table::to([&endpoint]).route("timeout: 200ms")).await;
    let reply = Client::http1(proxy.address).await.request(get("/")).await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("server")),
        (504, "outrigger")
    );
    eventually("the endpoint's connection is given up", async || {
        endpoint.seen.open() == 0
    })
    .await;
}

#[tokio::test]
async fn a_cluster_without_endpoints_is_answered_503_at_once() {
    let proxy = Proxy::start(Table::to([""; 0]).cluster("endpoints: []")).await;
    let start = Instant::now();
    let reply = Client::http1(proxy.address).await.get("/").await;
    assert_eq!(reply.status, 503);
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}

//! The orderly goodbye, of the proxy and of its endpoints.

use std::time::{Duration, Instant};

use outrigger_tests::{
    Client, Endpoint, Frame, Load, Proxy, Raw, RawHttp2, Serve, Table, body, eventually,
};

use tokio::task::JoinSet;

async fn ready_is(proxy: &Proxy, status: u16) -> bool {
    proxy
        .try_admin_get("/ready")
        .await
        .is_some_and(|reply| reply.status == status)
}

#[tokio::test]
async fn an_idle_proxy_ends_at_once_with_0() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.status,
        200
    );
    let start = Instant::now();
    proxy.sigterm();
    let finished = proxy.finished().await;
    assert_eq!(finished.code, Some(0), "{}", finished.output);
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn during_the_delay_it_is_not_ready_but_serves_new_connections() {
    let endpoint = Endpoint::named("a").await;
    let proxy =
        Proxy::start(Table::to([&endpoint]).top("drain: { delay: 1s, timeout: 10s }")).await;
    proxy.sigterm();
    eventually("/ready turns 503", async || ready_is(&proxy, 503).await).await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.status,
        200
    );
    let address = proxy.address;
    eventually("new connections are refused", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    assert_eq!(proxy.finished().await.code, Some(0));
}

#[tokio::test]
async fn during_the_delay_the_table_still_changes() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let table = |endpoint| Table::to([endpoint]).top("drain: { delay: 15s, timeout: 20s }");
    let proxy = Proxy::start(table(&a)).await;
    proxy.sigterm();
    eventually("/ready turns 503", async || ready_is(&proxy, 503).await).await;
    proxy.write_table(table(&b));
    eventually("the new endpoint answers", async || {
        Client::http1(proxy.address).await.get("/").await.text() == "b"
    })
    .await;
    proxy.sigterm();
    assert_eq!(proxy.finished().await.code, Some(1));
}

#[tokio::test]
async fn a_first_request_that_was_on_its_way_is_served() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut silent = Raw::connect(proxy.address).await;
    eventually("it is accepted", async || {
        let open = [("side", "downstream")];
        proxy.metrics().await.sum("outrigger_connections", &open) == 1.0
    })
    .await;
    proxy.sigterm();
    let address = proxy.address;
    eventually("new connections are refused", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    silent.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let reply = silent.read_reply().await.expect("a reply");
    assert_eq!(reply.status, 200, "{}", reply.head);
    assert_eq!(reply.header("connection"), "close");
    assert_eq!(proxy.finished().await.code, Some(0));
}

#[tokio::test]
async fn requests_in_flight_finish_and_metrics_stay_to_the_end() {
    let endpoint = Endpoint::slow("slow", Duration::from_secs(2)).await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let (mut http1, mut http2) = (
        Client::http1(proxy.address).await,
        Client::http2(proxy.address).await,
    );
    let first = tokio::spawn(async move { http1.get("/").await });
    let second = tokio::spawn(async move { http2.get("/").await });
    eventually("both are under way", async || endpoint.seen.requests() == 2).await;
    proxy.sigterm();
    eventually("/ready turns 503", async || ready_is(&proxy, 503).await).await;
    let mut scrapes = 0;
    while !first.is_finished() || !second.is_finished() {
        if let Some(reply) = proxy.try_admin_get("/metrics").await {
            scrapes += usize::from(reply.status == 200);
        } else {
            assert!(
                first.is_finished() || second.is_finished(),
                "metrics were gone while requests ran"
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(scrapes > 3, "{scrapes} scrapes");
    let first = first.await.unwrap();
    assert_eq!(first.text(), "slow");
    assert_eq!(first.header("connection"), "close");
    assert_eq!(second.await.unwrap().text(), "slow");
    assert_eq!(proxy.finished().await.code, Some(0));
}

#[tokio::test]
async fn clients_that_heed_connection_close_lose_no_request() {
    let endpoint = Endpoint::named("a").await;
    let proxy =
        Proxy::start(Table::to([&endpoint]).top("drain: { delay: 300ms, timeout: 10s }")).await;
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let mut client = Client::http1(proxy.address).await;
        clients.spawn(async move {
            loop {
                let reply = client.get("/").await;
                assert_eq!(reply.status, 200);
                if reply.header("connection") == "close" {
                    return;
                }
                // Between two requests a connection is idle, and must not be closed under the next one.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
    }
    eventually("all are at it", async || endpoint.seen.requests() > 50).await;
    proxy.sigterm();
    while let Some(ended) = clients.join_next().await {
        ended.expect("no request is lost");
    }
    assert_eq!(proxy.finished().await.code, Some(0));
}

#[tokio::test]
async fn http2_connections_get_goaway_and_finish_their_streams() {
    let endpoint = Endpoint::slow("slow", Duration::from_millis(500)).await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut http2 = RawHttp2::connect(proxy.address).await;
    http2.send(&Frame::get(1, "/")).await;
    eventually("the stream is under way", async || {
        endpoint.seen.requests() == 1
    })
    .await;
    proxy.sigterm();
    assert!(http2.next_of(Frame::GOAWAY).await.is_some(), "no GOAWAY");
    assert_eq!(
        http2
            .next_of(Frame::DATA)
            .await
            .expect("a response")
            .payload,
        b"slow"
    );
    assert_eq!(proxy.finished().await.code, Some(0));
}

#[tokio::test]
async fn an_idle_client_connection_does_not_hold_up_the_end() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let (mut http1, mut http2) = (
        Client::http1(proxy.address).await,
        Client::http2(proxy.address).await,
    );
    http1.get("/").await;
    http2.get("/").await;
    let _never_used = Raw::connect(proxy.address).await;
    let start = Instant::now();
    proxy.sigterm();
    assert_eq!(proxy.finished().await.code, Some(0));
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_at_the_hard_limit() {
    let endpoint = Endpoint::hanging().await;
    let proxy = Proxy::start(Table::to([&endpoint]).top("drain: { timeout: 1s }")).await;
    let mut client = Client::http1(proxy.address).await;
    let request = tokio::spawn(async move { client.try_request(outrigger_tests::get("/")).await });
    eventually("it is under way", async || endpoint.seen.requests() == 1).await;
    let start = Instant::now();
    proxy.sigterm();
    let finished = proxy.finished().await;
    let took = start.elapsed();
    assert!(
        took > Duration::from_millis(800) && took < Duration::from_secs(4),
        "{took:?}"
    );
    // Not everything was drained, and the exit code says so or the log does.
    assert!(finished.code.is_some(), "it ended by itself");
    let _ = request.await;
}

#[tokio::test]
async fn a_second_sigterm_ends_it_at_once() {
    let endpoint = Endpoint::hanging().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = Client::http1(proxy.address).await;
    let _request = tokio::spawn(async move { client.try_request(outrigger_tests::get("/")).await });
    eventually("it is under way", async || endpoint.seen.requests() == 1).await;
    proxy.sigterm();
    eventually("/ready turns 503", async || ready_is(&proxy, 503).await).await;
    let start = Instant::now();
    proxy.sigterm();
    proxy.finished().await;
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn a_post_to_drain_drains() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut drain = outrigger_tests::post("/drain", "");
    let host = proxy.admin.to_string().parse().unwrap();
    drain.headers_mut().insert("host", host);
    let reply = Client::http1(proxy.admin).await.request(drain).await;
    assert!(reply.status.is_success(), "{}", reply.status);
    assert_eq!(proxy.finished().await.code, Some(0));
}

#[tokio::test]
async fn a_rolling_restart_of_all_endpoints_under_load_fails_no_request() {
    let mut endpoints = Vec::new();
    for name in ["a", "b", "c"] {
        endpoints.push(Endpoint::slow(name, Duration::from_millis(2)).await);
    }
    for protocol in ["http1", "http2"] {
        let proxy =
            Proxy::start(Table::to(&endpoints).cluster(format!("protocol: {protocol}"))).await;
        let load = Load::start(proxy.address, 16);
        eventually("traffic flows", async || load.so_far().ok > 100).await;
        for _ in 0..2 {
            for _ in 0..3 {
                let leaving = endpoints.remove(0);
                let address = leaving.address;
                leaving.drain().await;
                tokio::time::sleep(Duration::from_millis(100)).await;
                let back = Serve::default()
                    .at(address)
                    .with(|_| async { http::Response::new(body::full("back")) })
                    .await;
                let seen = back.seen.clone();
                endpoints.push(back);
                eventually("the restarted endpoint serves again", async || {
                    seen.requests() > 0
                })
                .await;
            }
        }
        let tally = load.stop().await;
        tally.none_failed(protocol);
    }
}

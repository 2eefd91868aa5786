//! Rate limits at listeners and on routes: who is refused, what they are told, and what a reload leaves.

use outrigger_tests::{
    Client, Endpoint, Proxy, Raw, Reply, Table, body, eventually, get, get_with,
};

async fn limited(limit: &str) -> (Endpoint, Proxy) {
    let endpoint = Endpoint::named("a").await;
    let table = Table::to([&endpoint]).route(format!("filters: [{{ rate_limit: {{ {limit} }} }}]"));
    let proxy = Proxy::start(table).await;
    (endpoint, proxy)
}

fn fields(reply: &Reply) -> (&str, &str) {
    (reply.header("ratelimit-policy"), reply.header("ratelimit"))
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_told_when_to_come_back() {
    let (endpoint, proxy) = limited("requests: 2, per: 1m").await;
    let mut client = Client::http1(proxy.address).await;
    let policy = "\"route\";q=2;w=60";
    for left in [1, 0] {
        let reply = client.get("/").await;
        assert_eq!(reply.status, 200);
        assert_eq!(
            fields(&reply),
            (policy, &*format!("\"route\";r={left};t=30"))
        );
    }
    let refused = client.get("/").await;
    assert_eq!(refused.status, 429);
    assert_eq!(fields(&refused), (policy, "\"route\";r=0;t=30"));
    assert_eq!(refused.header("retry-after"), "30");
    assert_eq!(refused.header("server"), "outrigger");
    assert_eq!(
        refused.header("proxy-status"),
        "outrigger; error=http_request_denied"
    );
    assert_eq!(endpoint.seen.requests(), 2);
    let labels = [("listener", "edge"), ("route", "all")];
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_rate_limited_total", &labels), 1.0);
    let reasons = [("reason", "rate_limited")];
    assert_eq!(metrics.sum("outrigger_errors_total", &reasons), 1.0);
    eventually("it is in the log", async || {
        proxy.output().contains("a rate limit refuses requests")
    })
    .await;
}

#[tokio::test]
async fn the_bucket_fills_with_time_and_is_one_for_all_workers() {
    let endpoint = Endpoint::named("a").await;
    let limit = "filters: [{ rate_limit: { requests: 10, per: 1s, burst: 5 } }]";
    let table = Table::to([&endpoint]).route(limit);
    let proxy = Proxy::start_with(table, &["--workers", "4"]).await;
    let start = std::time::Instant::now();
    let mut through = 0;
    for _ in 0..40 {
        through += u32::from(Client::http1(proxy.address).await.get("/").await.status == 200);
    }
    let most = 5.0 + start.elapsed().as_secs_f64() * 10.0 + 1.0;
    assert!(
        (5.0..=most).contains(&f64::from(through)),
        "{through} of {most}"
    );
    let mut client = Client::http1(proxy.address).await;
    eventually("there is room again", async || {
        client.get("/").await.status == 200
    })
    .await;
}

#[tokio::test]
async fn callers_told_apart_by_a_header_do_not_pay_for_each_other() {
    let (_endpoint, proxy) = limited("requests: 1, per: 1h, key: { header: x-user }").await;
    let mut client = Client::http1(proxy.address).await;
    for user in ["ada", "bob"] {
        let request = || get_with("/", &[("x-user", user)]);
        assert_eq!(client.request(request()).await.status, 200, "{user}");
        assert_eq!(client.request(request()).await.status, 429, "{user}");
    }
    // Those without the header are one caller.
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.status,
        429
    );
}

#[tokio::test]
async fn callers_are_told_apart_by_the_address_that_is_believed() {
    let endpoint = Endpoint::named("a").await;
    for (place, limit) in [
        ("route", "{ requests: 1, per: 1h, key: source_address }"),
        ("listener", "{ requests: 1, per: 1h, key: source_address }"),
    ] {
        let table = Table::to([&endpoint]).listener("trusted_proxies: [127.0.0.0/8]");
        let table = match place {
            "route" => table.route(format!("filters: [{{ rate_limit: {limit} }}]")),
            _ => table.listener(format!("rate_limit: {limit}")),
        };
        let proxy = Proxy::start(table).await;
        let mut client = Client::http1(proxy.address).await;
        let mut status = async |address| {
            let request = get_with("/", &[("x-forwarded-for", address)]);
            client.request(request).await.status.as_u16()
        };
        for (address, expected) in [
            ("192.0.2.1", 200),
            ("192.0.2.1", 429),
            ("192.0.2.2", 200),
            ("2001:db8:1:1::1", 200),
            // The same 64 bits are the same customer.
            ("2001:db8:1:1::2", 429),
            ("2001:db8:1:2::1", 200),
        ] {
            assert_eq!(status(address).await, expected, "{place}: {address}");
        }
    }
}

#[tokio::test]
async fn a_listeners_limit_counts_what_no_route_takes_too() {
    let endpoint = Endpoint::named("a").await;
    let table = Table::to([&endpoint])
        .listener("rate_limit: { requests: 2, per: 1h }")
        .route("match: { path: { prefix: /known } }");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http2(proxy.address).await;
    assert_eq!(client.get("/unknown").await.status, 404);
    let reply = client.get("/known").await;
    assert_eq!(reply.status, 200);
    assert_eq!(
        fields(&reply),
        ("\"listener\";q=2;w=3600", "\"listener\";r=0;t=1800")
    );
    assert_eq!(client.get("/known").await.status, 429);
    let labels = [("listener", "edge"), ("route", "")];
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_rate_limited_total", &labels), 1.0);
}

#[tokio::test]
async fn of_several_limits_the_tightest_is_told_and_each_refuses() {
    let endpoint = Endpoint::named("a").await;
    let hour = "{ rate_limit: { requests: 3, per: 1h } }";
    let burst = "{ rate_limit: { requests: 100, per: 100ms, burst: 50 } }";
    let table = Table::to([&endpoint]).route(format!("filters: [{burst}, {hour}]"));
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    for _ in 0..3 {
        let reply = client.get("/").await;
        assert_eq!(
            (reply.status.as_u16(), reply.header("ratelimit-policy")),
            (200, "\"route-2\";q=3;w=3600")
        );
    }
    assert_eq!(client.get("/").await.status, 429);
}

#[tokio::test]
async fn a_grpc_client_is_refused_in_its_own_words() {
    let (_endpoint, proxy) = limited("requests: 1, per: 1h").await;
    let mut client = Client::http2(proxy.address).await;
    let call = || {
        let request = http::Request::post("/a.B/C").header("content-type", "application/grpc");
        request.body(body::empty()).unwrap()
    };
    client.request(call()).await;
    let refused = client.request(call()).await;
    assert_eq!(refused.status, 200);
    assert_eq!(refused.header("grpc-status"), "8");
    assert_eq!(refused.header("ratelimit"), "\"route\";r=0;t=3600");
}

#[tokio::test]
async fn a_limit_that_did_not_change_goes_on_over_a_reload() {
    let endpoint = Endpoint::named("a").await;
    let table = |limit: &str, more: &str| {
        Table::to([&endpoint])
            .listener(format!("rate_limit: {{ {limit} }}"))
            .route(format!(
                "filters: [{more}, {{ rate_limit: {{ {limit}, key: source_address }} }}]"
            ))
    };
    let edit = "{ request_headers: { set: { x-a: b } } }";
    let other = "{ request_headers: { set: { x-a: c } } }";
    let proxy = Proxy::start(table("requests: 2, per: 1h", edit)).await;
    let mut client = Client::http1(proxy.address).await;
    assert_eq!(
        client.get("/").await.header("ratelimit"),
        "\"listener\";r=1;t=1800"
    );
    proxy.reload(table("requests: 2, per: 1h", other)).await;
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(client.get("/").await.status, 429);
    // Other values are another limit, and begin anew.
    proxy.reload(table("requests: 1, per: 1h", other)).await;
    assert_eq!(client.get("/").await.status, 200);
    assert_eq!(client.get("/").await.status, 429);
}

#[tokio::test]
async fn the_trail_names_the_refusal() {
    let endpoint = Endpoint::named("a").await;
    let table = Table::to([&endpoint])
        .listener("trail: true")
        .route("filters: [{ rate_limit: { requests: 1, per: 1h } }]");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    client.request(get("/")).await;
    let refused = client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await;
    assert_eq!(
        refused.header("x-outrigger-trail"),
        "web refused=rate_limit"
    );
}

#[tokio::test]
async fn a_refusal_before_the_framing_was_looked_at_smuggles_nothing() {
    let endpoint = Endpoint::named("a").await;
    let table = Table::to([&endpoint]).listener("rate_limit: { requests: 1, per: 1h }");
    let proxy = Proxy::start(table).await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.status,
        200
    );
    let mut raw = Raw::connect(proxy.address).await;
    raw.write(
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 30\r\n\r\n\
         0\r\n\r\nGET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n",
    )
    .await;
    let refused = raw.read_reply().await.expect("a refusal");
    assert_eq!(
        (refused.status, refused.header("connection")),
        (429, "close")
    );
    assert!(raw.read_to_end().await.is_empty(), "a second answer came");
}

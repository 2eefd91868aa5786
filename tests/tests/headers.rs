//! Which headers pass, which end at the proxy, and which it writes (RFC 9110, 7.6.1; RFC 7239; RFC 9209).

use outrigger_tests::{
    Client, Endpoint, Proxy, Raw, RawEndpoint, Table, get_with, refusing_address,
};
use serde_json::{Value, json};

/// What the endpoint sees of a GET with these headers, and through this table.
async fn seen(table: Table, http2: bool, headers: &[(&str, &str)]) -> Value {
    let proxy = Proxy::start(table).await;
    let mut client = match http2 {
        true => Client::http2(proxy.address).await,
        false => Client::http1(proxy.address).await,
    };
    client.request(get_with("/", headers)).await.json()
}

#[tokio::test]
async fn hop_by_hop_headers_end_at_the_proxy() {
    let echo = Endpoint::echo().await;
    let sent = [
        ("connection", "x-named, keep-alive"),
        ("x-named", "mine"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("te", "trailers, deflate"),
        ("upgrade", "h2c"),
        (
            "proxy-authorization",
            "kept: RFC 9110, 11.7.2 lets a proxy relay it",
        ),
        ("x-kept", "yes"),
    ];
    let seen = seen(Table::to([&echo]), false, &sent).await;
    for gone in ["x-named", "keep-alive", "proxy-connection", "upgrade"] {
        assert_eq!(seen["headers"][gone], Value::Null, "{gone} in {seen}");
    }
    let te = &seen["headers"]["te"];
    assert!(*te == Value::Null || *te == json!(["trailers"]), "{seen}");
    assert!(
        !seen["headers"]["connection"]
            .to_string()
            .contains("x-named"),
        "{seen}"
    );
    assert_eq!(seen["headers"]["x-kept"], json!(["yes"]));
}

#[tokio::test]
async fn hop_by_hop_headers_of_responses_end_at_the_proxy() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        while raw.read_head().await.is_some() {
            raw.write(
                "HTTP/1.1 200 OK\r\nconnection: x-named\r\nx-named: a\r\nkeep-alive: timeout=5\r\nproxy-connection: keep-alive\r\n\
                 x-kept: yes\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ndate: Thu, 01 Jan 1970 00:00:00 GMT\r\nserver: antique\r\ncontent-length: 0\r\n\r\n",
            )
            .await;
        }
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    for mut client in [
        Client::http1(proxy.address).await,
        Client::http2(proxy.address).await,
    ] {
        let reply = client.get("/").await;
        for gone in ["x-named", "keep-alive", "proxy-connection"] {
            assert!(
                !reply.headers.contains_key(gone),
                "{gone} in {:?}",
                reply.headers
            );
        }
        assert_eq!(reply.header("x-kept"), "yes");
        assert_eq!(reply.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(reply.header("date"), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(reply.header("server"), "antique");
        assert!(!reply.headers.contains_key("via"));
    }
}

#[tokio::test]
async fn te_trailers_reaches_an_http2_endpoint() {
    let echo = Endpoint::echo().await;
    let table = Table::to([&echo]).cluster("protocol: http2");
    let seen = seen(
        table,
        true,
        &[("te", "trailers"), ("content-type", "application/grpc")],
    )
    .await;
    assert_eq!(seen["headers"]["te"], json!(["trailers"]));
}

#[tokio::test]
async fn the_host_is_kept() {
    let echo = Endpoint::echo().await;
    for http2 in [false, true] {
        let kept = seen(
            Table::to([&echo]),
            http2,
            &[("host", "shop.example.com:8080")],
        )
        .await;
        assert_eq!(
            kept["headers"]["host"],
            json!(["shop.example.com:8080"]),
            "HTTP/2: {http2}"
        );
        let table = Table::to([&echo]).cluster("protocol: http2");
        let kept = seen(table, http2, &[("host", "shop.example.com:8080")]).await;
        assert_eq!(
            kept["uri"], "http://shop.example.com:8080/",
            "HTTP/2: {http2}: {kept}"
        );
    }
}

#[tokio::test]
async fn cookies_split_over_http2_fields_reach_an_http1_endpoint_as_one() {
    let echo = Endpoint::echo().await;
    let seen = seen(
        Table::to([&echo]),
        true,
        &[("cookie", "a=1"), ("cookie", "b=2")],
    )
    .await;
    // RFC 9113, 8.2.3.
    assert_eq!(seen["headers"]["cookie"], json!(["a=1; b=2"]));
}

#[tokio::test]
async fn forwarded_headers_of_untrusted_peers_are_replaced() {
    let echo = Endpoint::echo().await;
    let lies = [
        ("host", "shop.test"),
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "evil.test"),
        ("forwarded", "for=6.6.6.6;proto=https"),
    ];
    let seen = seen(Table::to([&echo]), false, &lies).await;
    let headers = &seen["headers"];
    assert_eq!(headers["x-forwarded-for"], json!(["127.0.0.1"]));
    assert_eq!(headers["x-forwarded-proto"], json!(["http"]));
    assert_eq!(headers["x-forwarded-host"], json!(["shop.test"]));
    let forwarded = headers["forwarded"].to_string();
    assert!(
        !forwarded.contains("6.6.6.6") && !forwarded.contains("https"),
        "{forwarded}"
    );
}

#[tokio::test]
async fn what_a_trusted_proxy_says_of_a_stranger_is_not_the_strangers_to_take_out() {
    let echo = Endpoint::echo().await;
    let table = Table::to([&echo]).listener("trusted_proxies: [127.0.0.0/8]");
    let sent = [
        ("connection", "x-forwarded-for"),
        ("x-forwarded-for", "192.0.2.66"),
    ];
    let seen = seen(table, false, &sent).await;
    let told = &seen["headers"]["x-forwarded-for"];
    assert_eq!(*told, json!(["192.0.2.66, 127.0.0.1"]));
}

#[tokio::test]
async fn forwarded_headers_of_trusted_proxies_are_extended() {
    let echo = Endpoint::echo().await;
    let table = Table::to([&echo]).listener("trusted_proxies: [127.0.0.0/8]");
    let truths = [
        ("host", "inner.test"),
        ("x-forwarded-for", "203.0.113.7, 10.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.test"),
        ("forwarded", "for=203.0.113.7;proto=https"),
    ];
    let seen = seen(table, false, &truths).await;
    let headers = &seen["headers"];
    let hops: Vec<&str> = headers["x-forwarded-for"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|line| line.as_str().unwrap().split(", "))
        .collect();
    assert_eq!(hops, ["203.0.113.7", "10.0.0.1", "127.0.0.1"]);
    assert_eq!(headers["x-forwarded-proto"], json!(["https"]));
    assert_eq!(headers["x-forwarded-host"], json!(["shop.test"]));
    let forwarded = headers["forwarded"].to_string();
    let (first, second) = (
        forwarded.find("for=203.0.113.7"),
        forwarded.find("for=127.0.0.1"),
    );
    assert!(first.is_some() && first < second, "{forwarded}");
}

#[tokio::test]
async fn forwarded_headers_are_written_where_there_were_none() {
    let echo = Endpoint::echo().await;
    for http2 in [false, true] {
        let seen = seen(Table::to([&echo]), http2, &[("host", "shop.test")]).await;
        assert_eq!(
            seen["headers"]["x-forwarded-for"],
            json!(["127.0.0.1"]),
            "HTTP/2: {http2}"
        );
        assert_eq!(
            seen["headers"]["x-forwarded-host"],
            json!(["shop.test"]),
            "HTTP/2: {http2}"
        );
        assert_eq!(
            seen["headers"]["x-forwarded-proto"],
            json!(["http"]),
            "HTTP/2: {http2}"
        );
        assert_eq!(seen["headers"]["via"], Value::Null);
    }
}

#[tokio::test]
async fn via_is_added_both_ways_when_asked_for() {
    let echo = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&echo]).listener("via: true")).await;
    let reply = Client::http1(proxy.address).await.get("/").await;
    assert!(
        reply.header("via").starts_with("1.1 "),
        "{:?}",
        reply.headers
    );
    let via = reply.json()["headers"]["via"].to_string();
    assert!(via.contains("1.1 "), "{via}");
}

#[tokio::test]
async fn responses_made_by_the_proxy_say_so_and_nothing_internal() {
    let nobody = refusing_address();
    let proxy = Proxy::start(Table::to([nobody])).await;
    for mut client in [
        Client::http1(proxy.address).await,
        Client::http2(proxy.address).await,
    ] {
        let reply = client.get("/").await;
        assert_eq!(reply.status, 502);
        assert_eq!(reply.header("server"), "outrigger");
        let status = reply.header("proxy-status");
        assert!(
            status.starts_with("outrigger") && status.contains("error="),
            "{status}"
        );
        let everything = format!("{:?} {}", reply.headers, reply.text());
        assert!(
            !everything.contains(&nobody.port().to_string()),
            "{everything}"
        );
        assert!(
            !everything.contains("web"),
            "the cluster's name is internal: {everything}"
        );
    }
}

#[tokio::test]
async fn a_request_that_no_route_takes_is_answered_404_by_the_proxy() {
    let endpoint = Endpoint::named("a").await;
    let proxy =
        Proxy::start(Table::to([&endpoint]).route("match: { path: { prefix: /only } }")).await;
    let mut client = Client::http1(proxy.address).await;
    let reply = client.get("/other").await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("server")),
        (404, "outrigger")
    );
    assert_eq!(client.get("/only").await.status, 200);
    assert_eq!(endpoint.seen.requests(), 1);
}

#[tokio::test]
async fn a_host_that_no_uri_could_have_is_refused_whatever_the_endpoint_speaks() {
    let endpoint = Endpoint::named("a").await;
    for protocol in ["http1", "http2"] {
        let table = Table::to([&endpoint]).cluster(format!("protocol: {protocol}"));
        let proxy = Proxy::start(table).await;
        for (host, status) in [("a:1:2", 400), ("a%20b", 400), ("", 400), ("[::1]:80", 200)] {
            let mut raw = Raw::connect(proxy.address).await;
            raw.write(format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"))
                .await;
            let reply = raw.read_reply().await.expect("a reply");
            assert_eq!(reply.status, status, "{protocol} `{host}`: {}", reply.head);
        }
    }
}

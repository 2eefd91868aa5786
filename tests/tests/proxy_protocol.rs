//! The PROXY protocol, in from those who are trusted and out to those who ask for it.

use outrigger_tests::{Endpoint, Proxy, Raw, RawEndpoint, Serve, Table, body, eventually};

const TRUSTED: &str = "proxy_protocol: { trusted: [127.0.0.0/8] }";
const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const V1: &str = "PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n";
const V2: &[u8] =
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x01\xdc\x04\x01\xbb";

/// Answers with the header `x-forwarded-for` that it got.
async fn who_asked() -> Endpoint {
    Serve::default()
        .with(|request| {
            let header = request.headers().get("x-forwarded-for");
            let client = header.map_or("", |client| client.to_str().unwrap());
            let answer = http::Response::new(body::full(client.to_owned()));
            std::future::ready(answer)
        })
        .await
}

async fn refused(proxy: &Proxy) -> f64 {
    let reason = [("reason", "proxy_protocol")];
    proxy
        .metrics()
        .await
        .sum("outrigger_downstream_errors_total", &reason)
}

#[tokio::test]
async fn the_client_that_a_trusted_proxy_names_is_believed() {
    let endpoint = who_asked().await;
    let table = Table::to([&endpoint])
        .top("access_log: { format: text }")
        .listener(TRUSTED);
    let proxy = Proxy::start(table).await;
    for header in [V1.as_bytes(), V2] {
        let mut client = Raw::connect(proxy.address).await;
        client.write([header, REQUEST.as_bytes()].concat()).await;
        let reply = client.read_reply().await.expect("a reply");
        assert_eq!(reply.body, b"192.0.2.1");
        // It holds for the connection.
        client.write(REQUEST).await;
        assert_eq!(
            client.read_reply().await.expect("a reply").body,
            b"192.0.2.1"
        );
    }
    eventually("the log has the client", async || {
        proxy.output().matches(" 192.0.2.1 GET a/ ").count() == 4
    })
    .await;
}

#[tokio::test]
async fn a_header_in_pieces_and_one_of_the_proxys_own_are_fine() {
    let endpoint = who_asked().await;
    let proxy = Proxy::start(Table::to([&endpoint]).listener(TRUSTED)).await;
    let mut client = Raw::connect(proxy.address).await;
    for part in V1.as_bytes().chunks(7) {
        client.write(part).await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    client.write(REQUEST).await;
    assert_eq!(
        client.read_reply().await.expect("a reply").body,
        b"192.0.2.1"
    );
    for own in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
        let mut client = Raw::connect(proxy.address).await;
        client.write([own, REQUEST.as_bytes()].concat()).await;
        assert_eq!(
            client.read_reply().await.expect("a reply").body,
            b"127.0.0.1"
        );
    }
}

#[tokio::test]
async fn a_trusted_proxy_that_does_not_say_is_closed() {
    let endpoint = who_asked().await;
    let proxy = Proxy::start(Table::to([&endpoint]).listener(TRUSTED)).await;
    let wrong: [&[u8]; 4] = [
        REQUEST.as_bytes(),
        b"PROXY TCP4 here there 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\x0c",
        &[b'\r'; 300],
    ];
    for (index, bytes) in wrong.into_iter().enumerate() {
        let mut client = Raw::connect(proxy.address).await;
        client.write(bytes).await;
        assert_eq!(client.read_to_end().await, b"");
        eventually("it is counted", async || {
            refused(&proxy).await == (index + 1) as f64
        })
        .await;
    }
    assert_eq!(endpoint.seen.requests(), 0);
}

#[tokio::test]
async fn a_header_that_does_not_end_is_waited_for_as_long_as_a_head() {
    let endpoint = who_asked().await;
    let table = Table::to([&endpoint])
        .listener(TRUSTED)
        .listener("header_timeout: 300ms");
    let proxy = Proxy::start(table).await;
    let mut client = Raw::connect(proxy.address).await;
    client.write("PROXY TCP4 127.0.0.1").await;
    assert_eq!(client.read_to_end().await, b"");
}

#[tokio::test]
async fn what_a_stranger_says_is_not_read_as_a_header() {
    let endpoint = who_asked().await;
    let table = Table::to([&endpoint]).listener("proxy_protocol: { trusted: [192.0.2.0/24] }");
    let proxy = Proxy::start(table).await;
    let mut client = Raw::connect(proxy.address).await;
    client.write(format!("{V1}{REQUEST}")).await;
    assert_eq!(client.read_reply().await.expect("a refusal").status, 400);
    let mut client = Raw::connect(proxy.address).await;
    client.write(REQUEST).await;
    assert_eq!(
        client.read_reply().await.expect("a reply").body,
        b"127.0.0.1"
    );
    assert_eq!(refused(&proxy).await, 0.0);
}

#[tokio::test]
async fn limits_and_hashes_are_of_the_client_that_is_named() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let table = Table::to([&a, &b])
        .listener(TRUSTED)
        .listener("rate_limit: { requests: 2, per: 1m, key: source_address }")
        .cluster("balancer: { maglev: { key: source_address } }");
    let proxy = Proxy::start(table).await;
    let ask = async |client: &str| {
        let mut raw = Raw::connect(proxy.address).await;
        raw.write(format!("PROXY TCP4 {client} 10.0.0.1 1 2\r\n{REQUEST}"))
            .await;
        raw.read_reply().await.expect("a reply")
    };
    let mut names = std::collections::BTreeSet::new();
    for last in 1..20 {
        let client = format!("192.0.2.{last}");
        let first = ask(&client).await.body;
        assert_eq!(ask(&client).await.body, first, "{client} stays");
        assert_eq!(ask(&client).await.status, 429, "{client} had its share");
        names.insert(first);
    }
    assert_eq!(names.len(), 2, "not all at one endpoint");
}

/// Answers each request with how its connection began, up to the request.
async fn with_header() -> RawEndpoint {
    RawEndpoint::serve(|mut raw, number| async move {
        let mut introduction = None;
        while let Some(head) = raw.read_head().await {
            let at = head.find("GET ").expect("a request");
            let header = head[..at].escape_default().to_string();
            let body = format!("{number} {}", introduction.get_or_insert(header));
            let length = body.len();
            raw.write(format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}"
            ))
            .await;
        }
    })
    .await
}

#[tokio::test]
async fn an_http_endpoint_hears_whose_each_connection_is_and_no_two_clients_share_one() {
    let endpoint = with_header().await;
    let table = Table::to([endpoint.address])
        .listener(TRUSTED)
        .cluster("proxy_protocol: v1");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    let mut clients = Vec::new();
    for client in ["192.0.2.1", "192.0.2.2"] {
        let mut raw = Raw::connect(proxy.address).await;
        raw.write(format!("PROXY TCP4 {client} 198.51.100.1 5 443\r\n"))
            .await;
        clients.push((client, raw));
    }
    for _ in 0..2 {
        for (number, (client, raw)) in clients.iter_mut().enumerate() {
            raw.write(REQUEST).await;
            let reply = raw.read_reply().await.expect("a reply");
            let said = String::from_utf8(reply.body).unwrap();
            assert_eq!(
                said,
                format!("{number} PROXY TCP4 {client} 198.51.100.1 5 443\\r\\n")
            );
        }
    }
    assert_eq!(endpoint.connections(), 2, "each used its own again");
}

#[tokio::test]
async fn a_tcp_endpoint_hears_whose_a_connection_is_before_anything_else() {
    let echo = RawEndpoint::serve(|mut raw, _| async move {
        let heard = raw.read_to_end().await;
        raw.write(&heard).await;
    })
    .await;
    let table = |version: &str| {
        format!(
            "admin: {{ address: $ADMIN }}\n\
             listeners: [{{ address: $LISTEN, protocol: tcp, cluster: db, {TRUSTED} }}]\n\
             clusters: {{ db: {{ endpoints: [{echo}], proxy_protocol: {version} }} }}\n"
        )
    };
    let proxy = Proxy::start(table("v2")).await;
    let mut client = Raw::connect(proxy.address).await;
    client.write(format!("{V1}hello")).await;
    client.finish().await;
    assert_eq!(client.read_to_end().await, [V2, b"hello"].concat());
    proxy.reload(table("v1")).await;
    let mut client = Raw::connect(proxy.address).await;
    client.write([V2, b"hello"].concat()).await;
    client.finish().await;
    assert_eq!(
        client.read_to_end().await,
        format!("{V1}hello").into_bytes()
    );
}

#[tokio::test]
async fn a_health_check_introduces_itself_as_nobodys() {
    let (told, hears) = tokio::sync::watch::channel(Vec::new());
    let endpoint = RawEndpoint::serve(move |mut raw, _| {
        let told = told.clone();
        async move {
            let heard = raw.read_exactly(16).await;
            told.send_replace(heard);
        }
    })
    .await;
    let table = Table::to([endpoint.address])
        .cluster("proxy_protocol: v2")
        .cluster("health_check: { tcp: {}, interval: 100ms }");
    let _proxy = Proxy::start(table).await;
    eventually("a check comes", async || {
        *hears.borrow() == b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"
    })
    .await;
}

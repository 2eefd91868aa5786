//! One port for whatever comes: HTTP by its routes, all else to one cluster, whoever speaks first.

use std::time::{Duration, Instant};

use outrigger_tests::{Authority, Client, Endpoint, Proxy, Raw, RawEndpoint, eventually, get_with};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A table of one listener that detects, before an HTTP cluster `web` and a cluster `db` for all else.
fn table(web: &Endpoint, db: &RawEndpoint, listener: &str) -> String {
    format!(
        "admin: {{ address: $ADMIN }}\n\
         listeners:\n  - name: edge\n    address: $LISTEN\n    protocol: detect\n\
         \x20   routes: [{{ cluster: web }}]\n{listener}\n\
         clusters:\n  web: {{ endpoints: [{}] }}\n  db: {{ endpoints: [{}] }}\n",
        web.address, db.address
    )
}

/// Repeats what it hears.
async fn echo() -> RawEndpoint {
    RawEndpoint::serve(|mut raw, _| async move {
        loop {
            let heard = raw.read_some().await;
            if heard.is_empty() {
                return;
            }
            raw.write(&heard).await;
        }
    })
    .await
}

/// Greets, then repeats what it hears, as MySQL and SMTP would.
async fn greeting() -> RawEndpoint {
    RawEndpoint::serve(|mut raw, _| async move {
        raw.write("220 hello\r\n").await;
        loop {
            let heard = raw.read_some().await;
            if heard.is_empty() {
                return;
            }
            raw.write(&heard).await;
        }
    })
    .await
}

async fn detected(proxy: &Proxy, protocol: &str) -> f64 {
    let labels = [("protocol", protocol)];
    proxy
        .metrics()
        .await
        .sum("outrigger_detected_total", &labels)
}

#[tokio::test]
async fn each_protocol_goes_its_way() {
    let (web, db) = (Endpoint::named("web").await, echo().await);
    let proxy = Proxy::start(table(&web, &db, "    cluster: db")).await;
    let reply = Client::http1(proxy.address).await.get("/").await;
    assert_eq!(reply.text(), "web");
    let reply = Client::http2(proxy.address).await.get("/").await;
    assert_eq!(reply.text(), "web");
    for first in [
        &b"GET key\r\n"[..],
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"\x16\x03\x01\x00\x01\x01",
    ] {
        let mut client = Raw::connect(proxy.address).await;
        client.write(first).await;
        assert_eq!(client.read_exactly(first.len()).await, first);
    }
    for (protocol, count) in [
        ("http1", 1.0),
        ("http2", 1.0),
        ("opaque", 2.0),
        ("tls", 1.0),
    ] {
        assert_eq!(detected(&proxy, protocol).await, count, "{protocol}");
    }
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_after_a_moment() {
    let (web, db) = (Endpoint::named("web").await, greeting().await);
    let proxy = Proxy::start(table(&web, &db, "    cluster: db")).await;
    let start = Instant::now();
    let mut client = Raw::connect(proxy.address).await;
    assert_eq!(client.read_until("\n").await, "220 hello\r\n");
    let took = start.elapsed();
    assert!(
        took >= Duration::from_millis(95),
        "{took:?}: nothing was waited for"
    );
    client.write("EHLO me\r\n").await;
    assert_eq!(client.read_until("\n").await, "EHLO me\r\n");
    assert_eq!(detected(&proxy, "server_first").await, 1.0);
}

#[tokio::test]
async fn a_server_that_speaks_first_is_heard_where_names_lead_elsewhere() {
    let (web, db) = (Endpoint::named("web").await, greeting().await);
    let proxy = Proxy::start(table(
        &web,
        &db,
        "    cluster: db\n    sni: { shop.example.com: web }",
    ))
    .await;
    let mut client = Raw::connect(proxy.address).await;
    assert_eq!(client.read_until("\n").await, "220 hello\r\n");
    client.write("EHLO me\r\n").await;
    assert_eq!(client.read_until("\n").await, "EHLO me\r\n");
}

#[tokio::test]
async fn the_server_that_has_spoken_is_the_one_that_is_heard() {
    let (web, one, other) = (
        Endpoint::named("web").await,
        greeting().await,
        greeting().await,
    );
    let proxy = Proxy::start(format!(
        "admin: {{ address: $ADMIN }}\n\
         listeners:\n  - name: edge\n    address: $LISTEN\n    protocol: detect\n\
         \x20   routes: [{{ cluster: web }}]\n    clusters: {{ one: 50, other: 50 }}\n\
         clusters:\n  web: {{ endpoints: [{}] }}\n  one: {{ endpoints: [{}] }}\n  other: {{ endpoints: [{}] }}\n",
        web.address, one.address, other.address
    ))
    .await;
    const CALLERS: usize = 16;
    for _ in 0..CALLERS {
        let mut client = Raw::connect(proxy.address).await;
        assert_eq!(client.read_until("\n").await, "220 hello\r\n");
    }
    assert_eq!(one.connections() + other.connections(), CALLERS);
}

#[tokio::test]
async fn on_a_listed_port_nothing_is_waited_for() {
    let (web, db) = (Endpoint::named("web").await, greeting().await);
    // A time-out that the test would not survive.
    let detect = |port: u16| {
        format!("    cluster: db\n    detect: {{ timeout: 1s, server_first_ports: [{port}] }}")
    };
    let proxy = Proxy::start(table(&web, &db, &detect(1))).await;
    proxy
        .reload(table(&web, &db, &detect(proxy.address.port())))
        .await;
    let start = Instant::now();
    let mut client = Raw::connect(proxy.address).await;
    assert_eq!(client.read_until("\n").await, "220 hello\r\n");
    assert!(
        start.elapsed() < Duration::from_millis(900),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn an_http_client_that_takes_its_time_is_still_an_http_client() {
    let (web, db) = (Endpoint::named("web").await, echo().await);
    let proxy = Proxy::start(table(&web, &db, "    cluster: db")).await;
    let mut client = Raw::connect(proxy.address).await;
    eventually("the other server had its chance", async || {
        db.connections() == 1
    })
    .await;
    client.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let reply = client.read_reply().await.expect("a reply");
    assert_eq!((reply.status, &*reply.body), (200, &b"web"[..]));
    // The same for one that speaks neither: over the connection that is there.
    let mut client = Raw::connect(proxy.address).await;
    eventually("it has its chance again", async || db.connections() == 2).await;
    client.write("get key\r\n").await;
    assert_eq!(client.read_until("\n").await, "get key\r\n");
    assert_eq!(db.connections(), 2);
}

#[tokio::test]
async fn without_a_cluster_for_it_what_is_not_http_is_closed() {
    let (web, db) = (Endpoint::named("web").await, echo().await);
    let proxy = Proxy::start(table(&web, &db, "")).await;
    let mut client = Raw::connect(proxy.address).await;
    client.write("get key\r\n").await;
    assert_eq!(client.read_to_end().await, b"");
    assert_eq!(db.connections(), 0);
    let mut late = Raw::connect(proxy.address).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    late.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(late.read_reply().await.expect("a reply").status, 200);
}

#[tokio::test]
async fn one_who_stops_where_a_request_may_still_follow_speaks_http() {
    let (web, db) = (Endpoint::named("web").await, echo().await);
    let proxy = Proxy::start(table(&web, &db, "    cluster: db")).await;
    for (count, (begin, rest)) in [
        ("G", "ET / HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("GET /slow", "ly HTTP/1.1\r\nhost: a\r\n\r\n"),
        ("\r\n", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut client = Raw::connect(proxy.address).await;
        client.write(begin).await;
        eventually("it is told", async || {
            detected(&proxy, "http1").await == (count + 1) as f64
        })
        .await;
        client.write(rest).await;
        let reply = client.read_reply().await.expect("a reply");
        assert_eq!(
            (reply.status, &*reply.body),
            (200, &b"web"[..]),
            "{begin:?}"
        );
    }
    assert_eq!(db.connections(), 0);
}

#[tokio::test]
async fn a_request_that_only_forgiving_servers_take_goes_past_no_route() {
    let (web, db) = (Endpoint::named("web").await, echo().await);
    let proxy = Proxy::start(table(&web, &db, "    cluster: db")).await;
    for request in [
        &b"GET  / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
        b"GET\t/\tHTTP/1.1\r\nhost: a\r\n\r\n",
        b" GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /\r\n\r\n",
    ] {
        let mut client = Raw::connect(proxy.address).await;
        client.write(request).await;
        let reply = client.read_reply().await.expect("a reply");
        assert_eq!(reply.status, 400, "{}", request.escape_ascii());
    }
    let mut client = Raw::connect(proxy.address).await;
    client
        .write("\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await;
    assert_eq!(client.read_reply().await.expect("a reply").status, 200);
    assert_eq!(db.connections(), 0);
}

#[tokio::test]
async fn it_is_found_out_within_tls_as_well() {
    let authority = Authority::new();
    let own = authority.issue("own", &["localhost"]);
    let (web, db) = (Endpoint::named("web").await, greeting().await);
    let listener = format!("    cluster: db\n    tls: {{ certificates: [{own}] }}");
    let proxy = Proxy::start(table(&web, &db, &listener)).await;
    // By what was agreed on, and by the first bytes.
    for alpn in [&["h2"][..], &["http/1.1"], &[]] {
        let dial = authority.dial().alpn(alpn);
        let mut client = Client::tls(proxy.address, &dial).await.unwrap();
        let request = get_with("/", &[("host", "localhost")]);
        assert_eq!(client.request(request).await.text(), "web", "{alpn:?}");
    }
    let mut stream = authority.dial().connect(proxy.address).await.unwrap();
    let mut heard = [0; 11];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"220 hello\r\n");
    stream.write_all(b"EHLO me\r\n").await.unwrap();
    stream.read_exact(&mut heard[..9]).await.unwrap();
    assert_eq!(&heard[..9], b"EHLO me\r\n");
}

#[tokio::test]
async fn who_waits_for_its_server_may_wait_for_as_long_as_bytes_may_rest() {
    let (web, db) = (Endpoint::named("web").await, echo().await);
    let listener = "    cluster: db\n    header_timeout: 1s";
    let proxy = Proxy::start(table(&web, &db, listener)).await;
    let mut patient = Raw::connect(proxy.address).await;
    eventually("its server has its chance", async || db.connections() == 1).await;
    // Their time runs out after that of the first would have: they came later, and what they have begun they don't end.
    let mut slow = Raw::connect(proxy.address).await;
    slow.write("GET / HTTP/1.1\r\n").await;
    slow.read_to_end().await;
    let mut late = Raw::connect(proxy.address).await;
    eventually("it has its chance, too", async || db.connections() == 2).await;
    late.write("GET /").await;
    late.read_to_end().await;
    patient.write("get key\r\n").await;
    assert_eq!(patient.read_until("\n").await, "get key\r\n");
    assert_eq!(db.connections(), 2);
}

#[tokio::test]
async fn who_waits_with_its_server_for_too_long_is_let_go() {
    let (web, db) = (Endpoint::named("web").await, echo().await);
    let listener = "    cluster: db\n    tcp: { idle_timeout: 1s }\n    header_timeout: 1h";
    let proxy = Proxy::start(table(&web, &db, listener)).await;
    let mut client = Raw::connect(proxy.address).await;
    assert_eq!(client.read_to_end().await, b"");
    assert_eq!(db.connections(), 1);
}

//! Endpoints that are found by name.

use std::time::{Duration, Instant};

use outrigger_tests::{
    Answer, Client, DnsServer, Endpoint, Proxy, Serve, Table, eventually, spread,
};

const NAME: &str = "web.internal.test";

/// A table whose cluster is resolved by this server, with more keys of `dns`.
fn table(server: &DnsServer, more: &str) -> Table {
    Table::to([""; 0]).cluster(format!(
        "dns: {{ name: {NAME}, servers: [\"{}\"], min_ttl: 200ms, {more} }}",
        server.address
    ))
}

/// An endpoint on another loopback address and a given port: a name's addresses share their port.
async fn named_at(name: &'static str, address: &str, port: u16) -> Endpoint {
    let at = format!("{address}:{port}").parse().unwrap();
    let serve = Serve::default().at(at);
    serve
        .with(move |_| async move {
            let response = http::Response::builder().header("x-endpoint", name);
            response.body(outrigger_tests::body::full(name)).unwrap()
        })
        .await
}

async fn answers(proxy: &Proxy, name: &str) -> bool {
    let reply = Client::http1(proxy.address).await.get("/").await;
    reply.status == 200 && reply.text() == name
}

#[tokio::test]
async fn a_name_with_two_addresses_is_two_endpoints() {
    let one = Endpoint::named("one").await;
    let port = one.address.port();
    let two = named_at("two", "127.0.0.2", port).await;
    let server = DnsServer::start().await;
    server.set_addresses(NAME, 60, &["127.0.0.1", "127.0.0.2"]);
    let proxy =
        Proxy::start(table(&server, &format!("port: {port}")).cluster("balancer: round_robin"))
            .await;
    eventually("the name is resolved", async || {
        answers(&proxy, "one").await
    })
    .await;
    let tally = spread(proxy.address, 1, 100).await;
    assert_eq!(
        (tally.of("one"), tally.of("two")),
        (50, 50),
        "{:?}",
        tally.failures.first()
    );
    drop((one, two));
}

#[tokio::test]
async fn an_aaaa_record_is_an_endpoint_too() {
    let one = named_at("six", "[::1]", 0).await;
    let server = DnsServer::start().await;
    server.set_addresses(NAME, 60, &["::1"]);
    let proxy = Proxy::start(table(&server, &format!("port: {}", one.address.port()))).await;
    eventually("the name is resolved", async || {
        answers(&proxy, "six").await
    })
    .await;
}

#[tokio::test]
async fn a_changed_record_is_followed_when_its_ttl_has_passed() {
    let one = Endpoint::named("one").await;
    let port = one.address.port();
    let two = named_at("two", "127.0.0.2", port).await;
    let server = DnsServer::start().await;
    server.set_addresses(NAME, 1, &["127.0.0.1"]);
    let proxy = Proxy::start(table(&server, &format!("port: {port}"))).await;
    eventually("the first address serves", async || {
        answers(&proxy, "one").await
    })
    .await;
    server.set_addresses(NAME, 1, &["127.0.0.2"]);
    let start = Instant::now();
    eventually("the second address serves", async || {
        answers(&proxy, "two").await
    })
    .await;
    assert!(
        start.elapsed() < Duration::from_secs(4),
        "a TTL of one second: {:?}",
        start.elapsed()
    );
    drop((one, two));
}

#[tokio::test]
async fn a_ttl_is_not_asked_before_its_time() {
    let one = Endpoint::named("one").await;
    let server = DnsServer::start().await;
    server.set_addresses(NAME, 30, &["127.0.0.1"]);
    let proxy = Proxy::start(table(&server, &format!("port: {}", one.address.port()))).await;
    eventually("the name is resolved", async || {
        answers(&proxy, "one").await
    })
    .await;
    let asked = server.queries();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(server.queries(), asked);
}

#[tokio::test]
async fn the_last_good_addresses_serve_while_the_resolver_fails() {
    let one = Endpoint::named("one").await;
    let port = one.address.port();
    let two = named_at("two", "127.0.0.2", port).await;
    for trouble in [Answer::NoSuchName, Answer::Failure, Answer::Silence] {
        let server = DnsServer::start().await;
        server.set_addresses(NAME, 0, &["127.0.0.1"]);
        let proxy = Proxy::start(table(&server, &format!("port: {port}"))).await;
        eventually("the name is resolved", async || {
            answers(&proxy, "one").await
        })
        .await;
        server.set(NAME, trouble.clone());
        let asked = server.queries();
        eventually("the resolver was asked in vain", async || {
            server.queries() >= asked + 2
        })
        .await;
        assert!(answers(&proxy, "one").await, "{trouble:?}");
        server.set_addresses(NAME, 0, &["127.0.0.2"]);
        eventually("the resolver is believed again", async || {
            answers(&proxy, "two").await
        })
        .await;
    }
    drop((one, two));
}

#[tokio::test]
async fn a_proxy_starts_before_its_resolver_knows_the_name() {
    let one = Endpoint::named("one").await;
    let server = DnsServer::start().await;
    let proxy = Proxy::spawn(
        table(&server, &format!("port: {}", one.address.port())),
        &[],
        &[],
    );
    eventually("the name was asked for", async || server.queries() > 0).await;
    eventually("the listener is there", async || {
        tokio::net::TcpStream::connect(proxy.address).await.is_ok()
    })
    .await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.status,
        503
    );
    server.set_addresses(NAME, 60, &["127.0.0.1"]);
    eventually("the name is resolved", async || {
        answers(&proxy, "one").await
    })
    .await;
}

#[tokio::test]
async fn service_records_bring_ports_and_weights() {
    let (light, heavy, spare) = (
        Endpoint::named("light").await,
        Endpoint::named("heavy").await,
        Endpoint::named("spare").await,
    );
    let server = DnsServer::start().await;
    for host in ["h1.test", "h2.test", "h3.test"] {
        server.set_addresses(host, 60, &["127.0.0.1"]);
    }
    let record = |priority, weight, endpoint: &Endpoint, host: &str| {
        (priority, weight, endpoint.address.port(), host.to_owned())
    };
    let records = vec![
        record(1, 10, &light, "h1.test"),
        record(1, 30, &heavy, "h2.test"),
        record(2, 100, &spare, "h3.test"),
    ];
    server.set(NAME, Answer::Services(records, 60));
    let proxy = Proxy::start(table(&server, "record: srv").cluster("balancer: round_robin")).await;
    eventually("the name is resolved", async || {
        answers(&proxy, "light").await || answers(&proxy, "heavy").await
    })
    .await;
    let tally = spread(proxy.address, 1, 400).await;
    assert_eq!(tally.of("spare"), 0, "the lowest priority comes first");
    assert!(
        (98..=102).contains(&tally.of("light")),
        "{:?}",
        tally.by_endpoint
    );
    drop((light, heavy));
    eventually("the higher priority stands in", async || {
        answers(&proxy, "spare").await
    })
    .await;
}

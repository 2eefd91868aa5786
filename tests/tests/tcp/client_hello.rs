//! TLS that is passed on by the name in its first message; the endpoints end it.

use std::net::SocketAddr;

use outrigger_tests::{Authority, Proxy, Raw, RawEndpoint, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Ends TLS for `host` and says its name.
async fn tls_endpoint(authority: &Authority, host: &'static str) -> RawEndpoint {
    let acceptor = authority.acceptor(&authority.issue(host, &[host]), &[], false);
    RawEndpoint::serve(move |raw, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(raw.into_stream()).await else {
                return;
            };
            let _ = stream.write_all(host.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

/// What the endpoint says that ends TLS for `host`.
async fn said_by(authority: &Authority, address: SocketAddr, host: &str) -> Result<String, String> {
    let mut stream = authority.dial().name(host).connect(address).await?;
    let mut said = String::new();
    let read = stream.read_to_string(&mut said).await;
    read.map(|_| said).map_err(|error| error.to_string())
}

fn table(shop: SocketAddr, pages: SocketAddr, more: &str) -> String {
    format!(
        "admin: {{ address: $ADMIN }}\n\
         access_log: {{ format: json }}\n\
         listeners:\n  - name: edge\n    address: $LISTEN\n    protocol: tcp\n\
         \x20   sni: {{ shop.example.com: shop, '*.example.org': pages }}\n{more}\n\
         clusters:\n  shop: {{ endpoints: [{shop}] }}\n  pages: {{ endpoints: [{pages}] }}\n"
    )
}

#[tokio::test]
async fn tls_goes_to_the_cluster_of_the_name_it_asks_for() {
    let authority = Authority::new();
    let shop = tls_endpoint(&authority, "shop.example.com").await;
    let pages = tls_endpoint(&authority, "a.example.org").await;
    let proxy = Proxy::start(table(shop.address, pages.address, "")).await;
    for host in ["shop.example.com", "a.example.org"] {
        let said = said_by(&authority, proxy.address, host).await;
        assert_eq!(said.as_deref(), Ok(host));
    }
    let refused = said_by(&authority, proxy.address, "other.example.com").await;
    let error = refused.expect_err("nobody has that name");
    assert!(error.contains("UnrecognisedName"), "{error}");
    eventually("the log has the names", async || {
        let output = proxy.output();
        output.contains("\"server_name\":\"a.example.org\"")
            && output.contains("\"server_name\":\"other.example.com\",\"error\":\"no_route\"")
    })
    .await;
    let nowhere = [("cluster", ""), ("result", "refused")];
    let metrics = proxy.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_tcp_connections_total", &nowhere),
        1.0
    );
}

#[tokio::test]
async fn what_asks_for_no_known_name_goes_to_the_cluster_of_all_others() {
    let authority = Authority::new();
    let shop = tls_endpoint(&authority, "shop.example.com").await;
    let pages = tls_endpoint(&authority, "other.example.com").await;
    let proxy = Proxy::start(table(shop.address, pages.address, "    cluster: pages")).await;
    let said = said_by(&authority, proxy.address, "other.example.com").await;
    assert_eq!(said.as_deref(), Ok("other.example.com"));
    // No TLS at all is one of the others, too: its first bytes come to the endpoint, which says what it thinks of them.
    let mut client = Raw::connect(proxy.address).await;
    client.write("GET / HTTP/1.1\r\n\r\n").await;
    let alert = client.read_to_end().await;
    assert_eq!(alert.first(), Some(&21), "a TLS alert: {alert:?}");
}

#[tokio::test]
async fn a_hello_that_never_ends_is_ended() {
    let authority = Authority::new();
    let shop = tls_endpoint(&authority, "shop.example.com").await;
    let proxy = Proxy::start(table(shop.address, shop.address, "")).await;
    let mut client = Raw::connect(proxy.address).await;
    // A handshake message of 16 MiB, of which nothing comes.
    client.write(b"\x16\x03\x01\x40\x00\x01\xff\xff\xff").await;
    assert_eq!(client.read_to_end().await, b"");
    assert_eq!(shop.connections(), 0);
}

//! TLS that ends at the listener, and TLS that begins at the cluster, around bytes.

use std::net::SocketAddr;

use outrigger_tests::{Authority, Issued, Proxy, Raw, RawEndpoint, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Says `name`, and when it has heard the end how much it has heard.
async fn server(name: &'static str) -> RawEndpoint {
    RawEndpoint::serve(move |mut raw, _| async move {
        raw.write(name).await;
        let heard = raw.read_to_end().await.len();
        raw.write(format!(" {heard} bytes")).await;
    })
    .await
}

fn table(certificate: &Issued, more: &str, clusters: &[(&str, SocketAddr)]) -> String {
    let clusters: Vec<String> = clusters
        .iter()
        .map(|(name, address)| format!("  {name}: {{ endpoints: [{address}] }}\n"))
        .collect();
    format!(
        "admin: {{ address: $ADMIN }}\n\
         access_log: {{ format: text }}\n\
         listeners:\n  - name: edge\n    address: $LISTEN\n    protocol: tcp\n\
         \x20   tls: {{ certificates: [{certificate}]{more}\n\
         clusters:\n{}",
        clusters.concat()
    )
}

#[tokio::test]
async fn tls_ends_here_and_its_connections_go_by_the_name_of_the_handshake() {
    let authority = Authority::new();
    let own = authority.issue("own", &["shop.example.com", "a.example.org", "x.example"]);
    let alice = authority.issue("alice", &["alice.example"]);
    let (shop, pages) = (server("shop").await, server("pages").await);
    let more = format!(
        ", client_certificates: optional, client_ca: {} }}\n\
         \x20   sni: {{ shop.example.com: shop, '*.example.org': pages }}",
        authority.ca().display()
    );
    let clusters = [("shop", shop.address), ("pages", pages.address)];
    let proxy = Proxy::start(table(&own, &more, &clusters)).await;
    for (name, server) in [("shop.example.com", "shop"), ("a.example.org", "pages")] {
        // Of what is spoken above, nothing is insisted on.
        let dial = authority.dial().name(name).alpn(&["postgresql"]);
        let dial = dial.show(&alice);
        let mut stream = dial.connect(proxy.address).await.unwrap();
        stream.write_all(&[7; 100_000]).await.unwrap();
        // An end of one way, in TLS's own words: the other goes on.
        stream.shutdown().await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert_eq!(said, format!("{server} 100000 bytes"));
    }
    eventually("the log says who it was", async || {
        let output = proxy.output();
        output.contains(" tls=1.3 peer=alice.example listener=edge server_name=shop.example.com ")
    })
    .await;
    let dial = authority.dial().name("x.example");
    let mut stream = dial.connect(proxy.address).await.unwrap();
    let read = stream.read_to_end(&mut Vec::new()).await;
    read.expect_err("nobody takes that name: reset, not an orderly end");
}

const HEADER: &str = "PROXY TCP4 192.0.2.1 198.51.100.1 5 443\r\n";

/// Hears a line before TLS, then says within TLS what that line was.
async fn behind_a_header(authority: &Authority) -> RawEndpoint {
    let acceptor = authority.acceptor(&authority.issue("db", &["db.internal"]), &[], false);
    RawEndpoint::serve(move |raw, _| {
        let acceptor = acceptor.clone();
        async move {
            let mut stream = raw.into_stream();
            let mut line = [0; HEADER.len()];
            stream.read_exact(&mut line).await.unwrap();
            let mut stream = acceptor.accept(stream).await.unwrap();
            stream.write_all(&line).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_header_of_the_proxy_protocol_goes_before_tls_both_in_and_out() {
    let authority = Authority::new();
    let endpoint = behind_a_header(&authority).await;
    let text = format!(
        "admin: {{ address: $ADMIN }}\n\
         listeners:\n  - name: edge\n    address: $LISTEN\n    protocol: tcp\n    cluster: db\n\
         \x20   proxy_protocol: {{ trusted: [127.0.0.0/8] }}\n\
         \x20   tls: {{ certificates: [{}] }}\n\
         clusters:\n  db:\n    endpoints: [{}]\n    proxy_protocol: v1\n\
         \x20   tls: {{ server_name: db.internal, ca: {} }}\n",
        authority.issue("own", &["localhost"]),
        endpoint.address,
        authority.ca().display(),
    );
    let proxy = Proxy::start(text).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write(HEADER).await;
    let mut stream = authority.dial().over(raw.into_stream()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert_eq!(said, HEADER);
}

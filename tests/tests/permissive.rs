//! A listener of the mesh that serves others as well: each gets what it came for.

use std::{net::SocketAddr, time::Duration};

use outrigger_tests::{Authority, Client, Endpoint, Proxy, Raw, RawEndpoint};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const WEB: &str = "spiffe://example.org/ns/shop/sa/web";

fn identity(authority: &Authority) -> String {
    let issued = authority.issue("web", &[WEB, "127.0.0.1"]);
    let (cert, key, ca) = (issued.cert.display(), issued.key.display(), authority.ca());
    format!(
        "identity: {{ cert: {cert}, key: {key}, ca: {} }}\n",
        ca.display()
    )
}

async fn proxy(authority: &Authority, listener: &str, web: SocketAddr, other: SocketAddr) -> Proxy {
    Proxy::start(format!(
        "admin: {{ address: $ADMIN }}\n{}listeners:\n  - {{ name: in, address: $LISTEN, tls: {{ mesh: permissive }}, {listener} }}\nclusters:\n  web: {{ endpoints: [{web}] }}\n  other: {{ endpoints: [{other}] }}\n",
        identity(authority)
    ))
    .await
}

/// A server that greets before it hears anything, then repeats what it hears.
async fn greeting() -> RawEndpoint {
    RawEndpoint::serve(|mut raw, _| async move {
        raw.write("220 hello\r\n").await;
        let heard = raw.read_some().await;
        raw.write(&heard).await;
    })
    .await
}

#[tokio::test]
async fn members_and_strangers_call_one_port() {
    let (authority, web, other) = (
        Authority::new(),
        Endpoint::named("web").await,
        Endpoint::named("other").await,
    );
    for listener in [
        "protocol: http, routes: [{ cluster: web }]",
        "protocol: detect, routes: [{ cluster: web }], cluster: other",
    ] {
        let proxy = proxy(&authority, listener, web.address, other.address).await;
        let mut stranger = Client::http1(proxy.address).await;
        assert_eq!(stranger.get("/").await.text(), "web");
        let mut stranger = Client::http2(proxy.address).await;
        assert_eq!(stranger.get("/").await.text(), "web");
        let member = authority.issue("member", &[WEB]);
        let dial = authority
            .dial()
            .name("127.0.0.1")
            .alpn(&["h2"])
            .show(&member);
        let mut member = Client::tls(proxy.address, &dial).await.unwrap();
        assert_eq!(member.get("/").await.text(), "web");
        let metrics = proxy.metrics().await;
        assert_eq!(
            metrics.sum("outrigger_peer_requests_total", &[("peer", WEB)]),
            1.0
        );
        // One that wants to be a member, and is none.
        let impostor = Authority::new();
        let shown = impostor.issue("member", &[WEB]);
        let dial = authority
            .dial()
            .name("127.0.0.1")
            .alpn(&["h2"])
            .show(&shown);
        let refused = match Client::tls(proxy.address, &dial).await {
            Err(_) => true,
            Ok(mut client) => client.try_request(outrigger_tests::get("/")).await.is_err(),
        };
        assert!(refused);
    }
}

#[tokio::test]
async fn tls_of_the_application_s_own_is_passed_on() {
    let authority = Authority::new();
    let shown = authority.issue("shop", &["shop.test"]);
    let acceptor = authority.acceptor(&shown, &[], false);
    let application = RawEndpoint::serve(move |raw, _| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(mut stream) = acceptor.accept(raw.into_stream()).await else {
                return;
            };
            let mut heard = [0; 4];
            stream.read_exact(&mut heard).await.unwrap();
            stream.write_all(&heard).await.unwrap();
            let _ = stream.shutdown().await;
        }
    })
    .await;
    for listener in [
        "protocol: tcp, cluster: other",
        "protocol: detect, routes: [], cluster: other",
    ] {
        let proxy = proxy(
            &authority,
            listener,
            application.address,
            application.address,
        )
        .await;
        let dial = authority.dial().name("shop.test");
        let mut stream = dial.connect(proxy.address).await.unwrap();
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"ping");
    }
}

#[tokio::test]
async fn a_server_may_speak_first_to_members_and_to_strangers() {
    let authority = Authority::new();
    let server = greeting().await;
    for listener in [
        "protocol: tcp, cluster: other",
        "protocol: detect, routes: [], cluster: other",
    ] {
        let proxy = proxy(&authority, listener, server.address, server.address).await;
        let mut stranger = Raw::connect(proxy.address).await;
        assert_eq!(stranger.read_until("\n").await, "220 hello\r\n");
        stranger.write("ping").await;
        assert_eq!(stranger.read_some().await, b"ping");
        let member = authority.issue("member", &[WEB]);
        let dial = authority.dial().name("127.0.0.1").show(&member);
        let mut member = dial.connect(proxy.address).await.unwrap();
        let mut greeted = [0; 11];
        member.read_exact(&mut greeted).await.unwrap();
        assert_eq!(&greeted, b"220 hello\r\n");
    }
}

#[tokio::test]
async fn a_hello_in_small_pieces_is_a_hello() {
    let (authority, web) = (Authority::new(), Endpoint::named("web").await);
    let proxy = proxy(
        &authority,
        "protocol: http, routes: [{ cluster: web }]",
        web.address,
        web.address,
    )
    .await;
    // Between the member and the proxy: what comes is handed on a few bytes at a time.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let to = proxy.address;
    tokio::spawn(async move {
        let (inward, _) = listener.accept().await.unwrap();
        let outward = tokio::net::TcpStream::connect(to).await.unwrap();
        outward.set_nodelay(true).unwrap();
        let (mut from_member, mut to_member) = inward.into_split();
        let (mut from_proxy, mut to_proxy) = outward.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_proxy, &mut to_member).await });
        let mut piece = [0; 97];
        while let Ok(length @ 1..) = from_member.read(&mut piece).await {
            to_proxy.write_all(&piece[..length]).await.unwrap();
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    });
    let member = authority.issue("member", &[WEB]);
    let dial = authority
        .dial()
        .name("127.0.0.1")
        .alpn(&["h2"])
        .show(&member);
    let mut member = Client::tls(address, &dial).await.unwrap();
    assert_eq!(member.get("/").await.text(), "web");
}

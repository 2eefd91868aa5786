//! Two proxies that know each other: TLS 1.3 between them, HTTP/2 for everything, identities that change under traffic.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use outrigger_tests::{
    Authority, Client, Endpoint, Load, Proxy, Raw, RawEndpoint, eventually, get_with, spread,
};
use tokio::time::sleep;

const CART: &str = "spiffe://example.org/ns/shop/sa/cart";
const WEB: &str = "spiffe://example.org/ns/shop/sa/web";

/// The identity of a proxy, as a table has it.
fn identity(authority: &Authority, stem: &str, id: &str) -> String {
    let issued = authority.issue(stem, &[id]);
    let (cert, key, ca) = (issued.cert.display(), issued.key.display(), authority.ca());
    format!(
        "identity: {{ cert: {cert}, key: {key}, ca: {} }}\n",
        ca.display()
    )
}

/// A sidecar that takes calls of the mesh for an application.
async fn inbound(identity: &str, application: SocketAddr) -> Proxy {
    Proxy::start(format!(
        "admin: {{ address: $ADMIN }}\naccess_log: {{ format: json }}\n{identity}listeners:\n  - {{ name: in, address: $LISTEN, tls: mesh, forward_client_cert: true, routes: [{{ cluster: app }}] }}\nclusters: {{ app: {{ endpoints: [{application}] }} }}\n"
    ))
    .await
}

fn outbound_table(identity: &str, peers: &[&Proxy], tls: &str) -> String {
    let peers: Vec<String> = peers.iter().map(|peer| peer.address.to_string()).collect();
    let peers = peers.join(", ");
    format!(
        "admin: {{ address: $ADMIN }}\n{identity}listeners:\n  - {{ name: out, address: $LISTEN, routes: [{{ cluster: cart }}] }}\nclusters: {{ cart: {{ endpoints: [{peers}], tls: {tls}, outlier_detection: off }} }}\n"
    )
}

#[tokio::test]
async fn a_hop_between_two_proxies_is_tls_13_with_http2_and_says_who_asks() {
    let authority = Authority::new();
    let application = Endpoint::echo().await;
    let cart = inbound(&identity(&authority, "cart", CART), application.address).await;
    let web = identity(&authority, "web", WEB);
    let web = Proxy::start(outbound_table(&web, &[&cart], "mesh")).await;
    let mut client = Client::http1(web.address).await;
    let lie = [("x-forwarded-client-cert", "URI=spiffe://example.org/admin")];
    let reply = client.request(get_with("/", &lie)).await;
    assert_eq!(reply.status, 200);
    let told = reply.json()["headers"]["x-forwarded-client-cert"].clone();
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    let told = told[0].as_str().unwrap().to_owned();
    assert!(told.starts_with(&format!("By={CART};Hash=")), "{told}");
    assert!(told.ends_with(&format!(";URI={WEB}")), "{told}");
    spread(web.address, 20, 500)
        .await
        .none_failed("through the mesh");
    eventually("the peer is in the access log", async || {
        let fields = format!(r#""protocol":"HTTP/2","tls":"1.3","peer":"{WEB}""#);
        cart.output().contains(&fields)
    })
    .await;
    let metrics = cart.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_peer_requests_total", &[("peer", WEB)]),
        501.0
    );
    let downstream = [("side", "downstream"), ("version", "1.3")];
    // One a worker: all requests share it.
    assert!(metrics.sum("outrigger_tls_handshakes_total", &downstream) <= 2.0);
}

#[tokio::test]
async fn who_is_not_of_the_mesh_is_not_spoken_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let application = Endpoint::named("app").await;
    let cart = inbound(&identity(&authority, "cart", CART), application.address).await;
    let web = identity(&authority, "web", WEB);
    let proxy = Proxy::start(outbound_table(&web, &[&cart], "mesh")).await;
    let mut client = Client::http1(proxy.address).await;
    let mut status = async || client.request(get_with("/", &[])).await.status.as_u16();
    assert_eq!(status().await, 200);
    let insist = |id: &str| {
        outbound_table(
            &web,
            &[&cart],
            &format!("{{ mesh: {{ identities: [{id}] }} }}"),
        )
    };
    proxy.reload(insist(CART)).await;
    assert_eq!(status().await, 200);
    proxy.reload(insist(WEB)).await;
    assert_eq!(status().await, 502);

    // A client of another mesh, one without an identity, one without certificate, one without TLS.
    let named = authority.issue("named", &["web.example"]);
    let foreign = stranger.issue("foreign", &[WEB]);
    let dial = || authority.dial().alpn(&["h2"]);
    for dial in [dial().show(&foreign), dial().show(&named), dial()] {
        let refused = match Client::tls(cart.address, &dial).await {
            Ok(mut client) => client.try_request(get_with("/", &[])).await.map(|_| ()),
            Err(error) => Err(error),
        };
        assert!(refused.is_err());
    }
    let mut plain = Raw::connect(cart.address).await;
    plain.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert!(!String::from_utf8_lossy(&plain.read_to_end().await).contains("HTTP/1.1"));
}

/// How often identities are issued anew, one a second; more often by hand.
fn rotations() -> u32 {
    let asked = std::env::var("OUTRIGGER_TESTS_ROTATIONS");
    asked.map_or(3, |asked| asked.parse().unwrap())
}

#[tokio::test]
async fn identities_and_their_authority_rotate_under_traffic_without_a_failure() {
    let (old, new) = (Authority::new(), Authority::new());
    let application = Endpoint::named("app").await;
    let dir = tempfile::TempDir::new().unwrap();
    let file = |name: &str| dir.path().join(name);
    let put = |from: PathBuf, to: &str| {
        fs::copy(from, file("new")).unwrap();
        fs::rename(file("new"), file(to)).unwrap();
    };
    let issue = |authority: &Authority| {
        for (stem, id) in [("cart", CART), ("web", WEB)] {
            let issued = authority.issue(stem, &[id]);
            put(issued.key, &format!("{stem}.key"));
            put(issued.cert, &format!("{stem}.crt"));
        }
    };
    let roots = |authorities: &[&Authority]| {
        let text: Vec<String> = authorities
            .iter()
            .map(|it| fs::read_to_string(it.ca()).unwrap())
            .collect();
        fs::write(file("new"), text.concat()).unwrap();
        fs::rename(file("new"), file("ca.crt")).unwrap();
    };
    issue(&old);
    roots(&[&old]);
    let says = |stem: &str| {
        let path = |suffix| file(&format!("{stem}.{suffix}")).display().to_string();
        format!(
            "identity: {{ cert: {}, key: {}, ca: {} }}\n",
            path("crt"),
            path("key"),
            file("ca.crt").display()
        )
    };
    let cart = inbound(&says("cart"), application.address).await;
    let max_age = "mesh, pool: { max_age: 1s }";
    let web = Proxy::start(outbound_table(&says("web"), &[&cart], max_age)).await;
    let load = Load::start(web.address, 8);
    // As mesh authorities are changed: believe both, show the new, forget the old.
    let taken = async |count: f64| {
        eventually("both have taken it", async || {
            let (cart, web) = (cart.metrics().await, web.metrics().await);
            let applied = |metrics: &outrigger_tests::Metrics| {
                metrics.sum("outrigger_tls_reloads_total", &[("outcome", "applied")])
            };
            applied(&cart) >= count && applied(&web) >= count
        })
        .await;
    };
    roots(&[&old, &new]);
    taken(1.0).await;
    issue(&new);
    taken(2.0).await;
    roots(&[&new]);
    taken(3.0).await;
    let rotations = rotations();
    for _ in 0..rotations {
        issue(&new);
        sleep(Duration::from_secs(1)).await;
    }
    // Two that come between two looks at the files are one.
    taken(3.0 + f64::from(rotations / 2)).await;
    let so_far = load.so_far().ok;
    eventually("traffic goes on", async || load.so_far().ok > so_far + 200).await;
    load.stop().await.none_failed("while identities rotated");
}

#[tokio::test]
async fn a_websocket_goes_through_the_mesh() {
    let authority = Authority::new();
    let chat = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        loop {
            let message = raw.read_some().await;
            if message.is_empty() {
                return;
            }
            raw.write(message).await;
        }
    })
    .await;
    let cart = inbound(&identity(&authority, "cart", CART), chat.address).await;
    let web = identity(&authority, "web", WEB);
    let web = Proxy::start(outbound_table(&web, &[&cart], "mesh")).await;
    let mut socket = Raw::connect(web.address).await;
    socket
        .write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    let head = socket.read_head().await.expect("an upgrade");
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    socket.write("hello").await;
    assert_eq!(socket.read_until("hello").await, "hello");
}

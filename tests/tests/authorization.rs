//! Who is let in: by identity over mutual TLS, by network, method and path; refused, only counted, or hung up on.

use std::{fs, net::SocketAddr};

use http::StatusCode;
use outrigger_tests::{
    Authority, Client, Dial, Endpoint, Proxy, Raw, RawEndpoint, eventually, get_with,
};

const CART: &str = "spiffe://example.org/ns/shop/sa/cart";
const WEB: &str = "spiffe://example.org/ns/shop/sa/web";
const BATCH: &str = "spiffe://example.org/ns/batch/sa/report";

/// A sidecar with these rules at its listener, and these on the route of `/admin`.
fn table(authority: &Authority, app: SocketAddr, listener: &str, admin: &str) -> String {
    let own = authority.issue("cart", &[CART, "localhost"]);
    format!(
        "admin: {{ address: $ADMIN }}\n\
         access_log: {{ format: json }}\n\
         identity: {{ cert: {}, key: {}, ca: {} }}\n\
         listeners:\n  - name: in\n    address: $LISTEN\n    tls: mesh\n    trail: true\n{listener}    \
         routes:\n      - {{ name: all, cluster: app }}\n      \
         - {{ name: admin, match: {{ path: {{ prefix: /admin }} }}, cluster: app{admin} }}\n\
         clusters: {{ app: {{ endpoints: [{app}] }} }}\n",
        own.cert.display(),
        own.key.display(),
        authority.ca().display(),
    )
}

/// As whom one dials.
fn dial(authority: &Authority, stem: &str, id: &str) -> Dial {
    let shown = authority.issue(stem, &[id]);
    authority.dial().alpn(&["http/1.1"]).show(&shown)
}

async fn status(proxy: &Proxy, dial: &Dial, method: &str, path: &str) -> StatusCode {
    let mut client = Client::tls(proxy.address, dial).await.unwrap();
    let mut request = get_with(path, &[]);
    *request.method_mut() = method.parse().unwrap();
    client.request(request).await.status
}

async fn decided(proxy: &Proxy, route: &str, decision: &str) -> f64 {
    let labels = [("listener", "in"), ("route", route), ("decision", decision)];
    let metrics = proxy.metrics().await;
    metrics.sum("outrigger_authorization_total", &labels)
}

#[tokio::test]
async fn rules_of_listener_and_route_must_both_let_a_caller_in_and_deny_wins() {
    let authority = Authority::new();
    let app = Endpoint::named("app").await;
    let listener = "    authorization:\n      allow:\n        \
        - { identities: [\"spiffe://example.org/ns/shop/*\"] }\n        \
        - { identities: [\"*\"], methods: [GET], paths: [{ exact: /metrics }] }\n      \
        deny: [{ methods: [DELETE] }]\n";
    let admin = format!(", authorization: {{ allow: [{{ identities: [\"{CART}\"] }}] }}");
    let proxy = Proxy::start(table(&authority, app.address, listener, &admin)).await;
    let web = dial(&authority, "web", WEB);
    let batch = dial(&authority, "batch", BATCH);
    let cart = dial(&authority, "cart2", CART);
    for (who, method, path, expected) in [
        (&web, "GET", "/", 200),
        (&web, "DELETE", "/", 403),
        (&web, "GET", "/admin/x", 403),
        (&web, "GET", "/%61dmin", 403),
        (&web, "GET", "/x/../admin", 403),
        (&cart, "GET", "/admin", 200),
        (&cart, "DELETE", "/admin", 403),
        (&batch, "GET", "/", 403),
        (&batch, "GET", "/metrics", 200),
        (&batch, "POST", "/metrics", 403),
        // Who is refused learns of no route.
        (&batch, "GET", "/admin", 403),
    ] {
        let answer = status(&proxy, who, method, path).await;
        assert_eq!(answer.as_u16(), expected, "{method} {path}");
    }
    assert_eq!(decided(&proxy, "", "denied").await, 5.0);
    assert_eq!(decided(&proxy, "", "allowed").await, 6.0);
    assert_eq!(decided(&proxy, "admin", "denied").await, 3.0);
    assert_eq!(decided(&proxy, "admin", "allowed").await, 1.0);
    let errors = proxy.metrics().await;
    assert_eq!(
        errors.sum("outrigger_errors_total", &[("reason", "denied")]),
        8.0
    );
    assert_eq!(app.seen.requests(), 3);

    let mut client = Client::tls(proxy.address, &batch).await.unwrap();
    let reply = client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await;
    assert_eq!(reply.header("x-outrigger-trail"), "refused=authorization");
    assert_eq!(
        reply.header("proxy-status"),
        "outrigger; error=http_request_denied"
    );
    eventually("the first refusal is told, with who it was", async || {
        let output = proxy.output();
        output.contains("authorization refuses a caller") && output.contains(WEB)
    })
    .await;
}

#[tokio::test]
async fn a_dry_run_counts_and_tells_and_refuses_nobody() {
    let authority = Authority::new();
    let app = Endpoint::named("app").await;
    let rules = |dry_run: bool| {
        format!(
            "    authorization: {{ allow: [{{ identities: [\"{CART}\"] }}], dry_run: {dry_run} }}\n"
        )
    };
    let proxy = Proxy::start(table(&authority, app.address, &rules(true), "")).await;
    let web = dial(&authority, "web", WEB);
    let mut client = Client::tls(proxy.address, &web).await.unwrap();
    let ask = || get_with("/", &[("x-outrigger-trail", "1")]);
    let reply = client.request(ask()).await;
    assert_eq!(reply.status, 200);
    let trail = reply.header("x-outrigger-trail");
    assert!(
        trail.starts_with("dry_run=authorization app pick="),
        "{trail}"
    );
    assert_eq!(decided(&proxy, "", "dry_run_denied").await, 1.0);
    assert_eq!(decided(&proxy, "", "denied").await, 0.0);

    // In earnest, on the connection that there is.
    proxy
        .reload(table(&authority, app.address, &rules(false), ""))
        .await;
    assert_eq!(client.request(ask()).await.status, 403);
    assert_eq!(decided(&proxy, "", "denied").await, 1.0);
}

#[tokio::test]
async fn a_network_is_where_a_trusted_proxy_says_that_the_caller_is() {
    let app = Endpoint::named("app").await;
    let proxy = Proxy::start(format!(
        "admin: {{ address: $ADMIN }}\nlisteners:\n  - address: $LISTEN\n    \
         trusted_proxies: [127.0.0.0/8]\n    \
         authorization: {{ allow: [{{ networks: [127.0.0.0/8, 10.1.0.0/16] }}], deny: [{{ networks: [10.1.6.0/24] }}] }}\n    \
         routes: [{{ cluster: app }}]\nclusters: {{ app: {{ endpoints: [{app}] }} }}\n"
    ))
    .await;
    let mut client = Client::http1(proxy.address).await;
    assert_eq!(client.get("/").await.status, 200);
    for (from, expected) in [("10.1.2.3", 200), ("10.1.6.1", 403), ("192.0.2.1", 403)] {
        let asked = client
            .request(get_with("/", &[("x-forwarded-for", from)]))
            .await;
        assert_eq!(asked.status.as_u16(), expected, "{from}");
    }
    // A trusted proxy may pass on what its caller said, and that is not to hide the caller.
    let hidden = [
        ("connection", "x-forwarded-for"),
        ("x-forwarded-for", "192.0.2.1"),
    ];
    assert_eq!(client.request(get_with("/", &hidden)).await.status, 403);
}

#[tokio::test]
async fn a_connection_that_is_not_let_in_is_closed_before_an_endpoint_hears_of_it() {
    let authority = Authority::new();
    let parrot = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.write("hello").await;
        raw.read_to_end().await;
    })
    .await;
    let own = authority.issue("cart", &[CART, "localhost"]);
    let identity = format!(
        "identity: {{ cert: {}, key: {}, ca: {} }}",
        own.cert.display(),
        own.key.display(),
        authority.ca().display()
    );
    for protocol in ["tcp", "detect"] {
        let table = |allowed: &str| {
            format!(
                "admin: {{ address: $ADMIN }}\naccess_log: {{ format: text }}\n{identity}\nlisteners:\n  - name: in\n    address: $LISTEN\n    \
                 protocol: {protocol}\n    tls: mesh\n    cluster: db\n    \
                 authorization: {{ allow: [{{ identities: [\"{allowed}\"] }}] }}\nclusters: {{ db: {{ endpoints: [{}] }} }}\n",
                parrot.address
            )
        };
        let proxy = Proxy::start(table(WEB)).await;
        let heard = async |dial: &Dial| {
            use tokio::io::AsyncReadExt as _;
            let mut stream = dial.connect(proxy.address).await.unwrap();
            if protocol == "detect" {
                use tokio::io::AsyncWriteExt as _;
                stream.write_all(b"\x01\x02\x03 opaque").await.unwrap();
            }
            let mut said = [0; 5];
            let read = stream.read_exact(&mut said).await;
            read.is_ok().then_some(said)
        };
        // Nothing is offered by ALPN: it is not HTTP.
        let shown = |stem: &str, id: &str| authority.dial().show(&authority.issue(stem, &[id]));
        let before = parrot.connections();
        assert_eq!(heard(&shown("batch", BATCH)).await, None);
        assert_eq!(parrot.connections(), before, "{protocol}");
        assert_eq!(heard(&shown("web", WEB)).await, Some(*b"hello"));
        assert_eq!(decided(&proxy, "", "denied").await, 1.0);
        assert_eq!(decided(&proxy, "", "allowed").await, 1.0);
        eventually("the refusal is in the access log", async || {
            proxy.output().contains("denied")
        })
        .await;
    }
}

#[tokio::test]
async fn the_example_is_one_that_serves() {
    let authority = Authority::new();
    let app = Endpoint::named("app").await;
    let own = authority.issue("cart", &[CART, "localhost"]);
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../config/examples/authorization.yaml"
    );
    let table = fs::read_to_string(example)
        .unwrap()
        .replace("/run/identity/tls.crt", own.cert.to_str().unwrap())
        .replace("/run/identity/tls.key", own.key.to_str().unwrap())
        .replace("/run/identity/ca.crt", authority.ca().to_str().unwrap())
        .replace("0.0.0.0:15006", "$LISTEN")
        .replace("0.0.0.0:15432", "127.0.0.1:0")
        .replace("127.0.0.1:8080", &app.address.to_string());
    let proxy = Proxy::start(format!("admin: {{ address: $ADMIN }}\n{table}")).await;
    let web = dial(&authority, "web", WEB);
    assert_eq!(status(&proxy, &web, "GET", "/").await, 200);
    assert_eq!(status(&proxy, &web, "GET", "/admin").await, 200);
    let ops = "spiffe://example.org/ns/ops/sa/prometheus";
    let ops = dial(&authority, "ops", ops);
    assert_eq!(status(&proxy, &ops, "GET", "/metrics").await, 200);
    assert_eq!(status(&proxy, &ops, "GET", "/").await, 403);
}

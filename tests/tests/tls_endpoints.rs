//! TLS with endpoints: whom the proxy believes, what it shows, what is spoken, and what becomes of a request if that fails.

use outrigger_tests::{Authority, Client, Endpoint, Proxy, Serve, Table, eventually, spread};

/// An endpoint that answers what it was asked.
async fn echo(authority: &Authority, names: &[&str], alpn: &[&str]) -> Endpoint {
    let own = authority.issue(&format!("endpoint-{}", names.join("-")), names);
    let acceptor = authority.acceptor(&own, alpn, false);
    Serve::default().tls(acceptor).echo().await
}

#[tokio::test]
async fn http2_is_spoken_to_endpoints_that_choose_it_and_http1_to_the_others() {
    let authority = Authority::new();
    for (alpn, spoken) in [
        (&["h2", "http/1.1"][..], "HTTP/2.0"),
        (&["http/1.1"], "HTTP/1.1"),
        (&[], "HTTP/1.1"),
    ] {
        let endpoint = echo(&authority, &["api.internal"], alpn).await;
        let ca = authority.ca();
        let tls = format!("tls: {{ server_name: api.internal, ca: {} }}", ca.display());
        let proxy = Proxy::start(Table::to([&endpoint]).cluster(tls)).await;
        let mut client = Client::http1(proxy.address).await;
        let reply = client.get("/a").await;
        assert_eq!(reply.json()["version"], spoken, "{alpn:?}");
        if spoken == "HTTP/2.0" {
            assert_eq!(reply.json()["uri"], "https://test.local/a");
        }
        spread(proxy.address, 8, 100).await.none_failed("over TLS");
        let most = if spoken == "HTTP/2.0" { 2 } else { 9 };
        assert!(
            endpoint.seen.connections() <= most,
            "{}",
            endpoint.seen.connections()
        );
    }
}

#[tokio::test]
async fn an_endpoint_of_another_name_is_not_spoken_to() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let right = echo(&authority, &["api.internal"], &[]).await;
    let by_address = echo(&authority, &["127.0.0.1"], &[]).await;
    let foreign = echo(&stranger, &["api.internal"], &[]).await;
    let ca = authority.ca();
    let ca = ca.display();
    let ask = async |endpoint: &Endpoint, tls: &str| {
        let table = Table::to([endpoint]).cluster(format!("tls: {tls}"));
        let proxy = Proxy::start(table.cluster("outlier_detection: off")).await;
        let reply = Client::http1(proxy.address).await.get("/").await;
        (
            reply.status.as_u16(),
            reply.header("proxy-status").to_owned(),
        )
    };
    let fine = (200, String::new());
    let refused = (502, "outrigger; error=tls_certificate_error".to_owned());
    let named = format!("{{ server_name: api.internal, ca: {ca} }}");
    assert_eq!(ask(&right, &named).await, fine);
    assert_eq!(
        ask(
            &right,
            &format!("{{ server_name: other.internal, ca: {ca} }}")
        )
        .await,
        refused
    );
    assert_eq!(ask(&foreign, &named).await, refused);
    // Without a name it is the address that counts.
    assert_eq!(ask(&by_address, &format!("{{ ca: {ca} }}")).await, fine);
    assert_eq!(ask(&right, &format!("{{ ca: {ca} }}")).await, refused);
    let insecure = "{ insecure_skip_verify_i_know_what_this_means: true }";
    assert_eq!(ask(&foreign, insecure).await, fine);
}

#[tokio::test]
async fn what_tls_refused_was_never_sent_and_goes_elsewhere() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let good = authority.issue("good", &["api.internal"]);
    let good = Serve::default()
        .tls(authority.acceptor(&good, &[], false))
        .named("good")
        .await;
    let bad = echo(&stranger, &["api.internal"], &[]).await;
    let tls = format!(
        "tls: {{ server_name: api.internal, ca: {} }}",
        authority.ca().display()
    );
    let table = Table::to([&good, &bad])
        .cluster(tls)
        .cluster("balancer: round_robin");
    let proxy = Proxy::start(table).await;
    let tally = spread(proxy.address, 2, 40).await;
    tally.none_failed("with one bad endpoint");
    assert_eq!((tally.of("good"), bad.seen.requests()), (40, 0));
    let metrics = proxy.metrics().await;
    assert!(metrics.sum("outrigger_attempts_total", &[("result", "tls_failure")]) >= 1.0);
    let failed = [("side", "upstream"), ("outcome", "bad_certificate")];
    assert!(metrics.sum("outrigger_tls_handshakes_total", &failed) >= 1.0);
}

#[tokio::test]
async fn the_proxy_shows_its_certificate_and_takes_a_new_one() {
    let authority = Authority::new();
    let own = authority.issue("endpoint", &["api.internal"]);
    let acceptor = authority.acceptor(&own, &[], true);
    let endpoint = Serve::default().tls(acceptor).named("a").await;
    let proxy_own = authority.issue("proxy", &["proxy.internal"]);
    let ca = authority.ca();
    let name = format!("server_name: api.internal, ca: {}", ca.display());
    let (cert, key) = (proxy_own.cert.display(), proxy_own.key.display());
    let shown = format!("tls: {{ {name}, cert: {cert}, key: {key} }}");
    let table = |tls: &str| {
        Table::to([&endpoint])
            .cluster(tls)
            .cluster("outlier_detection: off")
    };
    let proxy = Proxy::start(table(&format!("tls: {{ {name} }}"))).await;
    let mut client = Client::http1(proxy.address).await;
    assert_eq!(client.get("/").await.status, 502);
    proxy.reload(table(&shown)).await;
    assert_eq!(client.get("/").await.status, 200);
    authority.issue("proxy", &["proxy.internal"]);
    eventually("the new one is taken", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_tls_reloads_total", &[("outcome", "applied")]) == 1.0
    })
    .await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn connections_are_not_shared_with_what_was_believed_before() {
    let (authority, other) = (Authority::new(), Authority::new());
    let endpoint = echo(&authority, &["127.0.0.1"], &[]).await;
    let table = |authority: &Authority| {
        let tls = format!("tls: {{ ca: {} }}", authority.ca().display());
        Table::to([&endpoint])
            .cluster(tls)
            .cluster("outlier_detection: off")
    };
    let proxy = Proxy::start(table(&authority)).await;
    let mut client = Client::http1(proxy.address).await;
    assert_eq!(client.get("/").await.status, 200);
    proxy.reload(table(&other)).await;
    assert_eq!(client.get("/").await.status, 502);
    proxy
        .reload(Table::to([&endpoint]).cluster("outlier_detection: off"))
        .await;
    // Cleartext now, which the endpoint takes for no TLS.
    assert_eq!(client.get("/").await.status, 502);
    proxy.reload(table(&authority)).await;
    assert_eq!(client.get("/").await.status, 200);
}

#[tokio::test]
async fn health_checks_speak_tls_too() {
    let authority = Authority::new();
    for (check, alpn) in [
        ("{}", &["h2", "http/1.1"][..]),
        ("{}", &[]),
        ("{ tcp: {} }", &[]),
    ] {
        let right = echo(&authority, &["127.0.0.1"], alpn).await;
        let wrong = echo(&authority, &["elsewhere.internal"], alpn).await;
        let tls = format!("tls: {{ ca: {} }}", authority.ca().display());
        let table = Table::to([&right, &wrong]).cluster(tls);
        let proxy = Proxy::start(table.cluster(format!("health_check: {check}"))).await;
        eventually("the right one is up, the wrong one down", async || {
            let metrics = proxy.metrics().await;
            let checks =
                |result| metrics.sum("outrigger_health_checks_total", &[("result", result)]);
            checks("pass") >= 1.0 && checks("tls_failure") >= 1.0
        })
        .await;
        spread(proxy.address, 2, 20)
            .await
            .none_failed("with one endpoint down");
        assert_eq!(wrong.seen.requests(), 0);
    }
}

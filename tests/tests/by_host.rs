//! Requests that go to the cluster of their host's name.

use std::time::Duration;

use http::Request;
use outrigger_tests::{
    Client, Endpoint, Proxy, Reply, Switched, body, eventually, get_with, refusing_address,
};

/// A table whose only listener has these lines, and these clusters.
fn table(listener: &str, clusters: &[(&str, &str)]) -> String {
    let mut table = format!(
        "admin: {{ address: $ADMIN }}\nlisteners:\n  - name: out\n    address: $LISTEN\n    trail: true\n{listener}clusters:\n"
    );
    for (name, keys) in clusters {
        table.push_str(&format!("  \"{name}\": {{ {keys} }}\n"));
    }
    table
}

fn at(endpoint: impl std::fmt::Display) -> String {
    format!("endpoints: [\"{endpoint}\"]")
}

async fn ask(proxy: &Proxy, host: &str) -> Reply {
    let headers = [("host", host), ("x-outrigger-trail", "1")];
    let mut client = Client::http1(proxy.address).await;
    client.request(get_with("/", &headers)).await
}

#[tokio::test]
async fn the_host_names_the_cluster_with_its_port_or_without() {
    let (billing, other) = (
        Endpoint::named("billing").await,
        Endpoint::named("81").await,
    );
    let clusters = [("billing", at(&billing)), ("billing:81", at(&other))];
    let clusters = clusters.each_ref().map(|(name, keys)| (*name, &**keys));
    // Without routes: that is what such a listener does.
    let proxy = Proxy::start(table("", &clusters)).await;
    for host in [
        "billing",
        "billing:80",
        "Billing",
        "BILLING:8080",
        "billing.",
    ] {
        let reply = ask(&proxy, host).await;
        assert_eq!(reply.text(), "billing", "{host}");
        assert!(
            reply
                .header("x-outrigger-trail")
                .starts_with("billing pick=")
        );
    }
    for host in ["billing:81", "Billing:81"] {
        assert_eq!(ask(&proxy, host).await.text(), "81", "{host}");
    }

    let to = |uri: &str| Request::get(uri).body(body::empty()).unwrap();
    let mut http2 = Client::http2(proxy.address).await;
    assert_eq!(http2.request(to("http://billing:81/")).await.text(), "81");
    assert_eq!(http2.request(to("http://billing/")).await.text(), "billing");
    let mut absolute = Client::http1(proxy.address).await;
    let mut request = to("http://billing:81/");
    request
        .headers_mut()
        .insert("host", "billing".parse().unwrap());
    assert_eq!(absolute.request(request).await.text(), "81");

    let routes = [("route", "out/0")];
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_requests_total", &routes), 10.0);
    let attempts = |cluster| metrics.sum("outrigger_attempts_total", &[("cluster", cluster)]);
    assert_eq!((attempts("billing"), attempts("billing:81")), (6.0, 4.0));
}

#[tokio::test]
async fn a_host_that_names_no_cluster_is_answered_with_404() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(table("", &[("a", &at(&endpoint))])).await;
    for host in ["b", "a.b", "a-", "127.0.0.1:80", "[::1]:80"] {
        let reply = ask(&proxy, host).await;
        assert_eq!(reply.status, 404, "{host}");
        assert_eq!(
            (reply.header("proxy-status"), reply.header("server")),
            ("outrigger; error=destination_not_found", "outrigger")
        );
    }
    let mut grpc = Client::http2(proxy.address).await;
    let call = Request::post("http://b/s.S/M").header("content-type", "application/grpc");
    let reply = grpc.request(call.body(body::empty()).unwrap()).await;
    assert_eq!(
        (reply.header("grpc-status"), reply.header("grpc-message")),
        ("12", "no_cluster")
    );
    let metrics = proxy.metrics().await;
    assert_eq!(
        metrics.sum("outrigger_errors_total", &[("reason", "no_cluster")]),
        6.0
    );
    assert_eq!(metrics.sum("outrigger_attempts_total", &[]), 0.0);
    assert_eq!(ask(&proxy, "a").await.text(), "a");
}

#[tokio::test]
async fn filters_do_their_work_and_do_not_change_the_cluster() {
    let echo = Endpoint::echo().await;
    let routes = "    routes:\n      \
         - cluster_by: host\n        filters:\n          \
         - request_headers: { set: { x-tier: gold } }\n          \
         - response_headers: { set: { x-seen: \"1\" } }\n          \
         - rewrite: { host: other.test }\n      \
         - match: { path: { prefix: /old } }\n        cluster_by: host\n        \
         filters: [ { redirect: { prefix: /new } } ]\n";
    let proxy = Proxy::start(table(routes, &[("billing", &at(&echo))])).await;
    let reply = ask(&proxy, "billing").await;
    let seen = reply.json();
    assert_eq!(seen["headers"]["host"][0], "other.test", "{seen}");
    assert_eq!(seen["headers"]["x-tier"][0], "gold", "{seen}");
    assert_eq!(reply.header("x-seen"), "1");

    let mut client = Client::http1(proxy.address).await;
    let old = get_with("/old/a", &[("host", "nobody")]);
    assert_eq!(client.request(old).await.status, 302);
}

#[tokio::test]
async fn the_policies_of_the_cluster_hold() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let weighted =
        format!("balancer: round_robin, endpoints: [ {{ address: \"{a}\", weight: 3 }}, \"{b}\" ]");
    let dead = refusing_address();
    let half = format!("balancer: round_robin, endpoints: [\"{dead}\", \"{a}\"]");
    let broken = format!(
        "endpoints: [\"{dead}\"], circuit_breaker: {{ min_requests: 1, open_time: 1m, fallback: {{ cluster: weighted }} }}"
    );
    let clusters = [
        ("weighted", &*weighted),
        ("half", &half),
        ("broken", &broken),
    ];
    let proxy = Proxy::start(table("", &clusters)).await;

    let mut client = Client::http1(proxy.address).await;
    for _ in 0..40 {
        let request = get_with("/", &[("host", "weighted")]);
        assert_eq!(client.request(request).await.status, 200);
    }
    assert_eq!((a.seen.requests(), b.seen.requests()), (30, 10));

    for _ in 0..4 {
        assert_eq!(ask(&proxy, "half").await.text(), "a");
    }
    // The first request opens the breaker.
    assert_eq!(ask(&proxy, "broken").await.status, 200);
    let reply = ask(&proxy, "broken").await;
    assert_eq!(reply.status, 200);
    let trail = reply.header("x-outrigger-trail");
    assert!(
        trail.starts_with("broken refused=circuit_breaker fallback=weighted"),
        "{trail}"
    );
}

#[tokio::test]
async fn hedges_by_percentile_know_the_clusters_of_all_hosts() {
    let (a, b) = (Switched::start("a").await, Switched::start("b").await);
    let both = format!("balancer: round_robin, endpoints: [\"{a}\", \"{b}\"]");
    let hedged = "    routes: [ { cluster_by: host, hedge: { after: p90 } } ]\n";
    let clusters = [("one", &*both), ("two", &both), ("three", &both)];
    let proxy = Proxy::start(table(hedged, &clusters)).await;
    for host in ["three", "one", "two"] {
        for _ in 0..120 {
            ask(&proxy, host).await;
        }
        eventually("it is known what is slow", async || {
            let clusters = proxy.admin_get("/clusters").await.json();
            clusters[host]["latency_ms"]["p90"].is_number()
        })
        .await;
        a.traffic.delay(Duration::from_secs(1));
        eventually("a slow one gets company", async || {
            let reply = ask(&proxy, host).await;
            reply.header("x-outrigger-trail").contains(" hedge pick=")
        })
        .await;
        a.traffic.delay(Duration::ZERO);
    }
}

#[tokio::test]
async fn a_reload_adds_a_host_and_takes_it_away() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let (to_a, to_b) = (at(&a), at(&b));
    let one = table("", &[("a", &to_a)]);
    let proxy = Proxy::start(one.as_str()).await;
    assert_eq!(ask(&proxy, "b").await.status, 404);
    let mut kept = Client::http1(proxy.address).await;
    let to = |host| get_with("/", &[("host", host)]);
    assert_eq!(kept.request(to("a")).await.text(), "a");

    proxy.reload(table("", &[("b", &to_b), ("a", &to_a)])).await;
    assert_eq!(kept.request(to("b")).await.text(), "b");
    assert_eq!(kept.request(to("a")).await.text(), "a");

    proxy.reload(one).await;
    eventually("the host is gone", async || {
        kept.request(to("b")).await.status == 404
    })
    .await;
    assert_eq!(kept.request(to("a")).await.text(), "a");
}

//! Which route takes a request, and what its filters make of it.

use outrigger_tests::{
    Client, Endpoint, Finished, Proxy, Reply, Table, get_with, outrigger, refusing_address,
};

/// A GET of `url` (host and path) with headers.
async fn ask(proxy: &Proxy, url: &str, headers: &[(&str, &str)]) -> Reply {
    let (host, path) = url.split_at(url.find('/').expect("a path"));
    let headers = [&[("host", host)], headers].concat();
    let mut client = Client::http1(proxy.address).await;
    client.request(get_with(path, &headers)).await
}

/// A table whose routes are given; clusters `a`, `b` and `c` answer their names.
async fn stage(routes: &str) -> (Vec<Endpoint>, Proxy) {
    let mut endpoints = Vec::new();
    let mut table = format!(
        "admin: {{ address: $ADMIN }}\nlisteners:\n  - address: $LISTEN\n    routes:\n{routes}\nclusters:\n"
    );
    for name in ["a", "b", "c"] {
        let endpoint = Endpoint::named(name).await;
        table.push_str(&format!("  {name}: {{ endpoints: [\"{endpoint}\"] }}\n"));
        endpoints.push(endpoint);
    }
    let proxy = Proxy::start(table).await;
    (endpoints, proxy)
}

/// The four ways in which users name a version.
const VERSIONS: &str = r#"
      - { match: { path: { prefix: /v23 } }, cluster: b }
      - { match: { headers: { x-version: "23" } }, cluster: b }
      - { match: { headers: { accept: { regex: ".*application/vnd\\.company\\.v23\\+json.*" } } }, cluster: b }
      - { match: { query: { version: "23" } }, cluster: b }
      - { cluster: a }
"#;

#[tokio::test]
async fn a_version_is_found_in_path_header_accept_or_query() {
    let (_endpoints, proxy) = stage(VERSIONS).await;
    for (url, headers) in [
        ("shop.test/v23/cart", &[][..]),
        ("shop.test/v23", &[]),
        ("shop.test/cart", &[("x-version", "23")]),
        (
            "shop.test/cart",
            &[("accept", "application/vnd.company.v23+json")],
        ),
        ("shop.test/cart?a=b&version=23", &[]),
    ] {
        assert_eq!(
            ask(&proxy, url, headers).await.text(),
            "b",
            "{url} {headers:?}"
        );
    }
    for (url, headers) in [
        ("shop.test/cart", &[][..]),
        ("shop.test/v234/cart", &[]),
        ("shop.test/V23/cart", &[]),
        ("shop.test/cart", &[("x-version", "234")]),
        (
            "shop.test/cart",
            &[("accept", "application/vnd.company.v24+json")],
        ),
        ("shop.test/cart?version=230", &[]),
        ("shop.test/cart?version=22&version=23", &[]),
    ] {
        assert_eq!(
            ask(&proxy, url, headers).await.text(),
            "a",
            "{url} {headers:?}"
        );
    }
}

#[tokio::test]
async fn the_most_specific_route_wins_whatever_the_order() {
    let routes = [
        r#"      - { match: { hosts: ["shop.test"], path: { exact: /a/b } }, cluster: a }"#,
        r#"      - { match: { hosts: ["shop.test"], path: { prefix: /a } }, cluster: b }"#,
        r#"      - { match: { hosts: ["*.test"], path: { exact: /a/b } }, cluster: c }"#,
        r#"      - { match: { hosts: ["shop.test"], path: { prefix: /a }, methods: [GET], headers: { x-a: "1" } }, cluster: c }"#,
        r#"      - { cluster: c }"#,
    ];
    let mut orders = vec![routes.to_vec(), routes.iter().rev().copied().collect()];
    orders.push([2, 0, 4, 1, 3].map(|i| routes[i]).to_vec());
    for order in orders {
        let (_endpoints, proxy) = stage(&order.join("\n")).await;
        for (url, headers, cluster) in [
            ("shop.test/a/b", &[][..], "a"),
            ("shop.test:8080/a/b", &[], "a"),
            ("SHOP.test/a/b", &[], "a"),
            ("shop.test/a/c", &[], "b"),
            ("shop.test/a/c", &[("x-a", "1")], "c"),
            ("shop.test/ab", &[], "c"),
            ("x.y.test/a/b", &[], "c"),
            ("elsewhere/a/b", &[], "c"),
        ] {
            assert_eq!(
                ask(&proxy, url, headers).await.text(),
                cluster,
                "{url} {headers:?}\n{}",
                order.join("\n")
            );
        }
    }
}

#[tokio::test]
async fn a_canary_gets_its_share() {
    let (endpoints, proxy) = stage("      - clusters: { a: 90, b: 10 }").await;
    let tally = outrigger_tests::spread(proxy.address, 4, 2000).await;
    // 200 expected, standard deviation 13.
    assert!(
        (130..=270).contains(&tally.of("b")),
        "{:?}",
        tally.by_endpoint
    );
    assert_eq!(tally.ok, 2000);
    drop(endpoints);
}

#[tokio::test]
async fn filters_edit_headers_both_ways() {
    let echo = Endpoint::echo().await;
    let proxy = Proxy::start(
        r#"
admin: { address: $ADMIN }
listeners:
  - address: $LISTEN
    routes:
      - cluster: echo
        filters:
          - request_headers: { set: { x-set: new }, add: { x-added: "2" }, remove: [x-gone] }
          - response_headers: { set: { content-type: text/plain }, add: { x-served: here }, remove: [x-secret] }
clusters:
  echo: { endpoints: ["$ECHO"] }
"#
        .replace("$ECHO", &echo.to_string()),
    )
    .await;
    let reply = ask(
        &proxy,
        "a.test/",
        &[("x-set", "old"), ("x-added", "1"), ("x-gone", "there")],
    )
    .await;
    let headers = &reply.json()["headers"];
    assert_eq!(headers["x-set"], serde_json::json!(["new"]));
    assert_eq!(
        headers["x-added"].to_string().matches(['1', '2']).count(),
        2,
        "{headers}"
    );
    assert_eq!(headers["x-gone"], serde_json::Value::Null);
    assert_eq!(
        (reply.header("content-type"), reply.header("x-served")),
        ("text/plain", "here")
    );
}

#[tokio::test]
async fn a_rewritten_path_keeps_its_query() {
    let echo = Endpoint::echo().await;
    let proxy = Proxy::start(
        r#"
admin: { address: $ADMIN }
listeners:
  - address: $LISTEN
    routes:
      - { match: { path: { prefix: /api/v1 } }, filters: [ { rewrite: { prefix: /inner } } ], cluster: echo }
      - { match: { path: { prefix: /root } }, filters: [ { rewrite: { prefix: / } } ], cluster: echo }
      - { match: { path: { exact: /old } }, filters: [ { rewrite: { path: /new, host: other.test } } ], cluster: echo }
clusters:
  echo: { endpoints: ["$ECHO"] }
"#
        .replace("$ECHO", &echo.to_string()),
    )
    .await;
    for (asked, seen) in [
        ("a.test/api/v1/x/y?q=1", "/inner/x/y?q=1"),
        ("a.test/api/v1", "/inner"),
        ("a.test/root/x", "/x"),
        ("a.test/root", "/"),
        ("a.test/old?q", "/new?q"),
    ] {
        assert_eq!(ask(&proxy, asked, &[]).await.json()["uri"], seen, "{asked}");
    }
    assert_eq!(
        ask(&proxy, "a.test/old", &[]).await.json()["headers"]["host"],
        serde_json::json!(["other.test"])
    );
}

#[tokio::test]
async fn redirects_and_direct_responses_need_no_endpoint() {
    let (endpoints, proxy) = stage(
        r#"
      - { match: { path: { prefix: /secure } }, filters: [ { redirect: { scheme: https, status: 301 } } ] }
      - { match: { path: { prefix: /closed } }, filters: [ { respond: { status: 503, body: "back at noon" } } ] }
      - { cluster: a }
"#,
    )
    .await;
    let moved = ask(&proxy, "shop.test/secure/x?y=z", &[]).await;
    assert_eq!(
        (moved.status.as_u16(), moved.header("location")),
        (301, "https://shop.test/secure/x?y=z")
    );
    let closed = ask(&proxy, "shop.test/closed", &[]).await;
    assert_eq!(
        (closed.status.as_u16(), closed.text()),
        (503, "back at noon")
    );
    assert!(
        endpoints
            .iter()
            .all(|endpoint| endpoint.seen.requests() == 0)
    );
}

#[tokio::test]
async fn a_redirect_keeps_the_scheme_that_a_trusted_proxy_names() {
    let table = |trusted| {
        Table::to([refusing_address()])
            .listener(format!("trusted_proxies: [{trusted}]"))
            .route("filters: [ { redirect: { host: new.test } } ]")
    };
    for (trusted, location) in [
        ("127.0.0.0/8", "https://new.test/x?y"),
        ("192.0.2.0/24", "http://new.test/x?y"),
    ] {
        let proxy = Proxy::start(table(trusted)).await;
        let moved = ask(&proxy, "a.test/x?y", &[("x-forwarded-proto", "https")]).await;
        assert_eq!(moved.header("location"), location, "trusted: {trusted}");
    }
}

#[tokio::test]
async fn every_example_file_is_valid() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/examples");
    for entry in std::fs::read_dir(examples).expect("config/examples") {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            let output = outrigger().arg("check").arg(&path).output().unwrap();
            assert!(output.status.success(), "{}: {output:?}", path.display());
        }
    }
}

#[tokio::test]
async fn explain_says_which_route_and_cluster_a_request_would_meet() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let table = r#"
listeners:
  - { name: edge, address: "127.0.0.1:1", routes: [
      { name: new-shop, match: { path: { prefix: /v23 }, headers: { x-a: "1" } }, clusters: { web: 90, canary: 10 } },
      { name: rest, match: { methods: [GET] }, cluster: web } ] }
clusters:
  web: { endpoints: ["127.0.0.1:2"] }
  canary: { endpoints: ["127.0.0.1:3"] }
"#;
    std::fs::write(&file, table).unwrap();
    let explain = |arguments: &[&str]| {
        let output = outrigger()
            .args(["explain", "--config"])
            .arg(file.path())
            .args(arguments)
            .output()
            .unwrap();
        Finished::from(output)
    };
    let met = explain(&["GET", "http://shop.test/v23/x", "-H", "X-A: 1"]);
    let text = &met.output;
    assert!(
        text.contains("new-shop") && text.contains("canary"),
        "{text}"
    );
    assert_eq!(met.code, Some(0), "{text}");
    let rest = explain(&["GET", "http://shop.test/v23/x"]);
    let text = &rest.output;
    assert!(text.contains("rest") && text.contains("web"), "{text}");
    let none = explain(&["POST", "http://shop.test/v23/x"]);
    assert_eq!(none.code, Some(1), "{}", none.output);
}

//! The HTTP API of the control plane: tables with conditions, history, and who is let in.

use http::Method;
use outrigger_tests::{Control, Raw, Reply, eventually};
use serde_json::Value;

const SHOP: &str = "clusters:\n  shop: { endpoints: [127.0.0.1:9001] }\n";
const EDGE: &str =
    "listeners:\n  - name: edge\n    address: 127.0.0.1:1\n    routes: [ { cluster: shop } ]\n";

async fn put(control: &Control, name: &str, headers: &[(&str, &str)], text: &str) -> Reply {
    let path = format!("/tables/{name}");
    control
        .ask(Method::PUT, &path, headers, text.to_owned())
        .await
}

async fn names(control: &Control) -> Vec<String> {
    let tables = control.get("/tables").await.json();
    let tables = tables.as_array().unwrap().iter();
    tables
        .map(|table| table["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_table_is_read_with_its_etag_and_not_twice() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let reply = control.get("/tables/shop").await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, SHOP));
    assert_eq!(
        reply.header("content-type"),
        "application/yaml; charset=utf-8"
    );
    let etag = reply.header("etag").to_owned();
    assert!(etag.starts_with('"') && etag.len() > 10, "{etag}");
    let same = [("if-none-match", etag.as_str())];
    let again = control.ask(Method::GET, "/tables/shop", &same, "").await;
    assert_eq!((again.status.as_u16(), again.text()), (304, ""));

    let list = control.get("/tables").await.json();
    assert_eq!(list[0]["name"], "shop");
    assert_eq!(list[0]["place"], "tables/shop.yaml");
    assert_eq!(list[0]["etag"], etag.trim_matches('"'));
}

#[tokio::test]
async fn a_put_is_in_force_at_once_and_kept_by_the_source() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let reply = put(&control, "edge", &[], EDGE).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let told = reply.json();
    assert_eq!(told["created"], true);
    assert_eq!(told["differences"][0]["kind"], "listener");
    assert_eq!(told["differences"][0]["change"], "added");
    assert_eq!(control.read("tables/edge.yaml").as_deref(), Some(EDGE));
    assert_eq!(names(&control).await, ["edge", "shop"]);
    let versions = control.get("/versions").await.json();
    assert_eq!(versions[0]["version"], told["version"]);
    let source = versions[0]["source"].as_str().unwrap();
    assert!(source.starts_with("api by 127.0.0.1:"), "{source}");

    let same = put(&control, "edge", &[], EDGE).await;
    assert_eq!(same.status, 200);
    assert_eq!(same.json()["differences"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn of_two_who_write_at_once_one_is_told() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let etag = control.get("/tables/shop").await.header("etag").to_owned();
    let read = [("if-match", etag.as_str())];
    let (one, other) = (SHOP.replace("9001", "9002"), SHOP.replace("9001", "9003"));
    let first = put(&control, "shop", &read, &one).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let second = put(&control, "shop", &read, &other).await;
    assert_eq!(second.status, 412);
    assert_eq!(second.header("etag"), first.header("etag"));
    assert_eq!(control.get("/tables/shop").await.text(), one);

    let absent = [("if-none-match", "*")];
    assert_eq!(put(&control, "shop", &absent, &other).await.status, 412);
    assert_eq!(
        put(&control, "new", &read, "clusters: {}").await.status,
        412
    );
    let made = put(&control, "new", &absent, "clusters: {}").await;
    assert_eq!(made.status, 201);
    let unclear = [("if-match", "abc")];
    assert_eq!(put(&control, "shop", &unclear, &other).await.status, 400);
}

#[tokio::test]
async fn a_dry_run_tells_and_does_nothing() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let before = control.get("/versions").await.body;
    let path = "/tables/shop?dry_run=true";
    let other = SHOP.replace("9001", "9002");
    let reply = control.ask(Method::PUT, path, &[], other.clone()).await;
    assert_eq!(reply.status, 200);
    let told = reply.json();
    assert_eq!(told["dry_run"], true);
    assert_eq!(told["problems"], Value::Array(Vec::new()));
    assert_eq!(told["differences"].as_array().unwrap().len(), 2);

    let text = [("accept", "text/plain")];
    let reply = control.ask(Method::PUT, path, &text, other).await;
    assert!(
        reply
            .text()
            .contains("\n+  shop: { endpoints: [127.0.0.1:9002] }\n"),
        "{}",
        reply.text()
    );

    let wrong = control.ask(Method::PUT, path, &[], "clusters: 3").await;
    assert_eq!(wrong.status, 200);
    assert_eq!(wrong.json()["problems"][0]["path"], "clusters");
    let gone = control.ask(Method::DELETE, path, &[], "").await;
    assert_eq!(gone.status, 200);
    assert_eq!(control.get("/tables/shop").await.text(), SHOP);
    assert_eq!(control.get("/versions").await.body, before);
}

#[tokio::test]
async fn all_that_is_wrong_with_a_put_is_said_and_nothing_changes() {
    let control = Control::start(&[("shop", SHOP), ("edge", EDGE)]).await;
    let before = control.get("/versions").await.body;
    let wrong = "clusters:\n  shop: { endpoints: [nonsense], balancr: random }\n";
    let reply = put(&control, "shop", &[], wrong).await;
    assert_eq!(reply.status, 422);
    let told = reply.json();
    let problems = told["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 2, "{told:#}");
    assert_eq!(problems[0]["file"], "tables/shop.yaml");
    assert_eq!(problems[0]["line"], 2);
    let text = [("accept", "text/plain")];
    let shown = put(&control, "shop", &text, wrong).await;
    assert!(
        shown.text().contains("--> tables/shop.yaml:2:"),
        "{}",
        shown.text()
    );

    for text in [
        "",
        "clusters: {",
        "- a",
        "\u{0}",
        "clusters: &a [*a]",
        "clusters: {}\nadmin: {}\n",
        "clusters: { other: { endpoints: [] } }",
    ] {
        let reply = put(&control, "shop", &[], text).await;
        assert_eq!(reply.status, 422, "{text:?}: {}", reply.text());
    }
    let bytes = control.ask(Method::PUT, "/tables/shop", &[], &b"\xff\xfe"[..]);
    assert_eq!(bytes.await.status, 422);
    // The other needs it.
    let gone = control.ask(Method::DELETE, "/tables/shop", &[], "").await;
    assert_eq!(gone.status, 422, "{}", gone.text());
    assert_eq!(control.get("/tables/shop").await.text(), SHOP);
    assert_eq!(control.get("/versions").await.body, before);
}

#[tokio::test]
async fn a_name_leads_nowhere_but_to_a_table() {
    let control = Control::start(&[("shop", SHOP)]).await;
    for name in [
        "..%2Fescaped",
        "%2e%2e%2fescaped",
        "..%5Cescaped",
        "%2Fetc%2Fescaped",
        ".hidden",
        "a%00b",
        "a%20b",
        "a%0Ab",
        "%ff",
        "%C3%A4",
        "-rf",
        &"a".repeat(300),
    ] {
        let reply = put(&control, name, &[], SHOP).await;
        assert_eq!(reply.status, 400, "{name}: {}", reply.text());
        let reply = control.get(&format!("/tables/{name}")).await;
        assert!([400, 404].contains(&reply.status.as_u16()), "{name}");
    }
    for path in [
        "/tables/../escaped",
        "/tables//escaped",
        "/tables/a/b",
        "/tables/",
    ] {
        let reply = control.ask(Method::PUT, path, &[], SHOP).await;
        assert!(
            [400, 404].contains(&reply.status.as_u16()),
            "{path}: {}",
            reply.status
        );
    }
    assert_eq!(control.tables(), ["shop.yaml"]);
    assert!(control.read("escaped.yaml").is_none());
}

#[tokio::test]
async fn what_can_not_be_a_table_is_refused_by_its_kind_and_size() {
    let control = Control::start(&[("shop", SHOP)]).await;
    for headers in [
        &[("content-type", "text/html")][..],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "text/yaml; charset=utf-16")],
        &[("content-encoding", "gzip")],
    ] {
        let reply = put(&control, "new", headers, SHOP).await;
        assert_eq!(reply.status, 415, "{headers:?}");
    }
    let large = format!("# {}\n{SHOP}", "x".repeat(4 << 20));
    assert_eq!(put(&control, "new", &[], &large).await.status, 413);
    let query = control.ask(Method::PUT, "/tables/new?dryrun=true", &[], SHOP);
    assert_eq!(query.await.status, 400, "a misspelt dry run is no real one");
    let query = control.ask(Method::PUT, "/tables/new?dry_run=yes", &[], SHOP);
    assert_eq!(query.await.status, 400);
    assert_eq!(names(&control).await, ["shop"]);

    let mut raw = Raw::connect(control.http).await;
    let half = "PUT /tables/new HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n";
    raw.write(half.to_owned() + SHOP).await;
    raw.finish().await;
    raw.read_to_end().await;
    assert_eq!(names(&control).await, ["shop"], "half a body is no table");
}

#[tokio::test]
async fn pages_of_other_sites_are_kept_out() {
    let control = Control::start_with(&[("shop", SHOP)], &["--allow-host", "mesh.internal"]).await;
    let own = format!("http://{}", control.http);
    for (headers, status) in [
        (&[("origin", "http://evil.example")][..], 403),
        (&[("origin", "null")], 403),
        (&[("origin", own.as_str())], 200),
        (&[("host", "evil.example")], 403),
        (&[("host", "mesh.internal:4181")], 200),
        (&[("host", "localhost")], 200),
    ] {
        let reply = control.ask(Method::GET, "/tables", headers, "").await;
        assert_eq!(reply.status.as_u16(), status, "{headers:?}");
        let reply = put(&control, "shop", headers, SHOP).await;
        assert_eq!(reply.status.as_u16(), status, "{headers:?}");
    }
    let reply = control.get("/tables/shop").await;
    assert_eq!(reply.header("x-content-type-options"), "nosniff");
    assert_eq!(reply.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn history_is_listed_compared_and_rolled_back() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let first = control.get("/versions").await.json()[0]["version"].clone();
    let first = first.as_str().unwrap();
    let other = SHOP.replace("9001", "9002");
    assert_eq!(put(&control, "shop", &[], &other).await.status, 200);

    let diff = format!("/diff?from={first}");
    let differences = control.get(&diff).await.json();
    let changes: Vec<_> = differences.as_array().unwrap().iter().collect();
    assert_eq!(changes.len(), 2, "{differences:#}");
    assert_eq!(changes[0]["kind"], "endpoint");
    let text = [("accept", "text/plain")];
    let shown = control.ask(Method::GET, &diff, &text, "").await;
    assert!(
        shown
            .text()
            .contains("-  shop: { endpoints: [127.0.0.1:9001] }")
    );

    let old = control.get(&format!("/versions/{first}")).await.json();
    assert_eq!(old["tables"]["shop"], SHOP);

    let back = format!("/rollback?to={first}");
    let dry = format!("{back}&dry_run=true");
    let would = control.ask(Method::POST, &dry, &[], "").await;
    assert_eq!(would.json()["dry_run"], true);
    assert_eq!(control.get("/tables/shop").await.text(), other);
    let done = control.ask(Method::POST, &back, &[], "").await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(done.json()["version"], first);
    assert_eq!(control.get("/tables/shop").await.text(), SHOP);
    assert_eq!(control.read("tables/shop.yaml").as_deref(), Some(SHOP));
    assert_eq!(
        control
            .get("/versions")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        3
    );

    for path in [
        "/diff?from=nonsense",
        "/versions/nonsense",
        "/versions/..%2f",
    ] {
        assert_eq!(control.get(path).await.status, 404, "{path}");
    }
    assert_eq!(control.get("/diff").await.status, 400);
    let unknown = control.ask(Method::POST, "/rollback?to=nonsense", &[], "");
    assert_eq!(unknown.await.status, 404);
}

#[tokio::test]
async fn what_the_source_can_not_hold_is_refused_with_a_way_out() {
    let arguments = ["--config", "tables/shop.yaml"];
    let control = Control::start_with(&[("shop", SHOP)], &arguments).await;
    let other = put(&control, "edge", &[], EDGE).await;
    assert_eq!(other.status, 405, "{}", other.text());
    assert!(other.header("allow").contains("GET"), "{:?}", other.headers);
    assert!(other.text().contains("start with a directory"));
    let gone = control.ask(Method::DELETE, "/tables/shop", &[], "").await;
    assert_eq!(gone.status, 405);
    let own = put(&control, "shop", &[], &SHOP.replace("9001", "9002")).await;
    assert_eq!(own.status, 200, "{}", own.text());
}

#[tokio::test]
async fn several_changes_are_one_or_none() {
    let control = Control::start(&[("shop", SHOP), ("edge", EDGE)]).await;
    let etag = control.get("/tables/shop").await;
    let etag = etag.header("etag").trim_matches('"').to_owned();
    let post = async |body: Value| {
        let headers = [("content-type", "application/json")];
        let body = body.to_string();
        control.ask(Method::POST, "/tables", &headers, body).await
    };
    let both = |etag: &str| {
        serde_json::json!({ "tables": {
            "shop": { "text": null, "expected": { "etag": etag } },
            "edge": { "text": format!("{EDGE}{SHOP}") },
        } })
    };
    assert_eq!(post(both("another")).await.status, 412);
    let absent = serde_json::json!({ "tables": { "shop": { "text": "", "expected": "absent" } } });
    assert_eq!(post(absent).await.status, 412);
    let half = serde_json::json!({ "tables": { "shop": { "text": null } } });
    assert_eq!(post(half).await.status, 422);
    for wrong in [
        serde_json::json!({ "tables": { "../shop": { "text": "" } } }),
        serde_json::json!({ "tables": { "shop": { "txt": "" } } }),
        serde_json::json!([]),
    ] {
        assert_eq!(post(wrong).await.status, 400);
    }
    assert_eq!(
        control
            .get("/versions")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );

    let done = post(both(&etag)).await;
    assert_eq!(done.status, 200, "{}", done.text());
    assert_eq!(control.tables(), ["edge.yaml"]);
    assert_eq!(
        control
            .get("/versions")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn what_the_file_system_says_is_shown_too() {
    let control = Control::start(&[("shop", SHOP)]).await;
    control.write("tables/edge.yaml", EDGE);
    eventually("the new file is a table", async || {
        names(&control).await == ["edge", "shop"]
    })
    .await;
    control.write("tables/edge.yaml", "listeners: 3\n");
    eventually("what is wrong with it is shown", async || {
        let list = control.get("/tables").await.json();
        list[0]["problems"][0]["path"] == "listeners"
    })
    .await;
    let metrics = control.get("/metrics").await;
    assert!(
        metrics.text().contains("\noutrigger_tables_refused 1\n"),
        "{}",
        metrics.text()
    );
    assert!(
        metrics.text().contains("\noutrigger_tables 2\n"),
        "the last right one stays"
    );
}

#[tokio::test]
async fn a_client_that_stops_midway_does_not_hold_up_the_end() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let mut head = Raw::connect(control.http).await;
    head.write("GET /tables HTTP/1.1\r\nhost: local").await;
    let mut body = Raw::connect(control.http).await;
    let half = "PUT /tables/new HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nclus";
    body.write(half).await;
    let idle = Raw::connect(control.http).await;
    control.get("/live").await;
    control.sigterm();
    let finished = control.finished().await;
    assert_eq!(finished.code, Some(0), "{}", finished.output);
    drop((head, body, idle));
}

#[tokio::test]
async fn a_wrong_way_is_shown_the_right_ones() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let index = control.get("/").await;
    assert!(index.text().contains("/tables/NAME"));
    let missing = control.get("/nothing").await;
    assert_eq!(missing.status, 404);
    assert!(missing.json()["hint"].as_str().unwrap().contains("GET /"));
    let wrong = control.ask(Method::POST, "/tables/shop", &[], "").await;
    assert_eq!(wrong.status, 405);
    assert!(wrong.header("allow").contains("PUT"), "{:?}", wrong.headers);
    let rollback = control.get("/rollback").await;
    assert_eq!(rollback.status, 405);
    assert_eq!(control.get("/live").await.text(), "live\n");
}

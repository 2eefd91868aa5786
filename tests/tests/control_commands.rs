//! The commands of `outrigger-control`: what is said, and with which exit code.

use outrigger_tests::{Control, Finished, Proxy, eventually, free_address, outrigger_control};

const SHOP: &str = "clusters:\n  shop: { endpoints: [127.0.0.1:9001] }\n";
const EDGE: &str =
    "listeners:\n  - name: edge\n    address: 127.0.0.1:1\n    routes: [ { cluster: shop } ]\n";

fn run(arguments: &[&str]) -> Finished {
    outrigger_control().args(arguments).output().unwrap().into()
}

fn says(finished: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(finished.code, Some(code), "{}", finished.output);
    for part in parts {
        assert!(
            finished.output.contains(part),
            "no `{part}` in:\n{}",
            finished.output
        );
    }
    assert!(
        !finished.output.contains('\u{1b}'),
        "colours, but nobody sees them"
    );
}

#[tokio::test]
async fn a_directory_is_checked_as_a_whole_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    says(
        &run(&["check", path]),
        78,
        &["there is no table in it", "hint: "],
    );
    write("shop.yaml", SHOP);
    write("edge.yml", EDGE);
    write(".shop.yaml.swp", "nonsense");
    says(
        &run(&["check", path]),
        0,
        &[
            "edge.yml: ok; listeners: 1, routes: 1, clusters: 0\n",
            "shop.yaml: ok",
        ],
    );
    let alone = format!("{path}/edge.yml");
    says(
        &run(&["check", &alone]),
        78,
        &["edge.yml:4:", "no cluster named `shop`"],
    );

    write("shop.yaml", &SHOP.replace("endpoints", "endpoint"));
    write("edge.yml", &EDGE.replace("address", "adress"));
    says(
        &run(&["check", path]),
        78,
        &["shop.yaml:2:", "edge.yml:", "adress"],
    );
    let json = run(&["check", path, "--output", "json"]);
    says(&json, 78, &["\"file\": ", "\"line\": 2", "\"hint\": "]);
    write("no name.yaml", SHOP);
    says(
        &run(&["check", path]),
        78,
        &["no name.yaml", "is not the name of a table"],
    );
    says(&run(&["check", "/nowhere"]), 78, &["/nowhere"]);
    says(&run(&["check"]), 64, &[]);
}

#[tokio::test]
async fn a_diff_shows_what_a_push_then_does() {
    let control = Control::start(&[("shop", SHOP)]).await;
    control.write("next/shop.yaml", &SHOP.replace("9001", "9002"));
    control.write("next/edge.yaml", EDGE);
    let shown = [
        "--- a/shop\n+++ b/shop\n",
        "\n-  shop: { endpoints: [127.0.0.1:9001] }\n+  shop: { endpoints: [127.0.0.1:9002] }\n",
        "+++ b/edge",
    ];
    let diff = control.command(&["diff", "next"]).await;
    says(&diff, 1, &shown);
    let dry = control.command(&["push", "next", "--dry-run"]).await;
    says(&dry, 0, &shown);
    says(&dry, 0, &["would push 2 tables\n"]);
    assert_eq!(control.get("/tables/shop").await.text(), SHOP);

    let push = control.command(&["push", "next"]).await;
    says(&push, 0, &shown);
    says(&push, 0, &["pushed 2 tables: version "]);
    assert_eq!(control.read("tables/edge.yaml").as_deref(), Some(EDGE));
    let same = control.command(&["diff", "next"]).await;
    assert_eq!((same.code, same.output.as_str()), (Some(0), ""));
    let again = control.command(&["push", "next"]).await;
    says(&again, 0, &["nothing to push"]);
}

#[tokio::test]
async fn tables_that_are_only_right_together_are_pushed_together() {
    let control = Control::start(&[("shop", SHOP), ("edge", EDGE)]).await;
    // The cluster moves from one table to the other: neither half would do.
    control.write("next/shop.yaml", "clusters: {}\n");
    control.write("next/edge.yaml", &format!("{EDGE}{SHOP}"));
    let push = control.command(&["push", "next"]).await;
    says(&push, 0, &["pushed 2 tables: version "]);
    let versions = control.get("/versions").await.json();
    assert_eq!(
        versions.as_array().unwrap().len(),
        2,
        "one change: {versions:#}"
    );
}

#[tokio::test]
async fn what_is_not_in_the_directory_stays_unless_it_is_pruned() {
    let control = Control::start(&[("shop", SHOP), ("other", "clusters: {}\n")]).await;
    control.write("next/shop.yaml", SHOP);
    says(
        &control.command(&["push", "next"]).await,
        0,
        &["nothing to push"],
    );
    let pruned = control.command(&["push", "next", "--prune"]).await;
    says(
        &pruned,
        0,
        &["--- a/other\n+++ /dev/null\n", "pushed 1 table: version "],
    );
    assert_eq!(control.tables(), ["shop.yaml"]);
}

#[tokio::test]
async fn wrong_tables_are_not_pushed_and_named_by_their_files() {
    let control = Control::start(&[("shop", SHOP)]).await;
    control.write("edge.yaml", &EDGE.replace("cluster: shop", "cluster: shp"));
    let push = control.command(&["push", "edge.yaml"]).await;
    says(
        &push,
        78,
        &[
            "edge.yaml:4:",
            "no cluster named `shp`",
            "did you mean `shop`?",
        ],
    );
    assert_eq!(control.tables(), ["shop.yaml"]);
}

#[tokio::test]
async fn versions_are_listed_and_an_old_one_comes_back() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let first = control.get("/versions").await.json()[0]["version"].clone();
    let first = first.as_str().unwrap();
    control.write("shop.yaml", &SHOP.replace("9001", "9002"));
    says(&control.command(&["push", "shop.yaml"]).await, 0, &[]);

    let versions = control.command(&["versions"]).await;
    says(
        &versions,
        0,
        &[first, "endpoint shop/127.0.0.1:9002 added", "api by"],
    );
    let lines: Vec<&str> = versions.output.lines().collect();
    assert!(lines[0].starts_with("#  VERSION"), "{}", lines[0]);
    assert!(lines[1].starts_with("2  ") && lines[2].starts_with("1  "));
    let diff = control.command(&["diff", "--from", first]).await;
    says(&diff, 1, &["+  shop: { endpoints: [127.0.0.1:9002] }"]);
    let json = control
        .command(&["diff", "--from", first, "--output", "json"])
        .await;
    says(&json, 1, &["\"kind\": \"endpoint\""]);

    let dry = control.command(&["rollback", first, "--dry-run"]).await;
    says(
        &dry,
        0,
        &[
            "would roll back to version",
            "+  shop: { endpoints: [127.0.0.1:9001] }",
        ],
    );
    let back = control.command(&["rollback", first]).await;
    says(&back, 0, &["+  shop: { endpoints: [127.0.0.1:9001] }"]);
    says(&back, 0, &[&format!("rolled back to version {first}\n")]);
    assert_eq!(control.get("/tables/shop").await.text(), SHOP);
    let again = control.command(&["rollback", first]).await;
    says(&again, 0, &["nothing to roll back"]);
    let unknown = control.command(&["rollback", "no-such"]).await;
    says(&unknown, 1, &["there is no version `no-such`", "hint: "]);
}

#[tokio::test]
async fn proxies_are_listed_with_what_they_have_and_endpoints_with_what_is_known() {
    let control = Control::start(&[("shop", SHOP)]).await;
    let version = control.get("/versions").await.json()[0]["version"].clone();
    let version = version.as_str().unwrap();
    let proxy = Proxy::controlled(&[control.xds], &["--label", "role=edge"]);
    eventually("the proxy is listed and in step", async || {
        let proxies = control.command(&["proxies"]).await;
        assert_eq!(proxies.code, Some(0), "{}", proxies.output);
        let line = proxies.output.lines().nth(1).unwrap_or_default().to_owned();
        line.starts_with("test ")
            && line.contains("role=edge")
            && line.contains(version)
            && line.ends_with("in step")
    })
    .await;
    let json = control.command(&["proxies", "--output", "json"]).await;
    says(&json, 0, &["\"id\": \"test\""]);

    let endpoints = control.command(&["endpoints", "shop"]).await;
    says(
        &endpoints,
        0,
        &["CLUSTER  ENDPOINT", "shop     127.0.0.1:9001"],
    );
    let unknown = control.command(&["endpoints", "shp"]).await;
    says(&unknown, 1, &["there is no cluster `shp`", "hint: "]);
    drop(proxy);
    eventually("the proxy is shown as gone", async || {
        let proxies = control.command(&["proxies"]).await;
        proxies.output.contains("gone since 20")
    })
    .await;
}

#[tokio::test]
async fn a_control_plane_that_is_away_is_named_with_what_to_do() {
    let nobody = free_address().to_string();
    for command in [
        &["versions"][..],
        &["proxies"],
        &["endpoints"],
        &["rollback", "1"],
        &["diff", "--from", "1"],
    ] {
        let finished = run(&[command, &["--server", &nobody]].concat());
        says(
            &finished,
            69,
            &[
                &nobody,
                "no control plane answers",
                "outrigger-control --config",
            ],
        );
    }
    // Something else than a control plane is there.
    let other = outrigger_tests::Endpoint::named("a").await;
    let server = other.address.to_string();
    let asked = tokio::task::spawn_blocking(move || run(&["versions", "--server", &server]));
    says(&asked.await.unwrap(), 69, &["error: "]);
}

//! Flags, their environment twins, and exit codes that mean something.

use std::fs;

use outrigger_tests::{
    Client, Endpoint, Finished, Proxy, Table, eventually, free_address, outrigger,
};
use tempfile::NamedTempFile;

fn run(arguments: &[&str]) -> Finished {
    outrigger().args(arguments).output().unwrap().into()
}

fn check(table: &str) -> Finished {
    let file = NamedTempFile::new().unwrap();
    fs::write(&file, table).unwrap();
    run(&["check", file.path().to_str().unwrap()])
}

const GOOD: &str = "listeners: [ { address: \"127.0.0.1:1\", routes: [ { cluster: web } ] } ]\nclusters: { web: { endpoints: [\"127.0.0.1:2\"] } }\n";

#[test]
fn a_good_file_checks_with_0() {
    let finished = check(GOOD);
    assert_eq!(finished.code, Some(0), "{}", finished.output);
    let said = finished.output.trim_end();
    assert!(
        said.ends_with(": ok; listeners: 1, routes: 1, clusters: 1"),
        "{said}"
    );
}

#[test]
fn every_mistake_of_a_file_is_told_at_once_with_78() {
    let finished = check(
        &GOOD
            .replace("cluster: web", "cluster: wep, tiemout: 1s")
            .replace("127.0.0.1:2", "nonsense"),
    );
    assert_eq!(finished.code, Some(78));
    for part in ["wep", "web", "tiemout", "timeout", "nonsense", ":1:"] {
        assert!(
            finished.output.contains(part),
            "no `{part}` in:\n{}",
            finished.output
        );
    }
}

#[test]
fn a_file_that_is_not_there_checks_with_78_and_its_name() {
    let finished = run(&["check", "/nowhere/outrigger.yaml"]);
    assert_eq!(finished.code, Some(78), "{}", finished.output);
    assert!(
        finished.output.contains("/nowhere/outrigger.yaml"),
        "{}",
        finished.output
    );
}

#[test]
fn usage_mistakes_end_with_64() {
    for arguments in [
        &["--no-such-flag"][..],
        &["check"],
        &["--workers", "many", "--config", "x"],
        &["no-such-command"],
        &[],
        &["--control", "token@control"],
        &["--control", "control", "--control-cert", "a.crt"],
        &["--control", "control:port"],
        &["--control", "control", "--label", "role"],
    ] {
        let finished = run(arguments);
        assert_eq!(
            finished.code,
            Some(64),
            "{arguments:?}: {}",
            finished.output
        );
        assert!(!finished.output.is_empty());
    }
}

#[test]
fn whoever_has_nothing_to_serve_is_told_what_could_be() {
    let said = run(&[]).output;
    assert!(
        said.contains("--config") && said.contains("--control"),
        "{said}"
    );
}

#[tokio::test]
async fn what_an_orchestrator_leaves_empty_is_not_given() {
    let endpoint = Endpoint::named("a").await;
    let empty = ["CONTROL", "LABELS", "NODE", "CLUSTER", "CACHE_DIR", "ZONE"];
    let empty = empty.map(|name| format!("OUTRIGGER_{name}"));
    let empty: Vec<(&str, &str)> = empty.iter().map(|name| (&**name, "")).collect();
    let mut proxy = Proxy::spawn(Table::to([&endpoint]), &[], &empty);
    proxy.becomes_ready().await;
    assert_eq!(run(&["--config", ""]).code, Some(64));
}

#[test]
fn help_and_version_end_with_0() {
    let help = run(&["--help"]);
    assert_eq!(help.code, Some(0));
    for flag in [
        "--config",
        "--control",
        "--workers",
        "--admin",
        "OUTRIGGER_CONFIG",
        "check",
        "explain",
    ] {
        assert!(help.output.contains(flag), "no {flag} in:\n{}", help.output);
    }
    assert_eq!(run(&["--version"]).code, Some(0));
}

#[tokio::test]
async fn a_bad_file_at_the_start_ends_with_78() {
    let finished = Proxy::spawn("listeners: nonsense\n", &[], &[])
        .finished()
        .await;
    assert_eq!(finished.code, Some(78), "{}", finished.output);
}

#[tokio::test]
async fn an_address_in_use_ends_with_1_and_says_which() {
    let endpoint = Endpoint::named("a").await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let table = String::from(Table::to([&endpoint]));
    for table in [
        table.replace("$LISTEN", &address),
        table.replace("$ADMIN", &address),
    ] {
        let finished = Proxy::spawn(table, &[], &[]).finished().await;
        assert_eq!(finished.code, Some(1), "{}", finished.output);
        assert!(
            finished.output.contains(&address) && finished.output.to_lowercase().contains("in use"),
            "{}",
            finished.output
        );
    }
}

#[tokio::test]
async fn flags_win_over_the_environment_and_both_over_the_file() {
    let endpoint = Endpoint::named("a").await;
    let (by_environment, by_flag) = (free_address(), free_address());
    let environment = [
        ("OUTRIGGER_ADMIN", &*by_environment.to_string()),
        ("OUTRIGGER_WORKERS", "1"),
    ];
    let flag = by_flag.to_string();
    for (arguments, admin) in [
        (&[][..], by_environment),
        (&["--admin", &flag][..], by_flag),
    ] {
        let proxy = Proxy::spawn(Table::to([&endpoint]), arguments, &environment);
        eventually("the admin server is where it was told", async || {
            tokio::net::TcpStream::connect(admin).await.is_ok()
        })
        .await;
        eventually("the listener is there", async || {
            tokio::net::TcpStream::connect(proxy.address).await.is_ok()
        })
        .await;
        assert_eq!(Client::http1(admin).await.get("/live").await.status, 200);
        assert!(
            proxy.try_admin_get("/live").await.is_none(),
            "the file's address is not used"
        );
    }
}

#[tokio::test]
async fn the_config_flag_has_its_environment_twin() {
    let endpoint = Endpoint::named("a").await;
    let directory = tempfile::tempdir().unwrap();
    let (address, admin) = (free_address(), free_address());
    let table = String::from(Table::to([&endpoint])).replace("$LISTEN", &address.to_string());
    let file = directory.path().join("table.yaml");
    fs::write(&file, table.replace("$ADMIN", &admin.to_string())).unwrap();
    let mut child = outrigger().env("OUTRIGGER_CONFIG", &file).spawn().unwrap();
    eventually("it serves", async || {
        tokio::net::TcpStream::connect(address).await.is_ok()
    })
    .await;
    assert_eq!(Client::http1(address).await.get("/").await.text(), "a");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[tokio::test]
async fn one_worker_and_many_serve_alike() {
    let endpoint = Endpoint::named("a").await;
    for workers in ["1", "2", "5"] {
        let proxy = Proxy::start_with(Table::to([&endpoint]), &["--workers", workers]).await;
        assert_eq!(
            outrigger_tests::spread(proxy.address, 16, 200).await.ok,
            200,
            "{workers} workers"
        );
    }
}

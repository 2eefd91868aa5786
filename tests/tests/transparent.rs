//! Transparent listeners as far as that takes no rights: who is turned away, and what `outrigger init` would do. With rules
//! and pods: `tests/interop/checks/transparent.py`.

use outrigger_tests::{Finished, Proxy, Raw, eventually, outrigger};

#[tokio::test]
async fn who_calls_the_listener_itself_is_turned_away_and_counted() {
    for (way, protocol) in [
        ("outbound", "detect"),
        ("inbound", "http"),
        ("outbound", "tcp"),
    ] {
        let proxy = Proxy::start(format!(
            "admin: {{ address: $ADMIN }}\nlisteners:\n  - {{ name: l, address: $LISTEN, protocol: {protocol}, transparent: {way} }}\n"
        ))
        .await;
        let mut raw = Raw::connect(proxy.address).await;
        assert_eq!(raw.read_to_end().await, b"", "{way}");
        let labels = [("listener", "l"), ("reason", "direct")];
        let refused = proxy.metrics().await;
        let refused = refused.sum("outrigger_transparent_refusals_total", &labels);
        assert!(refused >= 1.0, "{refused}");
        eventually("it is in the log", async || {
            proxy
                .output()
                .contains("connections are refused: nobody is meant to call")
        })
        .await;
    }
}

#[tokio::test]
async fn a_listener_may_become_transparent_and_ordinary_again() {
    let table = |transparent: &str| {
        format!(
            "admin: {{ address: $ADMIN }}\nlisteners:\n  - {{ name: l, address: $LISTEN, protocol: http{transparent}, routes: [{{ filters: [{{ respond: {{}} }}] }}] }}\n"
        )
    };
    let proxy = Proxy::start(table("")).await;
    let serves = async || {
        let mut client = outrigger_tests::Client::try_http1(proxy.address)
            .await
            .unwrap();
        let reply = client.try_request(outrigger_tests::get("/")).await;
        reply.is_ok_and(|reply| reply.status == 200)
    };
    assert!(serves().await);
    proxy.reload(table(", transparent: outbound")).await;
    assert!(!serves().await);
    proxy.reload(table("")).await;
    assert!(serves().await);
}

fn init(arguments: &[&str]) -> Finished {
    outrigger()
        .arg("init")
        .args(arguments)
        .output()
        .unwrap()
        .into()
}

#[test]
fn the_rules_can_be_looked_at_without_being_set() {
    let nft = init(&["--dry-run", "--with", "nft", "--proxy-uid", "77"]);
    assert_eq!(nft.code, Some(0), "{}", nft.output);
    for part in [
        "table inet outrigger {",
        "redirect to :15001",
        "redirect to :15006",
        "meta skuid 77 ",
    ] {
        assert!(nft.output.contains(part), "no `{part}` in:\n{}", nft.output);
    }
    let iptables = init(&["--dry-run", "--with", "iptables"]);
    let lines = iptables.output.lines().filter(|line| *line == "COMMIT");
    assert_eq!(lines.count(), 2, "{}", iptables.output);
    let removed = init(&["--dry-run", "--remove"]);
    assert!(
        removed.output.contains("delete table inet outrigger"),
        "{}",
        removed.output
    );
}

#[test]
fn flags_that_make_no_sense_end_with_64() {
    for arguments in [
        &["--inbound-port", "7", "--outbound-port", "7"][..],
        &["--inbound-port", "0", "--outbound-port", "0"],
        &["--exclude-inbound-ports", "http"],
        &["--exclude-outbound-cidrs", "10.0.0.0/33"],
        &["--inbound-by", "tproxy", "--with", "iptables", "--dry-run"],
    ] {
        let finished = init(arguments);
        assert_eq!(
            finished.code,
            Some(64),
            "{arguments:?}: {}",
            finished.output
        );
    }
}

//! Who was let in at the control plane, and is not to be any more, while a stream lasts.

use std::time::{Duration, SystemTime};

use super::*;

const OTHER_TOKEN: &str = "proxies-fedcba9876543210";

/// A table that needs no endpoints, and that several proxies may serve beside each other.
const TABLE: &str = "listeners: [{ name: edge, address: '127.0.0.1:0', routes: [{ filters: [{ respond: {} }] }] }]\n";

/// A proxy that shows the certificate in these files.
fn with_certificate(keys: &Keys, control: &Control, stem: &str) -> Proxy {
    let (cert, key) = (format!("{stem}.crt"), format!("{stem}.key"));
    let arguments = [
        ("--control-ca", keys.file("ca.crt")),
        ("--control-cert", keys.file(&cert)),
        ("--control-key", keys.file(&key)),
    ];
    let arguments: Vec<&str> = arguments
        .iter()
        .flat_map(|(flag, file)| [*flag, file.as_str()])
        .collect();
    Proxy::controlled(&[control.xds], &arguments)
}

async fn is_connected(proxy: &Proxy) -> bool {
    let metrics = proxy.metrics().await;
    metrics.sum("outrigger_control_connected", &[]) == 1.0
}

#[tokio::test]
async fn a_token_that_is_taken_away_ends_the_streams_that_began_by_it() {
    let keys = Keys::new();
    let other = keys.directory.path().join("other");
    std::fs::write(&other, OTHER_TOKEN).unwrap();
    keys.put("proxies.token", &format!("{PROXY_TOKEN}\n{OTHER_TOKEN}\n"));
    keys.put("proxy.token", PROXY_TOKEN);
    let mut arguments = keys.tls();
    arguments.truncate(4);
    arguments.extend(["--xds-token-file".to_owned(), keys.file("proxies.token")]);
    let control = start(&[("edge", TABLE)], &arguments).await;
    let ca = keys.file("ca.crt");
    let proxy = |token: &str| {
        let files = ["--control-ca", &ca, "--control-token-file", token];
        Proxy::controlled(&[control.xds], &files)
    };
    let mut leaves = proxy(&keys.file("proxy.token"));
    let mut stays = proxy(other.to_str().unwrap());
    leaves.becomes_ready().await;
    stays.becomes_ready().await;
    keys.put("proxies.token", OTHER_TOKEN);
    eventually("it is told that its token is good no more", async || {
        leaves.output().contains("the token is not known")
    })
    .await;
    assert!(
        !stays.output().contains("no control plane"),
        "{}",
        stays.output()
    );
    // Whoever has a good one again is let in again.
    keys.put("proxy.token", OTHER_TOKEN);
    eventually("it is connected again", async || {
        is_connected(&leaves).await
    })
    .await;
}

#[tokio::test]
async fn roots_that_are_taken_away_end_the_connections_that_began_by_them() {
    let keys = Keys::new();
    let roots = keys.directory.path().join("roots.pem");
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let believed = Authority::new();
    let both = read(keys.authority.ca()) + &read(believed.ca());
    keys.put("roots.pem", &both);
    let mut arguments = keys.tls();
    arguments.truncate(4);
    arguments.extend(["--client-ca".to_owned(), roots.to_str().unwrap().to_owned()]);
    arguments.extend([
        "--xds-allow-identity".to_owned(),
        "spiffe://example.org/ns/*".to_owned(),
    ]);
    let control = start(&[("edge", TABLE)], &arguments).await;
    keys.authority.issue("web", &[WEB]);
    let mut web = with_certificate(&keys, &control, "web");
    web.becomes_ready().await;
    // Other roots that vouch for it are no reason to leave.
    keys.put("roots.pem", &read(keys.authority.ca()));
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(
        !web.output().contains("no control plane"),
        "{}",
        web.output()
    );
    keys.put("roots.pem", &read(believed.ca()));
    control.says("nobody vouches any more").await;
    eventually("it is let in no more", async || {
        web.output().contains("no control plane")
    })
    .await;
}

#[tokio::test]
async fn a_proxy_whose_certificate_ends_comes_back_with_its_next_one() {
    let keys = Keys::new();
    let mut arguments = keys.tls();
    arguments.extend([
        "--xds-allow-identity".to_owned(),
        "spiffe://example.org/ns/*".to_owned(),
    ]);
    let control = start(&[("edge", TABLE)], &arguments).await;
    keys.authority.issue_with("web", &[WEB], |params| {
        params.not_after = (SystemTime::now() + Duration::from_secs(6)).into();
    });
    let mut web = with_certificate(&keys, &control, "web");
    web.becomes_ready().await;
    keys.authority.issue("web", &[WEB]);
    control.says("nobody vouches any more").await;
    eventually("it is connected again", async || {
        let output = web.output();
        output.matches("connected to a control plane").count() == 2 && is_connected(&web).await
    })
    .await;
}

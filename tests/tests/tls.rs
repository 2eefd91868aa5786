//! TLS with callers: which certificate they are shown, what they speak, who they are, and that a renewal touches nobody.

mod key_exchange;

use std::{
    fs,
    time::{Duration, Instant},
};

use outrigger_tests::{
    Authority, Client, Endpoint, Issued, Proxy, Raw, Serve, Table, eventually, get_with,
};
use rustls::{
    SupportedProtocolVersion,
    version::{TLS12, TLS13},
};

static ONLY_TLS12: [&SupportedProtocolVersion; 1] = [&TLS12];
static ONLY_TLS13: [&SupportedProtocolVersion; 1] = [&TLS13];

/// A table whose listener shows these certificates.
fn showing(certificates: &[&Issued], endpoint: &Endpoint) -> Table {
    let certificates: Vec<String> = certificates.iter().map(ToString::to_string).collect();
    let certificates = certificates.join(", ");
    Table::to([endpoint]).listener(format!("tls: {{ certificates: [{certificates}] }}"))
}

#[tokio::test]
async fn callers_speak_what_alpn_agrees_on_in_either_version() {
    let authority = Authority::new();
    let endpoint = Endpoint::echo().await;
    let own = authority.issue("own", &["localhost"]);
    let proxy = Proxy::start(showing(&[&own], &endpoint)).await;
    for versions in [&ONLY_TLS12, &ONLY_TLS13] {
        for alpn in [&["h2", "http/1.1"][..], &["http/1.1"], &[]] {
            let dial = authority.dial().version(versions).alpn(alpn);
            let mut client = Client::tls(proxy.address, &dial).await.unwrap();
            assert_eq!(matches!(client, Client::Http2(_)), alpn.len() == 2);
            let reply = client
                .request(get_with("/", &[("host", "localhost")]))
                .await;
            assert_eq!(reply.status, 200);
            let headers = reply.json()["headers"].clone();
            assert_eq!(headers["x-forwarded-proto"][0], "https");
            let forwarded = headers["forwarded"][0].as_str().unwrap();
            assert!(forwarded.ends_with("proto=https"), "{forwarded}");
        }
    }
    let metrics = proxy.metrics().await;
    for version in ["1.2", "1.3"] {
        let labels = [
            ("side", "downstream"),
            ("version", version),
            ("outcome", "full"),
        ];
        assert_eq!(metrics.sum("outrigger_tls_handshakes_total", &labels), 3.0);
    }
    let took = metrics.sum("outrigger_tls_handshake_duration_seconds_count", &[]);
    assert_eq!(took, 6.0);
}

#[tokio::test]
async fn the_certificate_is_that_of_the_name_that_is_asked_for() {
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let first = authority.issue("first", &["first.example"]);
    let exact = authority.issue("exact", &["shop.example.com"]);
    let wildcard = authority.issue("wildcard", &["*.example.com"]);
    let proxy = Proxy::start(showing(&[&first, &exact, &wildcard], &endpoint)).await;
    let shown = async |name: &str| {
        let dial = authority.dial().name(name);
        let stream = dial.connect(proxy.address).await?;
        let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        let is = |issued: &Issued| issued.holds(&certificate);
        Ok::<_, String>([is(&first), is(&exact), is(&wildcard)])
    };
    assert_eq!(shown("shop.example.com").await, Ok([false, true, false]));
    assert_eq!(shown("cart.example.com").await, Ok([false, false, true]));
    assert_eq!(shown("first.example").await, Ok([true, false, false]));
    // The first is for all others, who find out that it is not theirs.
    let other = shown("other.example").await.unwrap_err();
    assert!(other.contains("not valid for name"), "{other}");
}

#[tokio::test]
async fn a_host_of_another_certificate_is_misdirected() {
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let shop = authority.issue("shop", &["shop.example.com", "www.example.com"]);
    let pay = authority.issue("pay", &["pay.example.com"]);
    let proxy = Proxy::start(showing(&[&shop, &pay], &endpoint)).await;
    let dial = authority.dial().name("shop.example.com").alpn(&["h2"]);
    let mut client = Client::tls(proxy.address, &dial).await.unwrap();
    for (host, status) in [
        ("shop.example.com", 200),
        ("SHOP.example.com:8443", 200),
        ("www.example.com", 200),
        ("pay.example.com", 421),
        ("other.example.com", 421),
    ] {
        let reply = client.request(get_with("/", &[("host", host)])).await;
        assert_eq!(reply.status, status, "{host}");
    }
    let refused = [("reason", "misdirected")];
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_errors_total", &refused), 2.0);
}

#[tokio::test]
async fn sessions_are_resumed_on_any_worker() {
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let own = authority.issue("own", &["localhost"]);
    let proxy = Proxy::start_with(showing(&[&own], &endpoint), &["--workers", "3"]).await;
    let dial = authority.dial().keep_sessions();
    let connect = async || {
        let mut client = Client::tls(proxy.address, &dial).await.unwrap();
        // The tickets come behind the handshake.
        let request = get_with("/", &[("host", "localhost")]);
        assert_eq!(client.request(request).await.status, 200);
    };
    for _ in 0..12 {
        connect().await;
    }
    let metrics = proxy.metrics().await;
    let handshakes =
        |outcome| metrics.sum("outrigger_tls_handshakes_total", &[("outcome", outcome)]);
    assert_eq!((handshakes("full"), handshakes("resumed")), (1.0, 11.0));
}

#[tokio::test]
async fn a_certificate_is_renewed_under_traffic_without_a_failure() {
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let own = authority.issue("own", &["localhost"]);
    let proxy = Proxy::start(showing(&[&own], &endpoint)).await;
    let dial = authority.dial();
    let ask = || get_with("/", &[("host", "localhost")]);
    let mut kept = Client::tls(proxy.address, &dial).await.unwrap();
    let end = Instant::now() + Duration::from_secs(4);
    let mut seen = std::collections::BTreeSet::new();
    let mut renewed = Instant::now();
    while Instant::now() < end {
        if renewed.elapsed() > Duration::from_millis(500) {
            authority.issue("own", &["localhost"]);
            renewed = Instant::now();
        }
        assert_eq!(kept.request(ask()).await.status, 200);
        let stream = dial.connect(proxy.address).await.unwrap();
        let certificate = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
        seen.insert(certificate.to_vec());
        let mut fresh = Client::tls(proxy.address, &dial).await.unwrap();
        assert_eq!(fresh.request(ask()).await.status, 200);
    }
    assert!(seen.len() > 3, "{}", seen.len());
    let metrics = proxy.metrics().await;
    let renewals = metrics.sum("outrigger_tls_reloads_total", &[("outcome", "applied")]);
    assert!(renewals > 3.0, "{renewals}");
    assert_eq!(metrics.sum("outrigger_downstream_errors_total", &[]), 0.0);
}

#[tokio::test]
async fn a_secret_swap_is_picked_up() {
    use std::os::unix::fs::symlink;
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let secret = authority.path("secret");
    let swap = |number: u32| {
        let issued = authority.issue("own", &["localhost"]);
        let version = secret.join(format!("..{number}"));
        fs::create_dir_all(&version).unwrap();
        fs::copy(&issued.cert, version.join("tls.crt")).unwrap();
        fs::copy(&issued.key, version.join("tls.key")).unwrap();
        symlink(format!("..{number}"), secret.join("..data_tmp")).unwrap();
        fs::rename(secret.join("..data_tmp"), secret.join("..data")).unwrap();
        issued
    };
    let mut issued = swap(0);
    symlink("..data/tls.crt", secret.join("tls.crt")).unwrap();
    symlink("..data/tls.key", secret.join("tls.key")).unwrap();
    (issued.cert, issued.key) = (secret.join("tls.crt"), secret.join("tls.key"));
    let proxy = Proxy::start(showing(&[&issued], &endpoint)).await;
    for number in 1..4 {
        swap(number);
        eventually("the new secret is shown", async || {
            let stream = authority.dial().connect(proxy.address).await.unwrap();
            let shown = stream.get_ref().1.peer_certificates().unwrap()[0].clone();
            issued.holds(&shown)
        })
        .await;
    }
}

#[tokio::test]
async fn a_bad_pair_is_refused_in_words_and_the_old_one_serves_on() {
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let own = authority.issue("own", &["localhost"]);
    let proxy = Proxy::start(showing(&[&own], &endpoint)).await;
    let good = (fs::read(&own.cert).unwrap(), fs::read(&own.key).unwrap());
    let other = authority.issue("other", &["localhost"]);
    let expired = authority.issue_for("expired", &["localhost"], 3, 2);
    let text = |path: &std::path::Path| fs::read(path).unwrap();
    let cases = [
        (
            text(&other.cert),
            good.1.clone(),
            "the key is not that of the certificate",
        ),
        (text(&expired.cert), text(&expired.key), "expired on "),
        (
            text(&authority.ca()),
            text(&authority.path("ca.key")),
            "the certificate of an authority (CA:TRUE)",
        ),
        (Vec::new(), good.1.clone(), "the file is empty"),
        (
            good.1.clone(),
            good.0.clone(),
            "are `cert` and `key` swapped?",
        ),
        (b"hello".to_vec(), good.1.clone(), "no PEM"),
        (
            good.0[..good.0.len() / 2].to_vec(),
            good.1.clone(),
            "broken PEM",
        ),
    ];
    for (cert, key, words) in cases {
        let before = proxy.output().len();
        fs::write(&own.key, key).unwrap();
        fs::write(&own.cert, cert).unwrap();
        eventually(words, async || {
            let output = &proxy.output()[before..];
            output.contains(words) && output.contains("what was there serves on")
        })
        .await;
        let mut client = Client::tls(proxy.address, &authority.dial()).await.unwrap();
        let reply = client
            .request(get_with("/", &[("host", "localhost")]))
            .await;
        assert_eq!(reply.status, 200);
    }
    assert!(!proxy.output().contains("PRIVATE KEY-----"));
    let metrics = proxy.metrics().await;
    assert!(metrics.sum("outrigger_tls_reloads_total", &[("outcome", "refused")]) >= 7.0);
}

#[tokio::test]
async fn a_table_with_a_bad_pair_does_not_start_and_is_not_taken() {
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let own = authority.issue("own", &["localhost"]);
    let other = authority.issue("other", &["localhost"]);
    let mixed = Issued {
        cert: own.cert.clone(),
        ..other
    };
    let finished = Proxy::spawn(showing(&[&mixed], &endpoint), &[], &[])
        .finished()
        .await;
    assert_eq!(finished.code, Some(78), "{}", finished.output);
    assert!(
        finished.output.contains("listener `edge`:"),
        "{}",
        finished.output
    );
    assert!(
        finished.output.contains("the key is not that of"),
        "{}",
        finished.output
    );

    let proxy = Proxy::start(showing(&[&own], &endpoint)).await;
    proxy.write_table(showing(&[&own, &mixed], &endpoint));
    eventually("the table is refused", async || {
        proxy.output().contains("the new table is refused")
    })
    .await;
    assert!(authority.dial().connect(proxy.address).await.is_ok());
}

#[tokio::test]
async fn what_runs_out_is_shown_and_told() {
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let long = authority.issue_for("long", &["long.example"], 1, 365);
    let short = authority.issue_for("short", &["short.example"], 80, 90);
    // Better than nothing, at the start.
    let over = authority.issue_for("over", &["over.example"], 10, 5);
    let proxy = Proxy::start(showing(&[&long, &short, &over], &endpoint)).await;
    eventually("it is told", async || {
        let output = proxy.output();
        output.contains("a certificate runs out") && output.contains("clients refuse it")
    })
    .await;
    assert!(!proxy.output().contains("long.crt"));
    let metrics = proxy.metrics().await;
    let name = "outrigger_tls_certificate_expiry_timestamp_seconds";
    let file = short.cert.display().to_string();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let left = metrics.sum(name, &[("certificate", &file)]) - now.unwrap().as_secs_f64();
    assert!((9.0..11.0).contains(&(left / 86_400.0)), "{left}");
    assert_eq!(metrics.series(name, &[]), 3);
}

#[tokio::test]
async fn callers_show_certificates_that_are_asked_for() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let endpoint = Endpoint::echo().await;
    let own = authority.issue("own", &["localhost"]);
    let alice = authority.issue("alice", &["alice.example"]);
    let mallory = authority.issue("mallory", &["mallory.example"]);
    let foreign = stranger.issue("foreign", &["alice.example"]);
    let crl = authority.revoke("clients.crl", &[&mallory]);
    let table = |ask: &str| {
        let (ca, crl) = (authority.ca(), crl.display());
        let ca = ca.display();
        Table::to([&endpoint]).listener(format!(
            "tls: {{ certificates: [{own}], client_certificates: {ask}, client_ca: {ca}, crl: {crl} }}"
        )).listener("forward_client_cert: true").top("access_log: {}")
    };
    let proxy = Proxy::start(table("required")).await;
    let ask = async |shown: Option<&Issued>| {
        let dial = authority.dial();
        let dial = shown.map_or(dial.clone(), |issued| dial.show(issued));
        let mut client = Client::tls(proxy.address, &dial).await?;
        let lie = [
            ("host", "localhost"),
            ("x-forwarded-client-cert", "URI=spiffe://evil"),
        ];
        client.try_request(get_with("/", &lie)).await
    };
    let reply = ask(Some(&alice)).await.unwrap();
    let told = reply.json()["headers"]["x-forwarded-client-cert"].clone();
    assert_eq!(told.as_array().unwrap().len(), 1);
    let told = told[0].as_str().unwrap();
    assert!(
        told.contains(";Subject=\"CN=alice\";DNS=alice.example"),
        "{told}"
    );
    assert!(told.starts_with("Hash="), "{told}");
    eventually("the line of the request", async || {
        let output = proxy.output();
        output.contains(" tls=1.3 peer=alice.example ")
    })
    .await;
    for other in [None, Some(&mallory), Some(&foreign)] {
        ask(other).await.unwrap_err();
    }
    let metrics = proxy.metrics().await;
    let failed = |outcome| metrics.sum("outrigger_tls_handshakes_total", &[("outcome", outcome)]);
    assert_eq!(
        (failed("no_certificate"), failed("bad_certificate")),
        (1.0, 2.0)
    );
    let peer = [("peer", "alice.example")];
    assert_eq!(metrics.sum("outrigger_peer_requests_total", &peer), 1.0);

    // Revoked, with the connection that is there: it serves on, and nobody else gets in, by ticket neither.
    proxy.reload(table("optional")).await;
    let anonymous = ask(None).await.unwrap();
    assert!(anonymous.json()["headers"]["x-forwarded-client-cert"].is_null());
    ask(Some(&mallory)).await.unwrap_err();
    let kept = authority.dial().show(&alice).keep_sessions();
    let mut client = Client::tls(proxy.address, &kept).await.unwrap();
    assert_eq!(
        client
            .request(get_with("/", &[("host", "localhost")]))
            .await
            .status,
        200
    );
    authority.revoke("clients.crl", &[&mallory, &alice]);
    eventually("the new list holds", async || {
        match Client::tls(proxy.address, &kept).await {
            Ok(mut client) => client
                .try_request(get_with("/", &[("host", "localhost")]))
                .await
                .is_err(),
            Err(_) => true,
        }
    })
    .await;
    assert_eq!(
        client
            .request(get_with("/", &[("host", "localhost")]))
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn cleartext_is_sent_to_https_by_one_line() {
    let table =
        "admin: { address: $ADMIN }\nlisteners: [{ address: $LISTEN, redirect_to_https: true }]\n";
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    let reply = client
        .request(get_with("/a?b=c", &[("host", "shop.example.com:8080")]))
        .await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("location")),
        (308, "https://shop.example.com/a?b=c")
    );
    proxy.reload(table.replace("true", "{ port: 8443 }")).await;
    let reply = client
        .request(get_with("/", &[("host", "shop.example.com")]))
        .await;
    assert_eq!(reply.header("location"), "https://shop.example.com:8443/");
}

#[tokio::test]
async fn who_does_not_shake_hands_is_let_go() {
    let authority = Authority::new();
    let endpoint = Endpoint::named("a").await;
    let own = authority.issue("own", &["localhost"]);
    let proxy = Proxy::start(showing(&[&own], &endpoint).listener("header_timeout: 1s")).await;
    let mut silent = Raw::connect(proxy.address).await;
    let mut cleartext = Raw::connect(proxy.address).await;
    cleartext
        .write("GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await;
    cleartext.read_to_end().await;
    silent.read_to_end().await;
    eventually("both are counted", async || {
        let metrics = proxy.metrics().await;
        let name = "outrigger_tls_handshakes_total";
        let failed = |outcome| metrics.sum(name, &[("outcome", outcome)]);
        (failed("not_tls"), failed("given_up")) == (1.0, 1.0)
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_behind_tls_as_well() {
    let authority = Authority::new();
    let endpoint = Serve::default().with(|_| std::future::pending()).await;
    let own = authority.issue("own", &["localhost"]);
    let proxy = Proxy::start(showing(&[&own], &endpoint)).await;
    let mut client = Client::tls(proxy.address, &authority.dial()).await.unwrap();
    let asked = tokio::spawn(async move {
        let _ = client.send(get_with("/", &[("host", "localhost")])).await;
    });
    eventually("the request is there", async || {
        endpoint.seen.requests() == 1
    })
    .await;
    asked.abort();
    eventually("the endpoint is let go", async || endpoint.seen.open() == 0).await;
}

//! The admin server: who gets in, and that no page of another site does.

use http::{Method, Request};
use outrigger_tests::{Client, Dial, Proxy, body, eventually, free_address, get_with};

use super::{FLAG, Keys, OPERATOR, OPERATOR_TOKEN, WEB};

/// A table whose admin server is at `address` and says these lines besides.
fn admin(address: &str, lines: &str) -> String {
    format!("admin: {{ address: \"{address}\"{lines} }}\nlisteners: []\n")
}

#[tokio::test]
async fn the_admin_server_beyond_loopback_asks_for_tls_and_a_credential() {
    let keys = Keys::new();
    let port = free_address().port();
    let anywhere = format!("0.0.0.0:{port}");
    for lines in [
        String::new(),
        format!(", token_file: {}", keys.file("operators.token")),
        format!(
            ", tls: {{ cert: {}, key: {} }}",
            keys.file("server.crt"),
            keys.file("server.key")
        ),
    ] {
        let refused = Proxy::spawn(admin(&anywhere, &lines), &[], &[])
            .finished()
            .await;
        assert_eq!(refused.code, Some(78), "{}", refused.output);
        assert!(
            refused.output.contains("admin would be open"),
            "{}",
            refused.output
        );
        assert!(refused.output.contains(FLAG), "{}", refused.output);
    }
    let mut open = Proxy::spawn(admin(&anywhere, ""), &[FLAG], &[]);
    open.admin = ([127, 0, 0, 1], port).into();
    open.becomes_ready().await;
    drop(open);

    let lines = format!(
        ", tls: {{ cert: {}, key: {}, client_ca: {} }}, allow_identities: [\"spiffe://example.org/ops/*\"], token_file: {}",
        keys.file("server.crt"),
        keys.file("server.key"),
        keys.file("ca.crt"),
        keys.file("operators.token"),
    );
    let proxy = Proxy::spawn(admin(&anywhere, &lines), &[], &[]);
    let address = ([127, 0, 0, 1], port).into();
    let ask = async |dial: &Dial, path: &str, headers: &[(&str, &str)]| {
        let mut client = Client::tls(address, dial).await.ok()?;
        let host = [("host", "localhost")];
        let request = get_with(path, &[headers, &host].concat());
        let reply = client.try_request(request).await.ok()?;
        Some(reply.status.as_u16())
    };
    let nobody = keys.dial();
    eventually("it is ready", async || {
        ask(&nobody, "/ready", &[]).await == Some(200)
    })
    .await;
    let token = format!("Bearer {OPERATOR_TOKEN}");
    let ann = keys.dial_as("ann", OPERATOR);
    let web = keys.dial_as("web", WEB);
    assert_eq!(ask(&nobody, "/config", &[]).await, Some(401));
    assert_eq!(ask(&nobody, "/metrics", &[]).await, Some(401));
    assert_eq!(ask(&web, "/config", &[]).await, Some(403));
    assert_eq!(ask(&ann, "/config", &[]).await, Some(200));
    assert_eq!(
        ask(&nobody, "/config", &[("authorization", &token)]).await,
        Some(200)
    );
    assert_eq!(ask(&nobody, "/live", &[]).await, Some(200));
    drop(proxy);
}

#[tokio::test]
async fn a_foreign_page_neither_reads_the_admin_server_nor_drains_the_proxy() {
    let proxy = Proxy::start(
        "admin: { address: $ADMIN, allow_hosts: [sidecar.internal] }\nlisteners: []\n",
    )
    .await;
    let own = proxy.admin.to_string();
    let ask = async |method: Method, path: &str, headers: &[(&str, &str)]| {
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let mut client = Client::http1(proxy.admin).await;
        client
            .request(request.body(body::full("")).unwrap())
            .await
            .status
            .as_u16()
    };
    for host in [
        "evil.example",
        "evil.example:4191",
        "localhost.evil.example",
    ] {
        assert_eq!(ask(Method::GET, "/config", &[("host", host)]).await, 403);
        assert_eq!(ask(Method::POST, "/drain", &[("host", host)]).await, 403);
    }
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        let headers = [("host", own.as_str()), ("origin", origin)];
        assert_eq!(ask(Method::POST, "/drain", &headers).await, 403, "{origin}");
    }
    for host in [own.as_str(), "localhost", "sidecar.internal"] {
        assert_eq!(ask(Method::GET, "/config", &[("host", host)]).await, 200);
    }
    assert_eq!(
        ask(Method::GET, "/ready", &[("host", "evil.example")]).await,
        200
    );
    assert_eq!(ask(Method::POST, "/drain", &[("host", &own)]).await, 202);
}

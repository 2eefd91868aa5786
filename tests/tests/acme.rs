//! Certificates that the proxy gets for itself, as far as that needs no authority: `interop/checks/acme.py` has one.

use std::{fs, os::unix::fs::PermissionsExt};

use http::Request;
use outrigger_tests::{Client, Dial, Endpoint, Proxy, Table, body, eventually, refusing_address};

fn table(endpoint: &Endpoint, storage: &str) -> Table {
    let directory = format!("https://{}/directory", refusing_address());
    Table::to([endpoint])
        .top(format!(
            "acme: {{ terms_agreed: true, directory: '{directory}', storage: {storage} }}"
        ))
        .listener("tls: { acme: [shop.example.com] }")
}

#[tokio::test]
async fn a_host_is_served_from_the_first_moment_and_an_absent_authority_is_told_of() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(table(&endpoint, "acme")).await;
    let file = proxy
        .table_path()
        .with_file_name("acme/certificates/shop.example.com.pem");
    let dial = Dial::believing(&file).name("shop.example.com");
    let mut client = Client::tls(proxy.address, &dial).await.unwrap();
    let request = Request::get("/").header("host", "shop.example.com");
    let reply = client.request(request.body(body::empty()).unwrap()).await;
    assert_eq!(reply.status, 200);
    eventually("the failure is counted", async || {
        let labels = [("host", "shop.example.com"), ("outcome", "failed")];
        proxy
            .metrics()
            .await
            .sum("outrigger_acme_orders_total", &labels)
            == 1.0
    })
    .await;
    proxy
        .says("no new certificate, what there was serves on")
        .await;
    assert_eq!(
        fs::metadata(file).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_ends_the_start_with_78() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::spawn(table(&endpoint, "/proc/acme"), &[], &[]);
    let finished = proxy.finished().await;
    assert_eq!(finished.code, Some(78));
    for part in [
        "listener `edge`",
        "can't be written",
        "`acme.storage` names another",
    ] {
        assert!(finished.output.contains(part), "{}", finished.output);
    }
}

//! Machines that are gone without a word.

use std::future::pending;

use outrigger_tests::{Client, Frame, Proxy, Raw, RawEndpoint, RawHttp2, Table};

#[tokio::test]
async fn an_http2_connection_that_has_fallen_silent_gets_no_more_requests() {
    let endpoint = RawEndpoint::serve(async |raw: Raw, number| {
        let mut http2 = RawHttp2::accept(raw, &[]).await;
        while let Some(head) = http2.next_of(Frame::HEADERS).await {
            http2.answer(head.stream, "ok").await;
            if number == 0 {
                pending::<()>().await;
            }
        }
    })
    .await;
    let table = Table::to([&endpoint])
        .cluster("protocol: http2")
        .route("timeout: 1500ms");
    let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
    let mut client = Client::http1(proxy.address).await;
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(client.get("/").await.status.as_u16());
    }
    assert_eq!(statuses, [200, 504, 200, 200]);
    assert_eq!(endpoint.connections(), 2);
}

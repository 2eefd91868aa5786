//! HTTP/2 clients that read their connection, and keep the window of its streams shut.

use outrigger_tests::{
    Endpoint, Frame, Proxy, Raw, RawEndpoint, RawHttp2, Table, eventually, within,
};

/// Asks for `streams` responses that there is no window for (SETTINGS_INITIAL_WINDOW_SIZE is 4), and waits to be hung up on.
async fn is_hung_up_on(table: Table, streams: u32) {
    let proxy = Proxy::start(table.route("idle_timeout: 500ms")).await;
    let mut client = RawHttp2::connect(proxy.address).await;
    let shut = [0, 4, 0, 0, 0, 0];
    client.send(&Frame::new(Frame::SETTINGS, 0, 0, shut)).await;
    for stream in 0..streams {
        client.send(&Frame::get(2 * stream + 1, "/")).await;
    }
    let data = within("the end of the connection", client.next_of(Frame::DATA)).await;
    assert_eq!(data, None);
    eventually("it is counted", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_downstream_errors_total", &[("reason", "unread")]) == 1.0
    })
    .await;
}

#[tokio::test]
async fn small_responses_that_no_window_is_opened_for_do_not_wait_for_ever() {
    let endpoint = Endpoint::named("a").await;
    is_hung_up_on(Table::to([&endpoint]), 20).await;
    eventually("the endpoint's connections are let go", async || {
        endpoint.seen.open() == 0
    })
    .await;
}

#[tokio::test]
async fn nor_do_those_that_go_on() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n")
            .await;
        raw.read_head().await;
    })
    .await;
    is_hung_up_on(Table::to([&endpoint]), 1).await;
}

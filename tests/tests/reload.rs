//! A new table comes into force without touching what runs.

use std::time::{Duration, Instant};

use outrigger_tests::{Client, Endpoint, Load, Proxy, Raw, RawEndpoint, Table, eventually};

/// How long tables keep changing; `OUTRIGGER_TESTS_RELOAD_SECONDS` sets the long form of the interop run.
fn reload_time() -> Duration {
    let seconds = std::env::var("OUTRIGGER_TESTS_RELOAD_SECONDS").ok();
    Duration::from_secs(
        seconds
            .and_then(|seconds| seconds.parse().ok())
            .unwrap_or(3),
    )
}

#[tokio::test]
async fn a_reload_every_100_ms_under_load_fails_no_request_and_closes_no_connection() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let chat = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 101 x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
            .await;
        loop {
            let message = raw.read_some().await;
            if message.is_empty() {
                return;
            }
            raw.write(message).await;
        }
    })
    .await;
    let table = |number: usize| {
        format!(
            "admin: {{ address: $ADMIN }}\nlisteners:\n  - address: $LISTEN\n    routes:\n      - {{ match: {{ path: {{ prefix: /chat }} }}, cluster: chat }}\n      \
             - {{ name: r{number}, cluster: web }}\nclusters:\n  web: {{ endpoints: [{a}, {b}] }}\n  chat: {{ endpoints: [{chat}] }}\n"
        )
    };
    let proxy = Proxy::start(table(0)).await;
    let mut socket = Raw::connect(proxy.address).await;
    socket
        .write("GET /chat HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await;
    assert!(
        socket
            .read_head()
            .await
            .expect("an upgrade")
            .starts_with("HTTP/1.1 101")
    );
    let mut kept = Client::http1(proxy.address).await;
    let load = Load::start(proxy.address, 16);
    let end = Instant::now() + reload_time();
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        proxy.write_table(table(number));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(kept.get("/").await.status, 200);
        socket.write("still here").await;
        assert_eq!(socket.read_until("still here").await, "still here");
    }
    let last = format!("r{number}");
    eventually("the last table is in force", async || {
        proxy.admin_get("/config").await.text().contains(&last)
    })
    .await;
    let tally = load.stop().await;
    tally.none_failed("under load");
    assert!(!kept.is_closed());
}

#[tokio::test]
async fn a_config_map_swap_is_picked_up() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let proxy = Proxy::start_from_config_map(Table::to([&a])).await;
    for endpoint in [&b, &a, &b] {
        proxy.swap_config_map(Table::to([endpoint]));
        let seen = endpoint.seen.requests();
        eventually("the new table serves", async || {
            Client::http1(proxy.address).await.get("/").await;
            endpoint.seen.requests() > seen
        })
        .await;
    }
}

#[tokio::test]
async fn a_change_is_in_force_within_a_second() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let proxy = Proxy::start(Table::to([&a])).await;
    let mut client = Client::http1(proxy.address).await;
    let start = Instant::now();
    proxy.write_table(Table::to([&b]));
    eventually("the new table serves", async || {
        client.get("/").await.text() == "b"
    })
    .await;
    assert!(
        start.elapsed() < Duration::from_secs(1),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn sighup_reads_the_file_again() {
    let a = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&a])).await;
    proxy.sighup();
    proxy.write_table(Table::to([&a]).route("timeout: 17s"));
    proxy.sighup();
    eventually("the new table is in force", async || {
        proxy.admin_get("/config").await.text().contains("17s")
    })
    .await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.text(),
        "a"
    );
}

#[tokio::test]
async fn a_table_that_says_the_same_changes_nothing() {
    let a = Endpoint::named("a").await;
    let table = String::from(Table::to([&a]));
    let proxy = Proxy::start(table.clone()).await;
    let state = async || {
        let config = proxy.admin_get("/config").await.json();
        let applied = [("outcome", "applied")];
        let metrics = proxy.metrics().await;
        (
            config["version"].clone(),
            metrics.sum("outrigger_config_reloads_total", &applied),
        )
    };
    let before = state().await;
    for (same, log) in [(table.clone(), 1), (format!("# only a remark\n{table}"), 2)] {
        proxy.write_table(same);
        proxy.sighup();
        eventually("it was read", async || {
            proxy.output().matches("says the same").count() >= log
        })
        .await;
        assert_eq!(state().await, before);
    }
    // A mistake that is taken back is no longer shown.
    proxy.write_table(format!("{table}nonsense: 1\n"));
    let refused = async || {
        let config = proxy.admin_get("/config").await.json();
        !config["refused"].is_null()
    };
    eventually("the mistake is shown", refused).await;
    proxy.write_table(table);
    eventually("it is forgotten", async || !refused().await).await;
    assert_eq!(state().await, before);
}

#[tokio::test]
async fn a_bad_table_is_refused_whole_and_shown() {
    let a = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&a])).await;
    let before = proxy.metrics().await;
    proxy.write_table(Table::to([&a]).route("tiemout: 17s"));
    eventually("the mistake is shown on /config", async || {
        proxy.admin_get("/config").await.text().contains("tiemout")
    })
    .await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.text(),
        "a"
    );
    assert_eq!(proxy.admin_get("/ready").await.status, 200);
    eventually("it is logged", async || proxy.output().contains("tiemout")).await;
    let refused = |metrics: &outrigger_tests::Metrics| {
        metrics.sum("outrigger_config_reloads_total", &[("outcome", "refused")])
    };
    assert_eq!(
        refused(&proxy.metrics().await),
        refused(&before) + 1.0,
        "{}",
        proxy.metrics().await.text()
    );
    proxy.write_table(Table::to([&a]).route("timeout: 17s"));
    eventually("a good table is taken again", async || {
        let config = proxy.admin_get("/config").await;
        config.text().contains("17s") && !config.text().contains("tiemout")
    })
    .await;
}

#[tokio::test]
async fn load_state_survives_a_reload() {
    let slow = Endpoint::slow("slow", Duration::from_millis(300)).await;
    let fast = Endpoint::named("fast").await;
    let table = |number: usize| Table::to([&slow, &fast]).route(format!("timeout: {number}s"));
    let proxy = Proxy::start(table(100)).await;
    outrigger_tests::spread(proxy.address, 4, 200).await;
    let known = slow.seen.requests();
    for number in 101..111 {
        proxy.reload(table(number)).await;
        assert_eq!(outrigger_tests::spread(proxy.address, 1, 100).await.ok, 100);
    }
    // Were it forgotten, each reload would try the slow one anew.
    assert!(
        slow.seen.requests() <= known + 3,
        "{} more",
        slow.seen.requests() - known
    );
}

#[tokio::test]
async fn counters_survive_a_reload_and_series_of_removed_clusters_go() {
    let a = Endpoint::named("a").await;
    let with_extra = String::from(Table::to([&a])) + &format!("  extra: {{ endpoints: [{a}] }}\n");
    let proxy = Proxy::start(with_extra).await;
    outrigger_tests::spread(proxy.address, 1, 10).await;
    eventually("ten are counted", async || {
        proxy.metrics().await.sum("outrigger_requests_total", &[]) == 10.0
    })
    .await;
    assert_eq!(
        proxy
            .metrics()
            .await
            .sum("outrigger_endpoints", &[("cluster", "extra")]),
        1.0
    );
    proxy.reload(Table::to([&a])).await;
    assert_eq!(
        proxy.metrics().await.sum("outrigger_requests_total", &[]),
        10.0
    );
    eventually("the removed cluster's series are gone", async || {
        proxy
            .metrics()
            .await
            .series("outrigger_endpoints", &[("cluster", "extra")])
            == 0
    })
    .await;
}

#[tokio::test]
async fn a_removed_endpoint_finishes_what_it_has() {
    let slow = Endpoint::slow("slow", Duration::from_millis(500)).await;
    let other = Endpoint::named("other").await;
    let proxy = Proxy::start(Table::to([&slow])).await;
    let mut client = Client::http1(proxy.address).await;
    let request = tokio::spawn(async move { client.get("/").await });
    eventually("the request is under way", async || {
        slow.seen.requests() == 1
    })
    .await;
    proxy.reload(Table::to([&other])).await;
    assert_eq!(request.await.unwrap().text(), "slow");
    eventually("its connections are closed", async || slow.seen.open() == 0).await;
}

#[tokio::test]
async fn listeners_come_and_go_with_the_table() {
    let a = Endpoint::named("a").await;
    let second = outrigger_tests::free_address();
    let one = String::from(Table::to([&a]));
    let two = one.replace("clusters:\n", &format!("  - name: second\n    address: {second}\n    routes: [ {{ cluster: web }} ]\nclusters:\n"));
    let proxy = Proxy::start(one.clone()).await;
    let accepts = async |address| tokio::net::TcpStream::connect(address).await.is_ok();
    proxy.reload(two).await;
    eventually("the new listener accepts", async || accepts(second).await).await;
    assert_eq!(Client::http1(second).await.get("/").await.text(), "a");
    proxy.reload(one).await;
    eventually("the removed listener refuses", async || {
        !accepts(second).await
    })
    .await;
    assert_eq!(
        Client::http1(proxy.address).await.get("/").await.text(),
        "a"
    );
}

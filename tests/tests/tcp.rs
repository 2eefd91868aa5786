//! Connections passed on as bytes: balanced, half-closed, limited, timed out, retried, drained.

mod client_hello;
mod control;
mod tls;

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use outrigger_tests::{Proxy, Raw, RawEndpoint, eventually, refusing_address, within};
use tokio::net::TcpStream;

/// A table of one TCP listener before one cluster `db`, with more lines for both.
fn table(endpoints: &[SocketAddr], listener: &str, cluster: &str) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    format!(
        "admin: {{ address: $ADMIN }}\n\
         access_log: {{ format: text }}\n\
         listeners:\n  - name: edge\n    address: $LISTEN\n    protocol: tcp\n    cluster: db\n{listener}\n\
         clusters:\n  db:\n    endpoints: [{}]\n{cluster}\n",
        endpoints.join(", ")
    )
}

/// Says its name first, then repeats what it hears.
async fn parrot(name: &'static str) -> RawEndpoint {
    RawEndpoint::serve(move |mut raw, _| async move {
        raw.write(name).await;
        loop {
            let heard = raw.read_some().await;
            if heard.is_empty() {
                return;
            }
            raw.write(&heard).await;
        }
    })
    .await
}

async fn name_heard(proxy: &Proxy) -> (String, Raw) {
    let mut client = Raw::connect(proxy.address).await;
    let name = client.read_exactly(1).await;
    (String::from_utf8(name).unwrap(), client)
}

/// Whether a caller is let go without a word, which may happen before its connect is through.
async fn turned_away(proxy: &Proxy) -> bool {
    match TcpStream::connect(proxy.address).await {
        Ok(stream) => Raw::from(stream).read_some().await.is_empty(),
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

async fn ended(proxy: &Proxy, result: &str) -> f64 {
    let labels = [("listener", "edge"), ("cluster", "db"), ("result", result)];
    let metrics = proxy.metrics().await;
    metrics.sum("outrigger_tcp_connections_total", &labels)
}

#[tokio::test]
async fn bytes_go_both_ways_and_are_counted_and_logged() {
    let a = parrot("a").await;
    let proxy = Proxy::start(table(&[a.address], "", "")).await;
    let (name, mut client) = name_heard(&proxy).await;
    assert_eq!(name, "a");
    client.write("hello").await;
    assert_eq!(client.read_exactly(5).await, b"hello");
    // While it is open.
    let moved = async |direction| {
        let labels = [
            ("listener", "edge"),
            ("cluster", "db"),
            ("direction", direction),
        ];
        proxy
            .metrics()
            .await
            .sum("outrigger_tcp_bytes_total", &labels)
    };
    eventually("bytes are shown", async || {
        moved("in").await == 5.0 && moved("out").await == 6.0
    })
    .await;
    let open = proxy
        .metrics()
        .await
        .sum("outrigger_tcp_open_connections", &[]);
    assert_eq!(open, 1.0);
    drop(client);
    eventually("it is over", async || ended(&proxy, "closed").await == 1.0).await;
    let metrics = proxy.metrics().await;
    assert_eq!(metrics.sum("outrigger_tcp_open_connections", &[]), 0.0);
    assert_eq!(metrics.sum("outrigger_connections", &[]), 0.0);
    let attempts = [("cluster", "db"), ("result", "success")];
    assert_eq!(metrics.sum("outrigger_attempts_total", &attempts), 1.0);
    proxy
        .says(&format!(
            "in=5 out=6 listener=edge trail=\"db pick={} connected\"",
            a.address
        ))
        .await;
}

#[tokio::test]
async fn a_side_that_has_said_all_still_hears() {
    // Answers only when it has heard the end.
    let server = RawEndpoint::serve(|mut raw, _| async move {
        let all = raw.read_to_end().await;
        raw.write(format!("{} bytes", all.len())).await;
    })
    .await;
    let proxy = Proxy::start(table(&[server.address], "", "")).await;
    let mut client = Raw::connect(proxy.address).await;
    client.write(vec![7; 3_000_000]).await;
    client.finish().await;
    assert_eq!(client.read_to_end().await, b"3000000 bytes");

    // The other way round: says all, then listens.
    let server = RawEndpoint::serve(|mut raw, _| async move {
        raw.write("greeting").await;
        raw.finish().await;
        let heard = raw.read_to_end().await;
        assert_eq!(heard, b"thanks");
    })
    .await;
    proxy.reload(table(&[server.address], "", "")).await;
    let mut client = Raw::connect(proxy.address).await;
    assert_eq!(client.read_to_end().await, b"greeting");
    client.write("thanks").await;
    client.finish().await;
    eventually("both are over", async || {
        ended(&proxy, "closed").await == 2.0
    })
    .await;
}

#[tokio::test]
async fn what_is_large_comes_whole_through_a_reader_that_is_slow() {
    let server = RawEndpoint::serve(|mut raw, _| async move {
        let bytes: Vec<u8> = (0..8_000_000_u32).map(|at| (at / 251) as u8).collect();
        raw.write(bytes).await;
    })
    .await;
    let proxy = Proxy::start(table(&[server.address], "", "")).await;
    let mut client = Raw::connect(proxy.address).await;
    let mut all = Vec::new();
    while all.len() < 8_000_000 {
        all.extend(client.read_exactly(1_000_000).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(
        all.iter()
            .zip(0_u32..)
            .all(|(byte, at)| *byte == (at / 251) as u8)
    );
}

#[tokio::test]
async fn connections_are_balanced_and_least_request_counts_those_that_are_open() {
    let (a, b) = (parrot("a").await, parrot("b").await);
    let table = table(&[a.address, b.address], "", "    balancer: least_request");
    let proxy = Proxy::start(table).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(name_heard(&proxy).await);
    }
    let of_a = open.iter().filter(|(name, _)| name == "a").count();
    assert!((8..=12).contains(&of_a), "{of_a} of 20 at a");
    // As those of one leave, new ones go there.
    open.retain(|(name, _)| name == "b");
    let before = open.len();
    eventually("they are over", async || {
        ended(&proxy, "closed").await == of_a as f64
    })
    .await;
    for _ in 0..6 {
        open.push(name_heard(&proxy).await);
    }
    let more_of_b = open.iter().filter(|(name, _)| name == "b").count() - before;
    assert!(more_of_b <= 1, "{more_of_b} of 6 at the one that has more");
}

#[tokio::test]
async fn a_dead_endpoint_costs_no_connection_and_is_ejected() {
    let a = parrot("a").await;
    let dead = refusing_address();
    let proxy = Proxy::start(table(&[dead, a.address], "", "")).await;
    for _ in 0..20 {
        assert_eq!(name_heard(&proxy).await.0, "a");
    }
    let metrics = proxy.metrics().await;
    let ejections = [("cluster", "db"), ("reason", "connect_failures")];
    assert_eq!(metrics.sum("outrigger_ejections_total", &ejections), 1.0);
    let retries = [("cluster", "db"), ("outcome", "success")];
    assert!(metrics.sum("outrigger_retries_total", &retries) >= 2.0);
    proxy
        .says(&format!("pick={dead} connect retry pick={}", a.address))
        .await;
}

#[tokio::test]
async fn without_an_endpoint_a_caller_is_reset_and_the_reason_counted() {
    let proxy = Proxy::start(table(&[refusing_address()], "", "")).await;
    assert!(turned_away(&proxy).await);
    eventually("it is counted", async || {
        ended(&proxy, "refused").await == 1.0
    })
    .await;
    let connect = [("reason", "connect")];
    assert_eq!(
        proxy
            .metrics()
            .await
            .sum("outrigger_errors_total", &connect),
        1.0
    );
}

#[tokio::test]
async fn an_endpoint_that_is_killed_resets_its_callers_and_new_ones_go_elsewhere() {
    let doomed = RawEndpoint::serve(|mut raw, _| async move {
        raw.write("d").await;
        raw.read_until("die").await;
        // As the kernel does for a process that dies with something unread.
        raw.into_stream().set_zero_linger().unwrap();
    })
    .await;
    let proxy = Proxy::start(table(&[doomed.address], "", "")).await;
    let (_, client) = name_heard(&proxy).await;
    let mut stream = client.into_stream();
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut last = Vec::new();
    let read = within("the end", async {
        stream.write_all(b"xxxdie").await.unwrap();
        // Who meets the reset first has it; the other sees an end.
        let written = stream.write_all(&[b'x'; 100_000]).await;
        let read = stream.read_to_end(&mut last).await;
        written.and(read)
    })
    .await;
    let error = read.expect_err("a reset, not an orderly end");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    eventually("it is counted", async || {
        ended(&proxy, "upstream_reset").await == 1.0
    })
    .await;
    drop(doomed);
    let a = parrot("a").await;
    proxy.reload(table(&[a.address], "", "")).await;
    assert_eq!(name_heard(&proxy).await.0, "a");
}

#[tokio::test]
async fn what_rests_for_too_long_is_ended_and_what_moves_is_not() {
    let a = parrot("a").await;
    let listener = "    tcp: { idle_timeout: 2s }";
    let proxy = Proxy::start(table(&[a.address], listener, "")).await;
    let (_, mut quiet) = name_heard(&proxy).await;
    let (_, mut busy) = name_heard(&proxy).await;
    let talk = async {
        for _ in 0..8 {
            busy.write("x").await;
            assert_eq!(busy.read_exactly(1).await, b"x");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let (rest, ()) = tokio::join!(quiet.read_to_end(), talk);
    assert_eq!(rest, b"");
    assert_eq!(ended(&proxy, "idle_timeout").await, 1.0);
    proxy.says("error=idle_timeout").await;
    busy.write("y").await;
    assert_eq!(busy.read_exactly(1).await, b"y");
}

#[tokio::test]
async fn a_cluster_has_as_many_connections_as_its_limit_and_the_next_waits_a_while() {
    let a = parrot("a").await;
    let cluster = "    limits: { connections: 2, pending: 1 }\n    connect_timeout: 5s";
    let proxy = Proxy::start(table(&[a.address], "", cluster)).await;
    let (first, second) = (name_heard(&proxy).await, name_heard(&proxy).await);
    let mut waits = Raw::connect(proxy.address).await;
    let limit = |metrics: &outrigger_tests::Metrics, limit| {
        metrics.sum(
            "outrigger_limit_in_use",
            &[("cluster", "db"), ("limit", limit)],
        )
    };
    eventually("it waits", async || {
        limit(&proxy.metrics().await, "pending") == 1.0
    })
    .await;
    assert!(turned_away(&proxy).await, "no room to wait");
    drop(first);
    assert_eq!(waits.read_exactly(1).await, b"a");
    let reached = [("reason", "limit_reached")];
    assert_eq!(
        proxy
            .metrics()
            .await
            .sum("outrigger_errors_total", &reached),
        1.0
    );
    drop(second);
}

#[tokio::test]
async fn a_listener_has_as_many_connections_as_its_limit() {
    let a = parrot("a").await;
    let proxy = Proxy::start(table(&[a.address], "    limits: { connections: 1 }", "")).await;
    let (_, first) = name_heard(&proxy).await;
    assert!(turned_away(&proxy).await);
    drop(first);
    eventually("there is room again", async || !turned_away(&proxy).await).await;
}

#[tokio::test]
async fn a_drain_waits_for_connections_and_a_reload_leaves_them_alone() {
    let (a, b) = (parrot("a").await, parrot("b").await);
    let proxy = Proxy::start(table(&[a.address], "", "")).await;
    let (_, mut old) = name_heard(&proxy).await;
    proxy.reload(table(&[b.address], "", "")).await;
    assert_eq!(name_heard(&proxy).await.0, "b");
    old.write("still here").await;
    assert_eq!(old.read_exactly(10).await, b"still here");
    proxy.sigterm();
    eventually("no new ones are taken", async || {
        TcpStream::connect(proxy.address).await.is_err()
    })
    .await;
    old.write("and now").await;
    assert_eq!(old.read_exactly(7).await, b"and now");
    drop(old);
    let finished = proxy.finished().await;
    assert_eq!(finished.code, Some(0), "{}", finished.output);
}

#[tokio::test]
async fn weighted_clusters_share_and_the_source_address_stays_with_its_endpoint() {
    let (a, b) = (parrot("a").await, parrot("b").await);
    let text = format!(
        "admin: {{ address: $ADMIN }}\n\
         listeners: [{{ name: edge, address: $LISTEN, protocol: tcp, clusters: {{ db: 3, other: 1 }} }}]\n\
         clusters: {{ db: {{ endpoints: [{a}] }}, other: {{ endpoints: [{b}] }} }}\n"
    );
    let proxy = Proxy::start(text).await;
    let mut of_a = 0;
    for _ in 0..200 {
        of_a += usize::from(name_heard(&proxy).await.0 == "a");
    }
    assert!(
        (120..180).contains(&of_a),
        "{of_a} of 200 at three quarters"
    );
    let hashed = table(
        &[a.address, b.address],
        "",
        "    balancer: { maglev: { key: source_address } }",
    );
    proxy.reload(hashed).await;
    let (first, _) = name_heard(&proxy).await;
    for _ in 0..10 {
        assert_eq!(name_heard(&proxy).await.0, first);
    }
}

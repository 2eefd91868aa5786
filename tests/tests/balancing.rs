//! Where requests go, counted at the endpoints.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use http::StatusCode;
use outrigger_tests::{Client, Endpoint, Load, Proxy, Table, get_with, refusing_address, spread};

async fn identical(count: usize) -> Vec<Endpoint> {
    let mut endpoints = Vec::new();
    for i in 0..count {
        endpoints.push(Endpoint::named(&format!("e{i}")).await);
    }
    endpoints
}

#[tokio::test]
async fn identical_endpoints_get_equal_shares_at_any_concurrency() {
    let endpoints = identical(7).await;
    for (balancer, allowed) in [
        ("peak_ewma", 1.1),
        ("least_request", 1.1),
        ("round_robin", 1.02),
        ("random", 1.25),
    ] {
        let proxy =
            Proxy::start(Table::to(&endpoints).cluster(format!("balancer: {balancer}"))).await;
        for connections in [1, 64] {
            let tally = spread(proxy.address, connections, 7000).await;
            tally.none_failed(balancer);
            let uneven = tally.unevenness();
            assert!(
                uneven <= allowed,
                "{balancer}, {connections} connections: {uneven:.3}, {:?}",
                tally.by_endpoint
            );
        }
    }
}

#[tokio::test]
async fn weights_are_honoured_by_every_balancer() {
    let (light, heavy) = (
        Endpoint::named("light").await,
        Endpoint::named("heavy").await,
    );
    for balancer in ["peak_ewma", "least_request", "round_robin", "random"] {
        let endpoints = [
            format!("{{ address: \"{light}\", weight: 1 }}"),
            format!("{{ address: \"{heavy}\", weight: 3 }}"),
        ];
        let proxy =
            Proxy::start(Table::to(endpoints).cluster(format!("balancer: {balancer}"))).await;
        let tally = spread(proxy.address, 8, 2000).await;
        let ratio = tally.of("heavy") as f64 / tally.of("light") as f64;
        // Who weighs latency or requests in flight, too, sees what this machine is busy with.
        let expected = match balancer {
            "peak_ewma" | "least_request" => 1.5..=6.0,
            _ => 2.3..=3.9,
        };
        assert!(
            expected.contains(&ratio),
            "{balancer}: {ratio:.2}, {:?}",
            tally.by_endpoint
        );
    }
}

#[tokio::test]
async fn an_endpoint_of_weight_zero_gets_nothing() {
    let (off, on) = (Endpoint::named("off").await, Endpoint::named("on").await);
    for balancer in [
        "peak_ewma",
        "least_request",
        "round_robin",
        "random",
        "ring_hash: { key: { header: x } }",
    ] {
        let endpoints = [
            format!("{{ address: \"{off}\", weight: 0 }}"),
            on.to_string(),
        ];
        let balancer = match balancer.split_once(": ") {
            Some(_) => format!("balancer: {{ {balancer} }}"),
            None => format!("balancer: {balancer}"),
        };
        let proxy = Proxy::start(Table::to(endpoints).cluster(&balancer)).await;
        let tally = spread(proxy.address, 2, 100).await;
        assert_eq!((tally.of("on"), tally.of("off")), (100, 0), "{balancer}");
    }
}

#[tokio::test]
async fn a_slow_endpoint_gets_next_to_nothing() {
    // Slower than any hiccup of a busy machine that runs tests.
    let slow = Endpoint::slow("slow", Duration::from_millis(300)).await;
    let fast = identical(2).await;
    let proxy = Proxy::start(Table::to(fast.iter().chain([&slow]))).await;
    let tally = spread(proxy.address, 8, 4000).await;
    // The first requests at once know nothing yet: up to one a connection.
    assert!(tally.of("slow") <= 20, "{:?}", tally.by_endpoint);
    assert_eq!(tally.ok, 4000);
}

#[tokio::test]
async fn a_fast_failing_endpoint_does_not_attract_traffic() {
    let failing = Endpoint::failing("failing", StatusCode::INTERNAL_SERVER_ERROR).await;
    let good = identical(2).await;
    let proxy = Proxy::start(Table::to(good.iter().chain([&failing]))).await;
    let tally = spread(proxy.address, 8, 4000).await;
    assert!(
        tally.failures.len() <= 120,
        "{} of 4000 failed",
        tally.failures.len()
    );
}

#[tokio::test]
async fn a_refusing_endpoint_costs_no_request() {
    let good = identical(2).await;
    let refusing = refusing_address();
    for balancer in ["peak_ewma", "least_request", "round_robin", "random"] {
        let endpoints = good
            .iter()
            .map(|endpoint| endpoint.address)
            .chain([refusing]);
        let proxy =
            Proxy::start(Table::to(endpoints).cluster(format!("balancer: {balancer}"))).await;
        for connections in [1, 32] {
            let tally = spread(proxy.address, connections, 1000).await;
            assert_eq!(
                tally.ok,
                1000,
                "{balancer}, {connections} connections: {:?}",
                tally.failures.first()
            );
        }
    }
}

#[tokio::test]
async fn a_new_endpoint_gets_its_first_request_within_100_ms_from_one_sequential_client() {
    let mut endpoints = identical(3).await;
    let proxy = Proxy::start(Table::to(&endpoints)).await;
    let load = Load::start(proxy.address, 1);
    outrigger_tests::eventually("the peers' latency is known", async || {
        load.so_far().ok > 500
    })
    .await;
    endpoints.push(Endpoint::named("new").await);
    let new = endpoints[3].seen.clone();
    proxy.reload(Table::to(&endpoints)).await;
    let start = Instant::now();
    outrigger_tests::eventually("the new endpoint gets a request", async || {
        new.requests() > 0
    })
    .await;
    // Measured from the moment that `/config` showed it, so the watch of the file is not part of it.
    assert!(
        start.elapsed() < Duration::from_millis(100),
        "{:?}",
        start.elapsed()
    );
    load.stop().await.none_failed("the flow");
}

/// Sends `count` requests with this header each on a new connection; the names of those who answered.
async fn answering(proxy: &Proxy, header: (&str, &str), count: usize) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let mut client = Client::http1(proxy.address).await;
        let reply = client.request(get_with("/", &[header])).await;
        names.insert(reply.text().to_owned());
    }
    names
}

#[tokio::test]
async fn hashing_keeps_a_key_with_its_endpoint() {
    let endpoints = identical(5).await;
    for balancer in ["ring_hash", "maglev"] {
        for (key, header, value) in [
            ("header: x-user", "x-user", ""),
            ("cookie: session", "cookie", "theme=dark; session="),
        ] {
            let table = |endpoints: &[Endpoint]| {
                Table::to(endpoints).cluster(format!(
                    "balancer: {{ {balancer}: {{ key: {{ {key} }} }} }}"
                ))
            };
            let proxy = Proxy::start(table(&endpoints)).await;
            let mut homes = Vec::new();
            for user in 0..20 {
                let homes_of_user =
                    answering(&proxy, (header, &format!("{value}u{user}")), 3).await;
                assert_eq!(
                    homes_of_user.len(),
                    1,
                    "{balancer} by {key}: user {user} met {homes_of_user:?}"
                );
                homes.extend(homes_of_user);
            }
            let used: BTreeSet<_> = homes.iter().collect();
            assert!(used.len() >= 3, "{balancer} by {key}: 20 users on {used:?}");
            // One endpoint of five leaves: users of the others stay.
            proxy.reload(table(&endpoints[..4])).await;
            let mut moved = 0;
            for (user, home) in homes.iter().enumerate().filter(|(_, home)| *home != "e4") {
                let now = answering(&proxy, (header, &format!("{value}u{user}")), 1).await;
                moved += usize::from(!now.contains(home));
            }
            assert!(
                moved <= 3,
                "{balancer} by {key}: {moved} moved without need"
            );
        }
    }
}

#[tokio::test]
async fn hashing_by_source_keeps_a_client_with_its_endpoint() {
    let endpoints = identical(5).await;
    for balancer in ["ring_hash", "maglev"] {
        let table = Table::to(&endpoints).listener("trusted_proxies: [127.0.0.0/8]");
        let table = table.cluster(format!(
            "balancer: {{ {balancer}: {{ key: source_address }} }}"
        ));
        let proxy = Proxy::start(table).await;
        let mut used = BTreeSet::new();
        for client in 0..20 {
            let homes = answering(
                &proxy,
                ("x-forwarded-for", &format!("203.0.113.{client}")),
                3,
            )
            .await;
            assert_eq!(homes.len(), 1, "{balancer}: client {client} met {homes:?}");
            used.extend(homes);
        }
        assert!(used.len() >= 3, "{balancer}: 20 clients on {used:?}");
    }
}

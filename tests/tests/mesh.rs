//! Proxy, control plane and endpoints together: whatever starts first, and whatever dies.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use http::StatusCode;
use outrigger_tests::{
    Client, Control, Endpoint, Load, Proxy, Serve, body, eventually, free_address, get_with,
};
use tempfile::TempDir;

fn table(listener: SocketAddr, endpoints: &[SocketAddr]) -> String {
    let endpoints: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    let endpoints = endpoints.join(", ");
    format!(
        "listeners:\n- name: edge\n  address: \"{listener}\"\n  routes: [{{ cluster: web }}]\nclusters:\n  web: {{ endpoints: [{endpoints}] }}\n"
    )
}

/// Whether a request is answered with 200 now.
async fn serves(address: SocketAddr) -> bool {
    if tokio::net::TcpStream::connect(address).await.is_err() {
        return false;
    }
    let mut client = Client::http1(address).await;
    let reply = client.try_request(outrigger_tests::get("/")).await;
    reply.is_ok_and(|reply| reply.status == StatusCode::OK)
}

/// What starts.
#[derive(Clone, Copy, Debug)]
enum Part {
    Control,
    Proxy,
    Endpoint,
}

#[tokio::test]
async fn every_order_of_starting_ends_in_service() {
    use Part::{Control as C, Endpoint as E, Proxy as P};
    for order in [
        [C, P, E],
        [C, E, P],
        [P, C, E],
        [P, E, C],
        [E, C, P],
        [E, P, C],
    ] {
        let (listener, endpoint) = (free_address(), free_address());
        // Made to know its address, and gone at once.
        let mut control = Control::spawn(&[("shop", &table(listener, &[endpoint]))], &[]);
        control.kill();
        let (mut proxy, mut running) = (None, None);
        for part in order {
            match part {
                Part::Control => control.start_again(),
                Part::Proxy => proxy = Some(Proxy::controlled_at(listener, &[control.xds], &[])),
                Part::Endpoint => {
                    let answer = |_| async { http::Response::new(body::full("here")) };
                    running = Some(Serve::default().at(endpoint).with(answer).await);
                }
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        eventually(&format!("{order:?} serves"), async || {
            serves(listener).await
        })
        .await;
        let ready = proxy.as_ref().unwrap().admin_get("/ready").await;
        assert_eq!(ready.status, StatusCode::OK, "{order:?}: {}", ready.text());
        drop(running);
    }
}

#[tokio::test]
async fn a_control_plane_that_is_killed_over_and_over_costs_no_request() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let listener = free_address();
    let to = |endpoint: &Endpoint| table(listener, &[endpoint.address]);
    let mut control = Control::start(&[("shop", &to(&a))]).await;
    let mut proxy = Proxy::controlled_at(listener, &[control.xds], &[]);
    proxy.becomes_ready().await;
    let load = Load::start(listener, 4);
    let mut slowest = Duration::ZERO;
    for round in 0..6 {
        control.kill();
        tokio::time::sleep(Duration::from_millis(fastrand::u64(0..1500))).await;
        let (now, name) = match round % 2 {
            0 => (&b, "b"),
            _ => (&a, "a"),
        };
        control.write("tables/shop.yaml", &to(now));
        control.start_again();
        control.serves().await;
        let begun = Instant::now();
        let before = load.so_far().of(name);
        eventually("what was changed meanwhile is in force", async || {
            load.so_far().of(name) > before
        })
        .await;
        slowest = slowest.max(begun.elapsed());
    }
    let tally = load.stop().await;
    tally.none_failed("under a control plane that dies");
    eprintln!(
        "in force {slowest:?} after the return at most; {} requests",
        tally.ok
    );
}

#[tokio::test]
async fn proxies_and_control_planes_that_are_killed_at_random_find_their_way() {
    let a = Endpoint::named("a").await;
    let listener = free_address();
    let cache = TempDir::new().unwrap();
    let directory = cache.path().to_str().unwrap().to_owned();
    let mut control = Control::start(&[("shop", &table(listener, &[a.address]))]).await;
    let arguments = ["--cache-dir", &*directory];
    let mut proxy = Proxy::controlled_at(listener, &[control.xds], &arguments);
    proxy.becomes_ready().await;
    eventually("the table is kept", async || {
        cache.path().join("table.yaml").exists()
    })
    .await;
    let (mut slowest, mut up) = (Duration::ZERO, true);
    for _ in 0..10 {
        match fastrand::bool() {
            true if up => control.kill(),
            true => control.start_again(),
            false => {
                drop(proxy);
                let begun = Instant::now();
                proxy = Proxy::controlled_at(listener, &[control.xds], &arguments);
                eventually("it serves again", async || serves(listener).await).await;
                slowest = slowest.max(begun.elapsed());
                continue;
            }
        }
        up = !up;
        assert!(serves(listener).await);
    }
    eprintln!("first 200 from the disk after {slowest:?} at most");
    assert!(serves(listener).await);
}

#[tokio::test]
async fn a_control_plane_that_neither_answers_nor_ends_is_noticed() {
    let a = Endpoint::named("a").await;
    let listener = free_address();
    let tables = [("shop", &*table(listener, &[a.address]))];
    let (first, second) = (Control::start(&tables).await, Control::start(&tables).await);
    let mut proxy = Proxy::controlled_at(listener, &[first.xds, second.xds], &[]);
    proxy.becomes_ready().await;
    first.stop(true);
    eventually("the other one is asked", async || {
        let config = proxy.admin_get("/config").await;
        config
            .text()
            .contains(&format!("\"server\": \"{}\"", second.xds))
    })
    .await;
    assert!(serves(listener).await);
    first.stop(false);
    let applied = [("outcome", "applied")];
    let tables = proxy
        .metrics()
        .await
        .sum("outrigger_config_reloads_total", &applied);
    assert_eq!(tables, 2.0, "equal tables are no change");
}

#[tokio::test]
async fn the_control_plane_sees_its_proxies_and_their_load() {
    let a = Endpoint::named("a").await;
    let listener = free_address();
    let control = Control::start(&[("shop", &table(listener, &[a.address]))]).await;
    let mut proxy = Proxy::controlled_at(listener, &[control.xds], &["--label", "role=edge"]);
    proxy.becomes_ready().await;
    let proxies = control.get("/proxies").await;
    assert!(proxies.text().contains("\"test\""), "{}", proxies.text());
    assert!(proxies.text().contains("edge"), "{}", proxies.text());
    eventually("the endpoint is shown as the proxy sees it", async || {
        assert!(serves(listener).await);
        let shown = control.get("/endpoints").await;
        shown.text().contains(&a.to_string()) && shown.text().contains("ready")
    })
    .await;
}

#[tokio::test]
async fn a_sidecar_that_lists_no_routes_reaches_every_cluster_by_its_name() {
    let (a, b) = (Endpoint::named("a").await, Endpoint::named("b").await);
    let listener = free_address();
    let out = format!(
        "listeners: [{{ name: out, address: \"{listener}\" }}]\nproxies: {{ role: sidecar }}\n"
    );
    let clusters =
        format!("clusters: {{ shop: {{ endpoints: [{a}] }}, cart: {{ endpoints: [{b}] }} }}\n");
    let control = Control::start(&[("out", &out), ("services", &clusters)]).await;
    let arguments = ["--label", "role=sidecar", "--keep-unused", "2"];
    let mut proxy = Proxy::controlled_at(listener, &[control.xds], &arguments);
    proxy.becomes_ready().await;
    let mut client = Client::http1(listener).await;
    for (host, body) in [("shop", "a"), ("cart:80", "b"), ("shop", "a")] {
        let reply = client.request(get_with("/", &[("host", host)])).await;
        assert_eq!(reply.text(), body, "{host}");
    }
    let begun = Instant::now();
    let reply = client.request(get_with("/", &[("host", "nowhere")])).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "it is told at once"
    );
}

//! Zones, levels of failover and slow start: which endpoints take what share, counted at the endpoints.

use outrigger_tests::{
    Endpoint, Load, Proxy, Serve, Switched, Table, Tally, eventually, refusing_address, spread,
};

/// `a1`, `b2`, ...: an endpoint in the zone that its name begins with.
async fn named(names: &[&'static str]) -> Vec<(&'static str, Endpoint)> {
    let mut endpoints = Vec::new();
    for name in names {
        endpoints.push((*name, Endpoint::named(name).await));
    }
    endpoints
}

fn zoned<'a>(endpoints: impl IntoIterator<Item = &'a (&'static str, Endpoint)>) -> Table {
    Table::to(
        endpoints
            .into_iter()
            .map(|(name, endpoint)| format!("{{ address: \"{endpoint}\", zone: {} }}", &name[..1])),
    )
}

/// The share of requests that the endpoints of this zone, or of this name, answered.
fn share(tally: &Tally, name: &str) -> f64 {
    let of = tally.by_endpoint.iter();
    let taken: usize = of
        .filter(|(of, _)| of.starts_with(name))
        .map(|(_, count)| count)
        .sum();
    taken as f64 / tally.ok as f64
}

#[track_caller]
fn assert_share(tally: &Tally, name: &str, wanted: f64) {
    tally.none_failed(name);
    let share = share(tally, name);
    assert!(
        (share - wanted).abs() < 0.05,
        "{name}: {share:.3}, wanted {wanted}: {:?}",
        tally.by_endpoint
    );
}

async fn web(proxy: &Proxy) -> serde_json::Value {
    proxy.admin_get("/clusters").await.json()["web"].clone()
}

#[tokio::test]
async fn requests_stay_in_the_own_zone_with_every_balancer() {
    let endpoints = named(&["b1", "a1", "b2", "a2"]).await;
    for balancer in [
        "peak_ewma",
        "least_request",
        "round_robin",
        "random",
        "ring_hash",
        "maglev",
    ] {
        let table = zoned(&endpoints).cluster(format!("balancer: {balancer}"));
        let proxy = Proxy::start_with(table, &["--zone", "a"]).await;
        let tally = spread(proxy.address, 4, 200).await;
        tally.none_failed(balancer);
        assert_eq!(
            share(&tally, "a"),
            1.0,
            "{balancer}: {:?}",
            tally.by_endpoint
        );
        let metrics = proxy.metrics().await;
        let attempts = |zone| metrics.sum("outrigger_zone_attempts_total", &[("zone", zone)]);
        assert_eq!((attempts("local"), attempts("other")), (200.0, 0.0));
    }
}

#[tokio::test]
async fn who_knows_no_zone_or_asks_for_none_spreads_over_all() {
    let endpoints = named(&["a1", "b1"]).await;
    let table = || zoned(&endpoints).cluster("balancer: round_robin");
    let all = Proxy::start(table()).await;
    assert_share(&spread(all.address, 1, 100).await, "a", 0.5);
    let metrics = all.metrics().await;
    assert_eq!(metrics.series("outrigger_zone_attempts_total", &[]), 0);

    let ignoring = table().top("zone: a").cluster("zones: ignore");
    let ignoring = Proxy::start(ignoring).await;
    assert_share(&spread(ignoring.address, 1, 100).await, "a", 0.5);

    let flag = Proxy::start_with(table().top("zone: a"), &["--zone", "b"]).await;
    assert_share(&spread(flag.address, 1, 100).await, "b", 1.0);
    let config = flag.admin_get("/config").await.json();
    assert!(config.to_string().contains(r#""zone":"b""#), "{config}");
    // Still the flag, after a reload.
    flag.reload(table().top("zone: a").listener("via: true"))
        .await;
    assert_share(&spread(flag.address, 1, 100).await, "b", 1.0);

    let file = Proxy::start(table().top("zone: a")).await;
    assert_share(&spread(file.address, 1, 100).await, "a", 1.0);
    file.reload(table().top("zone: b")).await;
    assert_share(&spread(file.address, 1, 100).await, "b", 1.0);
}

#[tokio::test]
async fn a_zone_that_shrinks_gives_to_those_with_room_and_takes_back_when_it_grows() {
    let endpoints = named(&["a1", "a2", "b1", "b2", "c1", "c2"]).await;
    let proxy = Proxy::start_with(zoned(&endpoints), &["--zone", "a"]).await;
    assert_share(&spread(proxy.address, 4, 1000).await, "a", 1.0);
    // A third of the callers is left with a fifth of the capacity.
    proxy.reload(zoned(&endpoints[1..])).await;
    let tally = spread(proxy.address, 4, 5000).await;
    assert_share(&tally, "a", 0.6);
    assert_share(&tally, "b", 0.2);
    assert_share(&tally, "c", 0.2);
    let shares = web(&proxy).await["shares"].clone();
    assert_eq!(shares[0]["zone"], "a");
    assert_eq!(shares[0]["locality"], "local");
    assert!(
        (shares[0]["share"].as_f64().unwrap() - 0.6).abs() < 1e-6,
        "{shares}"
    );
    // Of the others, only `c` has room.
    let without_b2 = || endpoints[1..].iter().filter(|(name, _)| *name != "b2");
    proxy.reload(zoned(without_b2())).await;
    let tally = spread(proxy.address, 4, 5000).await;
    assert_share(&tally, "a", 0.75);
    assert_share(&tally, "b", 0.0);
    assert_share(&tally, "c", 0.25);
    proxy.reload(zoned(&endpoints)).await;
    assert_share(&spread(proxy.address, 4, 1000).await, "a", 1.0);
}

#[tokio::test]
async fn a_zone_without_endpoints_is_served_by_the_others() {
    let endpoints = named(&["b1", "c1"]).await;
    let proxy = Proxy::start_with(zoned(&endpoints), &["--zone", "a"]).await;
    let tally = spread(proxy.address, 4, 2000).await;
    assert_share(&tally, "b", 0.5);
    let metrics = proxy.metrics().await;
    let other = metrics.sum("outrigger_zone_attempts_total", &[("zone", "other")]);
    assert_eq!(other, 2000.0);
}

#[tokio::test]
async fn a_refusing_zone_costs_no_request() {
    let (refusing, good) = (refusing_address(), Endpoint::named("good").await);
    let endpoints = [(refusing, "a"), (good.address, "b")];
    let endpoints =
        endpoints.map(|(address, zone)| format!("{{ address: \"{address}\", zone: {zone} }}"));
    let proxy = Proxy::start_with(Table::to(endpoints), &["--zone", "a"]).await;
    let tally = spread(proxy.address, 8, 1000).await;
    assert_share(&tally, "good", 1.0);
}

/// The share of the first partition, as `/clusters` has it.
async fn first_share_becomes(proxy: &Proxy, wanted: f64) {
    eventually(&format!("the first share is {wanted}"), async || {
        let share = web(proxy).await["shares"][0]["share"].as_f64();
        (share.unwrap() - wanted).abs() < 1e-6
    })
    .await;
}

const CHECKED: &str = "health_check: { interval: 100ms, failing_interval: 50ms, rise: 1, fall: 1 }";

#[tokio::test]
async fn a_zone_gives_away_what_its_health_checks_take_and_has_it_back() {
    let mut endpoints = Vec::new();
    for name in ["a1", "a2", "b1", "b2"] {
        endpoints.push((name, Switched::start(name).await));
    }
    let listed = endpoints
        .iter()
        .map(|(name, endpoint)| format!("{{ address: \"{endpoint}\", zone: {} }}", &name[..1]));
    let table = Table::to(listed).cluster(CHECKED);
    let proxy = Proxy::start_with(table, &["--zone", "a"]).await;
    assert_share(&spread(proxy.address, 2, 500).await, "a", 1.0);
    endpoints[0].1.health.status(500);
    first_share_becomes(&proxy, 2.0 / 3.0).await;
    assert_share(&spread(proxy.address, 2, 3000).await, "a2", 2.0 / 3.0);
    endpoints[1].1.health.status(500);
    first_share_becomes(&proxy, 0.0).await;
    assert_share(&spread(proxy.address, 2, 500).await, "b", 1.0);
    endpoints[0].1.health.status(200);
    endpoints[1].1.health.status(200);
    first_share_becomes(&proxy, 1.0).await;
    assert_share(&spread(proxy.address, 2, 500).await, "a", 1.0);
}

#[tokio::test]
async fn a_level_gives_away_what_it_cannot_take_and_has_it_back() {
    let mut endpoints = Vec::new();
    for name in ["first1", "first2", "second"] {
        endpoints.push(Switched::start(name).await);
    }
    let addresses: Vec<String> = endpoints.iter().map(ToString::to_string).collect();
    let levels = addresses.iter().map(|address| &**address).zip([0, 0, 1]);
    let proxy = Proxy::start(leveled(levels).cluster(CHECKED)).await;
    assert_share(&spread(proxy.address, 2, 500).await, "first", 1.0);
    endpoints[0].health.status(500);
    first_share_becomes(&proxy, 0.7).await;
    assert_share(&spread(proxy.address, 2, 3000).await, "first2", 0.7);
    endpoints[1].health.status(500);
    first_share_becomes(&proxy, 0.0).await;
    assert_share(&spread(proxy.address, 2, 500).await, "second", 1.0);
    endpoints[0].health.status(200);
    endpoints[1].health.status(200);
    first_share_becomes(&proxy, 1.0).await;
    assert_share(&spread(proxy.address, 2, 500).await, "first", 1.0);
}

/// Endpoints with their priorities.
fn leveled<'a>(endpoints: impl IntoIterator<Item = (&'a str, u16)>) -> Table {
    Table::to(
        endpoints.into_iter().map(|(address, priority)| {
            format!("{{ address: \"{address}\", priority: {priority} }}")
        }),
    )
}

#[tokio::test]
async fn a_level_stands_in_for_one_that_refuses_and_gives_back() {
    let (first, second) = (
        Endpoint::named("first").await,
        Endpoint::named("second").await,
    );
    let refusing = refusing_address().to_string();
    let (first, second) = (first.to_string(), second.to_string());
    let proxy = Proxy::start(leveled([(&*first, 0), (&*second, 5)])).await;
    assert_share(&spread(proxy.address, 4, 500).await, "first", 1.0);
    proxy
        .reload(leveled([(&*refusing, 0), (&*second, 5)]))
        .await;
    assert_share(&spread(proxy.address, 4, 500).await, "second", 1.0);
    proxy.reload(leveled([(&*second, 5)])).await;
    assert_share(&spread(proxy.address, 4, 500).await, "second", 1.0);
    proxy.reload(leveled([(&*second, 5), (&*first, 0)])).await;
    assert_share(&spread(proxy.address, 4, 500).await, "first", 1.0);
}

#[tokio::test]
async fn a_level_gives_away_what_an_ejection_takes_and_one_that_returns_starts_slowly() {
    let (first, second) = (
        Endpoint::named("first").await,
        Endpoint::named("second").await,
    );
    let refusing = refusing_address();
    let addresses = [refusing, first.address, second.address].map(|address| address.to_string());
    let levels = addresses.iter().map(|address| &**address).zip([0, 0, 1]);
    let proxy = Proxy::start(leveled(levels).cluster("slow_start: 2s")).await;
    let load = Load::start(proxy.address, 4);
    first_share_becomes(&proxy, 0.7).await;
    let before = load.so_far();
    eventually("much has been sent since", async || {
        load.so_far().ok > before.ok + 2000
    })
    .await;
    assert_share(&since(&load.so_far(), &before), "second", 0.3);

    let back = Serve::default().at(refusing).with(|_| {
        let response = http::Response::builder().header("x-endpoint", "back");
        std::future::ready(response.body(outrigger_tests::body::full("")).unwrap())
    });
    let _back = back.await;
    for state in ["warming", "ready"] {
        eventually(state, async || {
            web(&proxy).await["endpoints"][0]["state"] == state
        })
        .await;
    }
    let before = load.so_far();
    eventually("much has been sent since", async || {
        load.so_far().ok > before.ok + 2000
    })
    .await;
    let tally = since(&load.so_far(), &before);
    assert_eq!(share(&tally, "second"), 0.0);
    assert!(share(&tally, "back") > 0.4, "{:?}", tally.by_endpoint);
    load.stop().await.none_failed("the flow");
}

#[tokio::test]
async fn a_newcomer_grows_to_its_fair_share_within_its_slow_start() {
    let endpoints = named(&["a1", "a2", "a3", "a4"]).await;
    let table = |count: usize| {
        let endpoints = endpoints[..count].iter().map(|(_, endpoint)| endpoint);
        Table::to(endpoints).cluster("slow_start: 5s")
    };
    let proxy = Proxy::start(table(3)).await;
    let load = Load::start(proxy.address, 4);
    eventually("the old ones are known", async || load.so_far().ok > 300).await;
    let before = load.so_far();
    proxy.reload(table(4)).await;
    eventually("the newcomer gets a request", async || {
        load.so_far().of("a4") > 0
    })
    .await;
    eventually("much has been sent since", async || {
        load.so_far().ok > before.ok + 1000
    })
    .await;
    // At first a fortieth of all, a tenth of its fair share; three quarters are for a machine that is late.
    let early = share(&since(&load.so_far(), &before), "a4");
    assert!(early < 0.18, "{early:.3} of all at first");
    eventually("it is warm", async || {
        web(&proxy).await["endpoints"][3]["state"] == "ready"
    })
    .await;
    let before = load.so_far();
    eventually("much has been sent since", async || {
        load.so_far().ok > before.ok + 2000
    })
    .await;
    let late = share(&since(&load.so_far(), &before), "a4");
    assert!((0.2..0.3).contains(&late), "{late:.3} of all when warm");
    load.stop().await.none_failed("the flow");
}

/// What came between two looks at a flow.
fn since(now: &Tally, before: &Tally) -> Tally {
    let mut tally = now.clone();
    tally.ok -= before.ok;
    for (name, count) in &mut tally.by_endpoint {
        *count -= before.of(name);
    }
    tally
}

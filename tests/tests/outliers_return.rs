//! How an ejected endpoint comes back.

use std::sync::{
    Arc,
    atomic::{AtomicU16, Ordering::Relaxed},
};

use http::Response;
use outrigger_tests::{
    Client, Endpoint, Load, Proxy, Serve, Table, body, eventually, get, get_with, spread,
};
use serde_json::Value;
use tokio::sync::Semaphore;

/// An endpoint whose answers the test decides on, one by one if it wants.
struct Moody {
    endpoint: Endpoint,
    status: Arc<AtomicU16>,
    /// A request needs one of these to be answered.
    answers: Arc<Semaphore>,
}

impl Moody {
    async fn failing() -> Self {
        let status = Arc::new(AtomicU16::new(500));
        let answers = Arc::new(Semaphore::new(Semaphore::MAX_PERMITS / 2));
        let (said, allowed) = (status.clone(), answers.clone());
        let endpoint = Serve::default()
            .with(move |_| {
                let (said, allowed) = (said.clone(), allowed.clone());
                async move {
                    allowed.acquire().await.unwrap().forget();
                    let response = Response::builder()
                        .status(said.load(Relaxed))
                        .header("x-endpoint", "moody");
                    response.body(body::empty()).unwrap()
                }
            })
            .await;
        Self {
            endpoint,
            status,
            answers,
        }
    }

    fn recovers(&self) {
        self.status.store(200, Relaxed);
    }

    /// Answers nothing until it is told how many it may.
    fn holds_its_tongue(&self) {
        self.answers.forget_permits(Semaphore::MAX_PERMITS);
    }
}

fn table(good: &Endpoint, moody: &Moody, detection: &str) -> Table {
    Table::to([good, &moody.endpoint])
        .listener("trail: true")
        .route("retry: { attempts: 1 }")
        .cluster("balancer: round_robin")
        .cluster(format!("outlier_detection: {detection}"))
}

async fn of_moody(proxy: &Proxy) -> Value {
    let clusters: Value = proxy.admin_get("/clusters").await.json();
    clusters["web"]["endpoints"][1].clone()
}

async fn is(proxy: &Proxy, state: &str) {
    eventually(state, async || of_moody(proxy).await["state"] == state).await;
}

/// One request, and its Trail.
async fn trail(client: &mut Client) -> String {
    let reply = client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await;
    reply.header("x-outrigger-trail").to_owned()
}

#[tokio::test]
async fn an_endpoint_returns_through_a_single_request_and_slow_start() {
    let (good, moody) = (Endpoint::named("good").await, Moody::failing().await);
    let table = table(&good, &moody, "{ base_ejection_time: 200ms }").cluster("slow_start: 1h");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    while of_moody(&proxy).await["state"] != "ejected" {
        trail(&mut client).await;
    }
    moody.holds_its_tongue();
    moody.recovers();
    let seen = moody.endpoint.seen.requests();
    // The probe waits for its answer; all others go elsewhere, however many.
    let address = proxy.address;
    let probe = tokio::spawn(async move {
        let mut client = Client::http1(address).await;
        loop {
            let trail = trail(&mut client).await;
            if trail.contains("probe=") {
                return trail;
            }
        }
    });
    is(&proxy, "probing").await;
    spread(proxy.address, 4, 200)
        .await
        .none_failed("beside the probe");
    assert_eq!(moody.endpoint.seen.requests(), seen + 1, "one probe");
    moody.answers.add_permits(1000);
    let trail = probe.await.unwrap();
    let wanted = format!("web probe={} 200", moody.endpoint.address);
    assert_eq!(trail, wanted);
    is(&proxy, "warming").await;
    assert_eq!(of_moody(&proxy).await["ejected"], Value::Null);
    let share = spread(proxy.address, 1, 400).await.of("moody");
    assert!((5..=100).contains(&share), "a tenth of a half, not {share}");
    proxy.says("back in service: its probe went well").await;
}

#[tokio::test]
async fn each_failed_probe_makes_the_next_ejection_longer_up_to_the_longest() {
    let (good, moody) = (Endpoint::named("good").await, Moody::failing().await);
    let detection = "{ base_ejection_time: 100ms, max_ejection_time: 600ms }";
    let proxy = Proxy::start(table(&good, &moody, detection)).await;
    let load = Load::start(proxy.address, 1);
    let times = || {
        let output = proxy.output();
        let times = output.split("for_ms=").skip(1).filter_map(|rest| {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse::<u64>().ok()
        });
        times.collect::<Vec<_>>()
    };
    eventually("five ejections", async || times().len() >= 5).await;
    let tally = load.stop().await;
    for (time, most) in times().into_iter().zip([100, 200, 400, 600, 600]) {
        assert!((most * 8 / 10 - 1..=most).contains(&time), "{:?}", times());
    }
    let ejections = times().len();
    assert!(tally.failures.len() <= 5 + ejections, "one a probe");
}

#[tokio::test]
async fn an_endpoint_that_recovers_is_back_within_a_second_or_two_and_takes_its_share() {
    let (good, moody) = (Endpoint::named("good").await, Moody::failing().await);
    let proxy = Proxy::start(table(&good, &moody, "{}")).await;
    let load = Load::start(proxy.address, 2);
    is(&proxy, "ejected").await;
    moody.recovers();
    is(&proxy, "ready").await;
    load.stop().await;
    let tally = spread(proxy.address, 1, 200).await;
    assert_eq!(tally.of("moody"), 100, "{tally:?}");
}

#[tokio::test]
async fn an_ejection_outlives_a_reload_but_not_the_detection() {
    let (good, moody) = (Endpoint::named("good").await, Moody::failing().await);
    let long = "{ base_ejection_time: 1m }";
    let proxy = Proxy::start(table(&good, &moody, long)).await;
    while of_moody(&proxy).await["state"] != "ejected" {
        spread(proxy.address, 1, 10).await;
    }
    let seen = moody.endpoint.seen.requests();
    proxy
        .reload(table(&good, &moody, "{ max_ejection_time: 2m }"))
        .await;
    assert_eq!(of_moody(&proxy).await["ejected"]["times"], 1);
    spread(proxy.address, 1, 100)
        .await
        .none_failed("after a reload");
    assert_eq!(moody.endpoint.seen.requests(), seen);
    proxy.reload(table(&good, &moody, "off")).await;
    is(&proxy, "ready").await;
    assert_eq!(spread(proxy.address, 1, 100).await.failures.len(), 50);
}

/// Two restart one after the other: the second goes while the first is still ejected for having been away.
#[tokio::test]
async fn an_ejected_endpoint_is_asked_before_its_time_when_nobody_else_is_left() {
    let first = Endpoint::named("first").await;
    let second = Endpoint::named("second").await;
    let (away, later) = (first.address, second.address);
    let detection = "outlier_detection: { base_ejection_time: 30s }";
    let table = Table::to([&first, &second]).cluster(detection);
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    drop(first);
    eventually("it is ejected", async || {
        client.request(get("/")).await;
        let clusters: Value = proxy.admin_get("/clusters").await.json();
        clusters["web"]["endpoints"][0]["state"] == "ejected"
    })
    .await;
    let first = Endpoint::named_at("first", away).await;
    drop(second);
    for _ in 0..20 {
        let reply = client.request(get("/")).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (200, "first"));
    }
    drop(first);
    let _second = Endpoint::named_at("second", later).await;
    let reply = client.request(get("/")).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "second"));
}

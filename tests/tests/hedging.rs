//! Second attempts beside slow ones.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use outrigger_tests::{
    Client, Endpoint, Proxy, Reply, Serve, Table, body, eventually, get_with, post, spread,
};

/// How many hedges ended so.
async fn hedges(proxy: &Proxy, outcome: &str) -> f64 {
    let metrics = proxy.metrics().await;
    metrics.sum("outrigger_hedges_total", &[("outcome", outcome)])
}

async fn attempts(proxy: &Proxy, result: &str) -> f64 {
    let metrics = proxy.metrics().await;
    metrics.sum("outrigger_attempts_total", &[("result", result)])
}

/// A table that asks these endpoints in turn.
fn in_turn<'a>(endpoints: impl IntoIterator<Item = &'a Endpoint>) -> Table {
    Table::to(endpoints)
        .cluster("balancer: round_robin")
        .listener("trail: true")
}

async fn traced(client: &mut Client) -> Reply {
    client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await
}

#[tokio::test]
async fn an_endpoint_that_hangs_for_a_second_costs_no_request_a_second() {
    let hangs = Endpoint::slow("hangs", Duration::from_secs(1)).await;
    let good = Endpoint::named("good").await;
    let table = Table::to([&hangs, &good])
        .cluster("balancer: random")
        .route("hedge: { after: 50ms }");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    let mut slowest = Duration::ZERO;
    for _ in 0..60 {
        let start = Instant::now();
        let reply = client.get("/").await;
        slowest = slowest.max(start.elapsed());
        assert_eq!(reply.header("x-endpoint"), "good");
    }
    assert!(slowest < Duration::from_millis(900), "{slowest:?}");
    let won = hedges(&proxy, "won").await;
    assert!((10.0..=50.0).contains(&won), "{won} of 60");
    // Whoever lost was given up, and is not blamed.
    eventually("the losers are counted", async || {
        attempts(&proxy, "cancelled").await == won
    })
    .await;
    assert_eq!(attempts(&proxy, "success").await, 60.0);
    assert_eq!(attempts(&proxy, "timeout").await, 0.0);
    eventually(
        "no connection waits for an answer that nobody wants",
        async || hangs.seen.open() == 0,
    )
    .await;
}

/// Takes a second for every so many requests, and else no time.
async fn stumbling(every: usize) -> Endpoint {
    let turn = AtomicUsize::new(0);
    Serve::default()
        .with(move |_| {
            let stumbles = turn.fetch_add(1, Relaxed) % every == every - 1;
            async move {
                if stumbles {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Response::new(body::full("done"))
            }
        })
        .await
}

#[tokio::test]
async fn a_percentile_of_the_clusters_own_latency_says_what_is_slow() {
    let (one, other) = (stumbling(30).await, stumbling(30).await);
    let proxy = Proxy::start(in_turn([&one, &other]).route("hedge: { after: p90 }")).await;
    let known = async || {
        let clusters = proxy.admin_get("/clusters").await.json();
        clusters["web"]["latency_ms"]["p90"].as_f64()
    };
    assert_eq!(known().await, None, "nobody knows what is slow yet");
    spread(proxy.address, 8, 120).await;
    eventually("enough is known", async || known().await.is_some()).await;
    let mut client = Client::http1(proxy.address).await;
    let mut times = Vec::new();
    for _ in 0..100 {
        let start = Instant::now();
        assert_eq!(client.get("/").await.status, 200);
        times.push(start.elapsed());
    }
    times.sort();
    assert!(times[98] < Duration::from_millis(900), "{:?}", &times[95..]);
    let made = hedges(&proxy, "won").await + hedges(&proxy, "lost").await;
    assert!((1.0..=100.0).contains(&made), "{made}");
}

#[tokio::test]
async fn whichever_attempt_answers_first_wins() {
    let slow = Endpoint::slow("slow", Duration::from_millis(200)).await;
    let hangs = Endpoint::hanging().await;
    let table = Table::to([&slow, &hangs])
        .cluster("balancer: random")
        .listener("trail: true");
    let proxy = Proxy::start(table.route("hedge: { after: 50ms }")).await;
    let mut client = Client::http1(proxy.address).await;
    let (mut won, mut lost) = (0, 0);
    eventually("each endpoint came first once", async || {
        let reply = traced(&mut client).await;
        let trail = reply.header("x-outrigger-trail");
        assert_eq!(reply.header("x-endpoint"), "slow", "{trail}");
        assert!(trail.contains(" hedge pick="), "{trail}");
        match trail.contains(" lost 200") {
            true => lost += 1,
            false => won += 1,
        }
        won > 0 && lost > 0
    })
    .await;
    assert_eq!(hedges(&proxy, "lost").await, f64::from(lost));
    assert_eq!(hedges(&proxy, "won").await, f64::from(won));
}

#[tokio::test]
async fn a_hedge_that_fails_is_no_answer_where_the_route_would_retry_it() {
    let slow = Endpoint::slow("slow", Duration::from_millis(300)).await;
    let failing = Endpoint::failing("failing", StatusCode::SERVICE_UNAVAILABLE).await;
    for (on, statuses) in [("[503]", [200, 200]), ("[]", [503, 503])] {
        let table = in_turn([&slow, &failing])
            .route("hedge: { after: 50ms }")
            .route(format!("retry: {{ on: {on} }}"));
        let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
        let mut client = Client::http1(proxy.address).await;
        for status in statuses {
            let reply = traced(&mut client).await;
            let trail = reply.header("x-outrigger-trail");
            assert_eq!(reply.status.as_u16(), status, "{on}: {trail}");
        }
    }
}

#[tokio::test]
async fn both_attempts_may_fail_and_a_retry_goes_on_from_there() {
    let turn = Arc::new(AtomicUsize::new(0));
    let serve = |turn: Arc<AtomicUsize>| {
        Serve::default().with(move |_| {
            let turn = turn.fetch_add(1, Relaxed);
            async move {
                let mut response = Response::new(body::full("done"));
                if turn < 2 {
                    tokio::time::sleep(Duration::from_millis(300)).await;
                    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                }
                response
            }
        })
    };
    let (one, other) = (serve(turn.clone()).await, serve(turn.clone()).await);
    let table = in_turn([&one, &other])
        .route("hedge: { after: 50ms }")
        .route("retry: { on: [503] }");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    let reply = traced(&mut client).await;
    let trail = reply.header("x-outrigger-trail");
    assert_eq!(reply.status, 200, "{trail}");
    assert_eq!(trail.matches("hedge").count(), 1, "{trail}");
    assert_eq!(turn.load(Relaxed), 3, "{trail}");
}

/// Answers with what it was sent, half of the time late.
async fn slow_echo(slow: bool) -> Endpoint {
    Serve::default()
        .with(move |request: Request<_>| async move {
            let bytes = request.into_body().collect().await;
            if slow {
                tokio::time::sleep(Duration::from_millis(600)).await;
            }
            match bytes {
                Ok(bytes) => Response::new(body::full(bytes.to_bytes())),
                Err(_) => Response::new(body::full("broken")),
            }
        })
        .await
}

#[tokio::test]
async fn a_post_has_company_only_where_it_may_run_twice_and_then_with_all_of_its_body() {
    let (slow, fast) = (slow_echo(true).await, slow_echo(false).await);
    let bytes = body::pattern(50_000);
    for repeat in [false, true] {
        let table = in_turn([&slow, &fast])
            .route("hedge: { after: 50ms }")
            .route(format!("retry: {{ non_idempotent: {repeat} }}"));
        let proxy = Proxy::start_with(table, &["--workers", "1"]).await;
        let mut client = Client::http1(proxy.address).await;
        for _ in 0..4 {
            let reply = client.request(post("/", bytes.clone())).await;
            assert_eq!(reply.body, bytes);
        }
        assert_eq!(hedges(&proxy, "won").await > 0.0, repeat);
    }
}

#[tokio::test]
async fn an_upload_that_is_under_way_has_no_company() {
    let (one, other) = (Endpoint::echo().await, Endpoint::echo().await);
    let table = in_turn([&one, &other])
        .route("hedge: { after: 50ms }")
        .route("retry: { non_idempotent: true }");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    let (mut sender, stream) = body::channel();
    let request = Request::post("/").body(stream).unwrap();
    let feeding = async {
        for _ in 0..5 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            sender.send_data("hello".into()).await.unwrap();
        }
        drop(sender);
    };
    let (reply, ()) = tokio::join!(client.request(request), feeding);
    assert_eq!(reply.json()["body_length"], 25);
    assert_eq!(one.seen.requests() + other.seen.requests(), 1);
}

#[tokio::test]
async fn hedges_keep_to_the_budget_and_need_another_endpoint() {
    let slow = Endpoint::slow("slow", Duration::from_millis(200)).await;
    let other = Endpoint::slow("other", Duration::from_millis(200)).await;
    let table = in_turn([&slow, &other])
        .route("hedge: { after: 20ms }")
        .cluster("retry_budget: { percent: 0%, min_per_second: 0 }");
    let proxy = Proxy::start(table).await;
    let reply = traced(&mut Client::http1(proxy.address).await).await;
    let trail = reply.header("x-outrigger-trail");
    assert!(trail.ends_with(" refused=budget 200"), "{trail}");
    assert_eq!(hedges(&proxy, "over_budget").await, 1.0);

    let proxy = Proxy::start(in_turn([&slow]).route("hedge: { after: 20ms }")).await;
    let reply = traced(&mut Client::http1(proxy.address).await).await;
    let trail = reply.header("x-outrigger-trail");
    assert!(!trail.contains("hedge"), "{trail}");
}

#[tokio::test]
async fn a_client_that_leaves_ends_both_attempts() {
    let (one, other) = (Endpoint::hanging().await, Endpoint::hanging().await);
    let proxy = Proxy::start(in_turn([&one, &other]).route("hedge: { after: 20ms }")).await;
    let mut client = Client::http2(proxy.address).await;
    let asking = tokio::spawn(async move { client.get("/").await });
    eventually("both are asked", async || {
        one.seen.requests() + other.seen.requests() == 2
    })
    .await;
    asking.abort();
    eventually("both are given up", async || {
        attempts(&proxy, "cancelled").await == 2.0
    })
    .await;
    // One request, however many attempts it had.
    eventually("one request is counted", async || {
        let metrics = proxy.metrics().await;
        metrics.sum("outrigger_requests_total", &[]) == 1.0
    })
    .await;
}

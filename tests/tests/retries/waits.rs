//! How long a retry waits, and when that is too long.

use std::time::{Duration, Instant, SystemTime};

use outrigger_tests::{Client, Endpoint, Proxy, Table, eventually, get, get_with};

use super::conditions::{answer, flaky};

/// One failure that asks for a wait, under this policy: the status that comes of it, the Trail, how long it took, and
/// how often the endpoint was asked.
async fn asked_to_wait(retry_after: String, route: &str) -> (u16, String, Duration, usize) {
    let endpoint = flaky(1, move || answer(503, &[("retry-after", &retry_after)])).await;
    let table = Table::to([&endpoint]).listener("trail: true");
    let proxy = Proxy::start(table.route(route)).await;
    let mut client = Client::http1(proxy.address).await;
    let start = Instant::now();
    let reply = client
        .request(get_with("/", &[("x-outrigger-trail", "1")]))
        .await;
    let trail = reply.header("x-outrigger-trail").to_owned();
    let status = reply.status.as_u16();
    (status, trail, start.elapsed(), endpoint.seen.requests())
}

const RETRY: &str = "retry: { on: [503] }";

#[tokio::test]
async fn an_endpoint_that_asks_for_a_short_wait_gets_it() {
    let (status, trail, took, requests) = asked_to_wait("1".to_owned(), RETRY).await;
    assert_eq!((status, requests), (200, 2), "{trail}");
    assert!(took >= Duration::from_secs(1), "{took:?}");
    assert!(trail.contains(" 503 retry backoff=1"), "{trail}");
}

#[tokio::test]
async fn a_date_is_a_wait_and_one_that_is_past_is_none() {
    for ahead in [0, 1] {
        let date = SystemTime::now() + Duration::from_secs(ahead);
        let (status, trail, took, _) = asked_to_wait(httpdate(date), RETRY).await;
        assert_eq!(status, 200, "{trail}");
        assert!(took < Duration::from_secs(9));
    }
}

fn httpdate(time: SystemTime) -> String {
    let output = std::process::Command::new("date")
        .args(["--utc", "+%a, %d %b %Y %H:%M:%S GMT"])
        .env("LC_ALL", "C")
        .arg(format!(
            "--date=@{}",
            time.duration_since(SystemTime::UNIX_EPOCH)
                .unwrap()
                .as_secs()
        ))
        .output();
    String::from_utf8(output.unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}

#[tokio::test]
async fn an_endpoint_that_asks_for_a_long_wait_is_passed_on_as_it_is() {
    let (status, trail, _, requests) = asked_to_wait("2".to_owned(), RETRY).await;
    assert_eq!((status, requests), (503, 1));
    assert!(trail.ends_with(" 503 refused=too_late"), "{trail}");
    let patient = "retry: { on: [503], max_retry_after: 2s }";
    let (status, trail, took, _) = asked_to_wait("2".to_owned(), patient).await;
    assert_eq!(status, 200, "{trail}");
    assert!(took >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_wait_past_the_deadline_is_not_begun() {
    let short = format!("{RETRY}\n        timeout: 900ms");
    let (status, trail, took, requests) = asked_to_wait("1".to_owned(), &short).await;
    assert_eq!(
        (status, requests),
        (503, 1),
        "the answer that there is, not a time-out"
    );
    assert!(took < Duration::from_millis(900), "{took:?}");
    assert!(trail.ends_with("refused=too_late"), "{trail}");
}

#[tokio::test]
async fn what_is_no_wait_is_none() {
    for nonsense in ["soon", "-1", "1.5"] {
        let (status, ..) = asked_to_wait(nonsense.to_owned(), RETRY).await;
        assert_eq!(status, 200, "{nonsense}");
    }
}

#[tokio::test]
async fn no_attempt_outlives_the_request() {
    let endpoint = Endpoint::failing("failing", http::StatusCode::SERVICE_UNAVAILABLE).await;
    let table = Table::to([&endpoint])
        .route("timeout: 400ms")
        .route("retry: { attempts: 100, on: [503], backoff: { base: 100ms, max: 100ms } }");
    let proxy = Proxy::start(table).await;
    let mut client = Client::http1(proxy.address).await;
    let start = Instant::now();
    let reply = client.get("/").await;
    let took = start.elapsed();
    // The last answer, not a time-out; unless the machine was busy elsewhere just when the last attempt was under way.
    assert!(matches!(reply.status.as_u16(), 503 | 504));
    assert!(took < Duration::from_millis(600), "{took:?}");
    assert!((2..100).contains(&endpoint.seen.requests()));
}

#[tokio::test]
async fn a_client_that_leaves_during_a_wait_ends_it() {
    let endpoint = flaky(9, || answer(503, &[("retry-after", "1")])).await;
    let proxy = Proxy::start(Table::to([&endpoint]).route(RETRY)).await;
    let http1 = Client::http1(proxy.address).await;
    let http2 = Client::http2(proxy.address).await;
    for (mut client, left) in [(http1, 1), (http2, 2)] {
        let asking = tokio::spawn(async move { client.send(get("/")).await });
        eventually("the endpoint is asked", async || {
            endpoint.seen.requests() == left
        })
        .await;
        asking.abort();
        // Counted when the request is over, and with it all that was to come of it.
        eventually("the request is over", async || {
            let metrics = proxy.metrics().await;
            metrics.sum("outrigger_requests_total", &[("status", "499")]) == left as f64
        })
        .await;
        assert_eq!(endpoint.seen.requests(), left);
    }
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(endpoint.seen.requests(), 2, "nobody is asked for nobody");
}

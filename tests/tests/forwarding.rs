//! A request and its response arrive whole, in every combination of versions.

use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use outrigger_tests::{Client, Endpoint, Proxy, Raw, RawEndpoint, Serve, Table, body, get, post};

/// `protocol` of the cluster, whether the client speaks HTTP/2, the version that the endpoint should see.
const COMBINATIONS: [(&str, bool, &str); 6] = [
    ("http1", false, "HTTP/1.1"),
    ("http1", true, "HTTP/1.1"),
    ("http2", false, "HTTP/2.0"),
    ("http2", true, "HTTP/2.0"),
    ("auto", false, "HTTP/1.1"),
    ("auto", true, "HTTP/1.1"),
];

async fn client(proxy: &Proxy, http2: bool) -> Client {
    match http2 {
        true => Client::http2(proxy.address).await,
        false => Client::http1(proxy.address).await,
    }
}

#[tokio::test]
async fn every_combination_of_versions_carries_method_path_query_and_body() {
    let echo = Endpoint::echo().await;
    for (protocol, http2, version) in COMBINATIONS {
        let proxy = Proxy::start(Table::to([&echo]).cluster(format!("protocol: {protocol}"))).await;
        let mut client = client(&proxy, http2).await;
        let bytes = body::pattern(10_000);
        let reply = client.request(post("/a%20b/c?d=e&f", bytes.clone())).await;
        let what = format!("{protocol}, HTTP/2 client: {http2}");
        assert_eq!(reply.status, StatusCode::OK, "{what}: {}", reply.text());
        let seen = reply.json();
        assert_eq!(seen["method"], "POST", "{what}");
        assert_eq!(seen["version"], version, "{what}");
        assert!(
            seen["uri"].as_str().unwrap().ends_with("/a%20b/c?d=e&f"),
            "{what}: {seen}"
        );
        assert_eq!(seen["body_checksum"], body::checksum(&bytes), "{what}");
    }
}

#[tokio::test]
async fn large_bodies_arrive_intact_both_ways() {
    let endpoint = Serve::default()
        .with(|request: Request<_>| async {
            http::Response::new(request.into_body().map_err(Into::into).boxed_unsync())
        })
        .await;
    for (protocol, http2, _) in COMBINATIONS {
        let proxy =
            Proxy::start(Table::to([&endpoint]).cluster(format!("protocol: {protocol}"))).await;
        let bytes = body::pattern(3_000_001);
        let reply = client(&proxy, http2)
            .await
            .request(post("/", bytes.clone()))
            .await;
        assert!(
            reply.body == bytes,
            "{protocol}, HTTP/2 client: {http2}: {} bytes came back",
            reply.body.len()
        );
    }
}

#[tokio::test]
async fn chunked_bodies_and_trailers_pass_both_ways() {
    let endpoint = Serve::default()
        .with(|request: Request<hyper::body::Incoming>| async {
            let collected = request.into_body().collect().await.unwrap();
            let mut trailers = HeaderMap::new();
            let came = collected
                .trailers()
                .and_then(|trailers| trailers.get("x-sum"))
                .cloned();
            trailers.insert("x-came", came.unwrap_or_else(|| "nothing".parse().unwrap()));
            let response = http::Response::builder().header("trailer", "x-came");
            response
                .body(body::with_trailers(collected.to_bytes(), trailers))
                .unwrap()
        })
        .await;
    for (protocol, http2, _) in COMBINATIONS {
        let proxy =
            Proxy::start(Table::to([&endpoint]).cluster(format!("protocol: {protocol}"))).await;
        let trailers = HeaderMap::from_iter([("x-sum".parse().unwrap(), "42".parse().unwrap())]);
        let request = Request::post("/")
            .header("te", "trailers")
            .header("trailer", "x-sum");
        let request = request
            .body(body::with_trailers("some bytes", trailers))
            .unwrap();
        let reply = client(&proxy, http2).await.request(request).await;
        assert_eq!(
            reply.text(),
            "some bytes",
            "{protocol}, HTTP/2 client: {http2}"
        );
        assert_eq!(
            reply.trailer("x-came"),
            "42",
            "{protocol}, HTTP/2 client: {http2}"
        );
    }
}

#[tokio::test]
async fn a_head_request_gets_the_length_and_no_body() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        while raw.read_head().await.is_some() {
            raw.write("HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
                .await;
        }
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    for http2 in [false, true] {
        let mut client = client(&proxy, http2).await;
        // Twice, to see that nobody waits for the body that never comes.
        for _ in 0..2 {
            let request = Request::head("/").body(body::empty()).unwrap();
            let reply = client.request(request).await;
            assert_eq!(
                (reply.status.as_u16(), reply.header("content-length")),
                (200, "5000")
            );
            assert!(reply.body.is_empty());
        }
    }
}

#[tokio::test]
async fn responses_without_a_body_keep_the_connection_usable() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        while let Some(head) = raw.read_head().await {
            let status = head.split(['/', ' ']).nth(2).unwrap_or("200").to_owned();
            raw.write(format!("HTTP/1.1 {status} x\r\n\r\n")).await;
        }
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut client = Client::http1(proxy.address).await;
    for status in [204, 304, 204] {
        let reply = client.get(&format!("/{status}")).await;
        assert_eq!(reply.status, status);
        assert!(reply.body.is_empty());
    }
    assert!(!client.is_closed());
}

#[tokio::test]
async fn a_response_that_ends_with_its_connection_arrives_whole() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\n\r\nall there is").await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    assert_eq!(
        client(&proxy, false).await.get("/").await.text(),
        "all there is"
    );
    assert_eq!(
        client(&proxy, true).await.get("/").await.text(),
        "all there is"
    );
}

#[tokio::test]
async fn a_response_cut_short_is_not_passed_off_as_whole() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        raw.read_head().await;
        raw.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nonly this")
            .await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    for http2 in [false, true] {
        let outcome = client(&proxy, http2).await.try_request(get("/")).await;
        assert!(outcome.is_err(), "HTTP/2: {http2}: {outcome:?}");
    }
}

#[tokio::test]
async fn an_http_1_0_client_gets_an_answer_that_ends() {
    let endpoint = Endpoint::named("a").await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.0\r\nhost: old.test\r\n\r\n").await;
    let answer = String::from_utf8(raw.read_to_end().await).unwrap();
    assert!(
        answer.contains(" 200 ") && answer.ends_with("\r\n\r\na"),
        "{answer}"
    );
    assert!(
        !answer.to_ascii_lowercase().contains("transfer-encoding"),
        "{answer}"
    );
}

#[tokio::test]
async fn an_endpoint_is_told_a_host_even_if_the_caller_named_none() {
    let endpoint = RawEndpoint::serve(async |mut raw: Raw, _| {
        let head = raw.read_head().await.unwrap_or_default();
        raw.write("HTTP/1.1 200 OK\r\n\r\n").await;
        raw.write(head).await;
    })
    .await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("GET / HTTP/1.0\r\n\r\n").await;
    let answer = String::from_utf8(raw.read_to_end().await).unwrap();
    assert!(answer.contains("GET / HTTP/1.1\r\n"), "{answer}");
    assert!(answer.contains("\r\nhost: localhost\r\n"), "{answer}");
}

#[tokio::test]
async fn http2_has_the_host_in_its_authority_alone() {
    let echo = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&echo]).cluster("protocol: http2")).await;
    for (host, uri) in [
        (
            "HTTP/1.1\r\nhost: a.test:81\r\nconnection: close",
            "http://a.test:81/",
        ),
        ("HTTP/1.0", "http://localhost/"),
    ] {
        let mut raw = Raw::connect(proxy.address).await;
        raw.write(format!("GET / {host}\r\n\r\n")).await;
        let answer = String::from_utf8(raw.read_to_end().await).unwrap();
        assert!(answer.contains(&format!("{uri:?}")), "{answer}");
        assert!(!answer.contains("\"host\""), "{answer}");
    }
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    let requests = (0..5).map(|i| format!("GET /{i} HTTP/1.1\r\nhost: a\r\n\r\n"));
    raw.write(requests.collect::<String>()).await;
    for i in 0..5 {
        let reply = raw.read_reply().await.expect("an answer to each");
        let seen: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(seen["uri"], format!("/{i}"));
    }
}

#[tokio::test]
async fn many_streams_of_one_connection_run_at_once() {
    let slow = Endpoint::slow("slow", std::time::Duration::from_millis(200)).await;
    let proxy = Proxy::start(Table::to([&slow])).await;
    let client = Client::http2(proxy.address).await;
    let start = std::time::Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let mut client = client.share();
        tasks.spawn(async move { client.get("/").await.status });
    }
    assert!(tasks.join_all().await.iter().all(|status| *status == 200));
    // One after the other would take ten seconds.
    assert!(
        start.elapsed() < std::time::Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn unusual_methods_and_long_paths_pass_unchanged() {
    let echo = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&echo])).await;
    let mut client = Client::http1(proxy.address).await;
    for method in ["OPTIONS", "DELETE", "PATCH", "PUT", "PROPFIND", "PURGE"] {
        let path = format!("/{}//x%2Fy;a=b?{}", "p".repeat(4000), "q".repeat(4000));
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::builder()
            .method(method.clone())
            .uri(&path)
            .body(body::empty())
            .unwrap();
        let seen = client.request(request).await.json();
        assert_eq!(seen["method"], method.as_str());
        assert_eq!(seen["uri"], path);
    }
}

#[tokio::test]
async fn options_of_the_server_itself_passes() {
    let endpoint = Endpoint::echo().await;
    let proxy = Proxy::start(Table::to([&endpoint])).await;
    let mut raw = Raw::connect(proxy.address).await;
    raw.write("OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let reply = raw.read_reply().await.unwrap();
    assert_eq!(reply.status, 200, "{}", reply.head);
    let seen: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(seen["uri"], "*");
}

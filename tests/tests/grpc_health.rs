//! The gRPC health protocol, as a proxy that asks.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use outrigger_tests::{Endpoint, Proxy, Serve, Table, body, eventually};

/// What a [`service`] does in place of an answer.
const UNIMPLEMENTED: u8 = 255;

/// A service that answers with the serving status it is switched to; of any service but `shop.Cart`, that it knows none.
async fn service(serving: Arc<AtomicU8>) -> Endpoint {
    Serve::default()
        .with(move |request| answer(request, serving.load(Relaxed)))
        .await
}

async fn answer(request: Request<Incoming>, serving: u8) -> Response<body::Body> {
    assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
    assert_eq!(request.headers()["te"], "trailers");
    let asked = request.into_body().collect().await.unwrap().to_bytes();
    let response = Response::builder().header("content-type", "application/grpc");
    let status = |code: &str| {
        HeaderMap::from_iter([("grpc-status".parse().unwrap(), code.parse().unwrap())])
    };
    let serving = match (&asked[5..], serving) {
        (_, UNIMPLEMENTED) => {
            let response = response.header("grpc-status", "12");
            return response.body(body::empty()).unwrap();
        }
        (b"\x0a\x09shop.Cart" | b"", serving) => serving,
        _ => 3,
    };
    let message = Bytes::from(vec![0, 0, 0, 0, 2, 8, serving]);
    response
        .body(body::with_trailers(message, status("0")))
        .unwrap()
}

async fn last_result(proxy: &Proxy) -> (bool, String) {
    let clusters = proxy.admin_get("/clusters").await.json();
    let health = &clusters["web"]["endpoints"][0]["health_check"];
    let result = health["last_result"].as_str().unwrap_or_default();
    (health["up"] == true, result.to_owned())
}

#[tokio::test]
async fn only_a_service_that_is_serving_is_up() {
    let serving = Arc::new(AtomicU8::new(1));
    let endpoint = service(serving.clone()).await;
    let table = |name: &str| {
        Table::to([&endpoint]).cluster(format!(
            "health_check: {{ grpc: {{ {name} }}, interval: 50ms, failing_interval: 50ms, rise: 1, fall: 1 }}"
        ))
    };
    let proxy = Proxy::start(table("service: shop.Cart")).await;
    for (status, up, result) in [
        (1, true, "pass"),
        (2, false, "NOT_SERVING"),
        (1, true, "pass"),
        (0, false, "UNKNOWN"),
        (9, false, "serving status 9"),
        (UNIMPLEMENTED, false, "grpc-status 12"),
    ] {
        serving.store(status, Relaxed);
        let wanted = (up, result.to_owned());
        eventually(result, async || last_result(&proxy).await == wanted).await;
    }
    serving.store(1, Relaxed);
    for (name, up, result) in [
        ("service: shop.Basket", false, "SERVICE_UNKNOWN"),
        ("", true, "pass"),
    ] {
        proxy.reload(table(name)).await;
        let wanted = (up, result.to_owned());
        eventually(result, async || last_result(&proxy).await == wanted).await;
    }
}

#[tokio::test]
async fn a_server_that_is_no_grpc_service_is_down() {
    let endpoint = Endpoint::named("plain").await;
    let proxy = Proxy::start(
        Table::to([&endpoint]).cluster("health_check: { grpc: {}, failing_interval: 50ms }"),
    )
    .await;
    let wanted = (
        false,
        "not an answer of the gRPC health protocol".to_owned(),
    );
    eventually("it is found out", async || {
        last_result(&proxy).await == wanted
    })
    .await;
}

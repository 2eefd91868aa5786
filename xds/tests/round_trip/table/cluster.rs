//! Clusters.

use proptest::{collection::vec, prelude::*};
use serde_json::{Value, json};

use super::{any_of, count, json_list, keys, percent, some_of, time, tls};

pub(super) fn cluster() -> BoxedStrategy<Value> {
    let source = prop_oneof![
        vec(endpoint(), 0..6).prop_map(|list| {
            let places = list.into_iter().zip(9001..);
            let list = places.map(|(mut endpoint, port)| {
                endpoint["address"] = json!(format!("127.0.0.1:{port}"));
                endpoint
            });
            ("endpoints", Value::Array(list.collect()))
        }),
        dns().prop_map(|dns| ("dns", dns)),
    ];
    let hash = |name: &str| {
        vec![
            json!({(name): {"key": {"header": "x-user"}}}),
            json!({(name): {"key": {"cookie": "session"}}}),
            json!(name),
        ]
    };
    let mut balancers = vec![
        json!("peak_ewma"),
        json!({"peak_ewma": {"decay": "3s"}}),
        json!("least_request"),
        json!("round_robin"),
        json!("random"),
    ];
    balancers.extend(hash("ring_hash"));
    balancers.extend(hash("maglev"));
    let rest = keys(vec![
        (
            "protocol",
            any_of(vec![json!("auto"), json!("http1"), json!("http2")]),
        ),
        ("proxy_protocol", any_of(vec![json!("v1"), json!("v2")])),
        ("tls", tls::of_cluster()),
        ("balancer", any_of(balancers)),
        ("connect_timeout", time()),
        (
            "pool",
            keys(vec![
                ("idle_timeout", time()),
                ("max_age", time()),
                ("max_idle", count(1000)),
                ("max_streams", count(1000)),
            ]),
        ),
        ("slow_start", time()),
        (
            "limits",
            keys(vec![
                ("connections", count(1_000_000)),
                ("requests", count(1_000_000)),
                ("retries", count(1_000_000)),
                (
                    "adaptive",
                    keys(vec![("min", count(4)), ("max", count(1000))]),
                ),
            ]),
        ),
        (
            "outlier_detection",
            prop_oneof![outliers(), Just(json!("off"))].boxed(),
        ),
        ("health_check", health_check()),
        (
            "circuit_breaker",
            keys(vec![
                ("failure_percent", percent()),
                ("slow_call", keys(vec![("longer_than", time())])),
                (
                    "fallback",
                    any_of(vec![
                        json!({"cluster": "c"}),
                        json!({"respond": {"status": 503, "body": "later"}}),
                    ]),
                ),
            ]),
        ),
        (
            "zones",
            any_of(vec![json!("ignore"), json!("prefer_local")]),
        ),
        ("panic_threshold", percent()),
        (
            "retry_budget",
            keys(vec![
                ("percent", percent()),
                ("min_per_second", count(100)),
                ("window", time()),
            ]),
        ),
    ]);
    (source, rest)
        .prop_map(|((key, source), mut rest)| {
            rest[key] = source;
            rest
        })
        .boxed()
}

fn endpoint() -> BoxedStrategy<Value> {
    keys(vec![
        (
            "weight",
            any_of(vec![json!(0), json!(1), json!(7), json!(1_000_000)]),
        ),
        ("zone", any_of(vec![json!("a"), json!("b")])),
        ("priority", any_of(vec![json!(0), json!(3), json!(65535)])),
    ])
}

fn dns() -> BoxedStrategy<Value> {
    let record = any_of(vec![
        json!({"name": "web.internal", "port": 80}),
        json!({"name": "_http._tcp.web.internal.", "record": "srv"}),
    ]);
    let rest = keys(vec![
        ("servers", json_list(&["10.0.0.53:53", "[fd00::53]:53"])),
        ("min_ttl", any_of(vec![json!("1s"), json!("2s")])),
        ("max_ttl", any_of(vec![json!("5s"), json!("1m")])),
    ]);
    (record, rest)
        .prop_map(|(record, mut rest)| {
            for (key, value) in record.as_object().into_iter().flatten() {
                rest[key] = value.clone();
            }
            rest
        })
        .boxed()
}

fn outliers() -> BoxedStrategy<Value> {
    let or_off = |strategy: BoxedStrategy<Value>| {
        prop_oneof![3 => strategy, 1 => Just(json!("off"))].boxed()
    };
    let rate = keys(vec![
        (
            "deviations",
            any_of(vec![json!(0.5), json!(3), json!(2.75)]),
        ),
        ("min_endpoints", any_of(vec![json!(3), json!(9)])),
        ("min_requests", count(1000)),
    ]);
    let failures = keys(vec![
        ("threshold", percent()),
        ("min_endpoints", count(10)),
        ("min_requests", count(1000)),
    ]);
    keys(vec![
        ("consecutive_errors", or_off(count(100))),
        ("consecutive_gateway_errors", or_off(count(100))),
        ("consecutive_connect_failures", or_off(count(100))),
        ("success_rate", or_off(rate)),
        ("failure_percent", or_off(failures)),
        ("latency", or_off(keys(vec![("at_least", time())]))),
        ("window", time()),
        (
            "base_ejection_time",
            any_of(vec![json!("1s"), json!("30s")]),
        ),
        ("max_ejection_time", any_of(vec![json!("1m"), json!("5m")])),
        ("max_ejection_percent", percent()),
    ])
}

fn health_check() -> BoxedStrategy<Value> {
    let http = keys(vec![
        ("path", any_of(vec![json!("/up"), json!("/up?deep=1")])),
        ("host", any_of(vec![json!("web"), json!("web:80")])),
        (
            "method",
            any_of(vec![json!("GET"), json!("POST"), json!("REPORT")]),
        ),
        (
            "headers",
            some_of(vec![("x-b", json!("1")), ("x-a", json!("50%"))]),
        ),
        ("statuses", json_list(&["200", "204", "300-399"])),
        ("body", any_of(vec![json!("ok"), json!("grün\n")])),
    ]);
    let kind = prop_oneof![
        http.prop_map(|http| ("http", http)),
        Just(("tcp", json!({}))),
        any_of(vec![json!({}), json!({"service": "shop"})]).prop_map(|grpc| ("grpc", grpc)),
    ];
    let rest = keys(vec![
        ("port", count(65_535)),
        ("interval", time()),
        ("failing_interval", time()),
        ("timeout", time()),
        ("rise", count(100)),
        ("fall", count(100)),
        ("jitter", percent()),
    ]);
    (kind, rest)
        .prop_map(|((key, kind), mut rest)| {
            rest[key] = kind;
            rest
        })
        .boxed()
}

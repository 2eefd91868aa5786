//! Tables at random, in the words of the file.

use proptest::{collection::vec, option, prelude::*, sample::subsequence};
use serde_json::{Map, Value, json};

type Keys = Map<String, Value>;

/// A table with three clusters and a listener. Not every one is valid: keys are drawn one by one.
pub(crate) fn table() -> impl Strategy<Value = Value> {
    let clusters = [cluster(), cluster(), cluster()];
    (clusters, listener()).prop_map(|([a, b, c], listener)| {
        json!({
            "listeners": [listener],
            "clusters": {"a": a, "b:80": b, "c": c},
        })
    })
}

/// Each of the keys or not.
fn keys(keys: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let drawn: Vec<BoxedStrategy<Option<(String, Value)>>> = keys
        .into_iter()
        .map(|(key, value)| {
            let pair = value.prop_map(move |value| (key.to_owned(), value));
            option::of(pair).boxed()
        })
        .collect();
    let mapping = |pairs: Vec<Option<(String, Value)>>| {
        Value::Object(pairs.into_iter().flatten().collect::<Keys>())
    };
    drawn.prop_map(mapping).boxed()
}

/// Any of these values.
fn any_of(values: Vec<Value>) -> BoxedStrategy<Value> {
    proptest::sample::select(values).boxed()
}

fn time() -> BoxedStrategy<Value> {
    (1..100_000_u32)
        .prop_map(|millis| json!(format!("{millis}ms")))
        .boxed()
}

fn count(most: u32) -> BoxedStrategy<Value> {
    (1..=most).prop_map(|count| json!(count)).boxed()
}

fn percent() -> BoxedStrategy<Value> {
    (1..=1000_u32)
        .prop_map(|tenths| json!(format!("{}%", f64::from(tenths) / 10.0)))
        .boxed()
}

/// Some of the pairs, in any order.
fn some_of(pairs: Vec<(&'static str, Value)>) -> BoxedStrategy<Value> {
    let count = pairs.len();
    let drawn = subsequence(pairs, 0..=count).prop_shuffle();
    drawn
        .prop_map(|pairs| {
            let pairs = pairs.into_iter();
            Value::Object(pairs.map(|(key, value)| (key.to_owned(), value)).collect())
        })
        .boxed()
}

/// Some of the values, in any order.
fn list_of(values: Vec<Value>) -> BoxedStrategy<Value> {
    let count = values.len();
    let drawn = subsequence(values, 1..=count).prop_shuffle();
    drawn.prop_map(Value::Array).boxed()
}

fn cluster() -> BoxedStrategy<Value> {
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

fn json_list(values: &[&str]) -> BoxedStrategy<Value> {
    list_of(values.iter().map(|value| json!(value)).collect())
}

fn outliers() -> BoxedStrategy<Value> {
    let or_off = |strategy: BoxedStrategy<Value>| {
        prop_oneof![3 => strategy, 1 => Just(json!("off"))].boxed()
    };
    let rate = keys(vec![
        (
            "deviations",
            any_of(vec![json!(0.5), json!(3), json!(2.7183)]),
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

fn listener() -> BoxedStrategy<Value> {
    let rest = keys(vec![
        (
            "name",
            any_of(vec![json!("edge"), json!("{in} \"quotes\"")]),
        ),
        ("trusted_proxies", json_list(&["10.0.0.0/8", "fd00::/8"])),
        ("via", any_of(vec![json!(true)])),
        ("connect", any_of(vec![json!(true)])),
        ("trail", any_of(vec![json!(true)])),
        ("header_timeout", time()),
        ("idle_timeout", time()),
        ("max_header_bytes", any_of(vec![json!(8192), json!(10_000)])),
        ("max_streams", count(1000)),
        (
            "limits",
            keys(vec![
                ("connections", count(1000)),
                ("requests", count(1000)),
            ]),
        ),
        ("rate_limit", rate_limit()),
    ]);
    (rest, option::weighted(0.9, vec(route(), 0..6)))
        .prop_map(|(mut listener, routes)| {
            listener["address"] = json!("127.0.0.1:8080");
            if let Some(routes) = routes {
                listener["routes"] = Value::Array(routes);
            }
            listener
        })
        .boxed()
}

fn rate_limit() -> BoxedStrategy<Value> {
    any_of(vec![
        json!({"requests": 5, "per": "1s"}),
        json!({"requests": 5, "per": "1m", "burst": 9, "key": "source_address"}),
        json!({"requests": 5, "per": "10ms", "key": {"header": "x-user"}}),
    ])
}

fn route() -> BoxedStrategy<Value> {
    let destination = any_of(vec![
        json!({"cluster": "a"}),
        json!({"clusters": {"c": 90, "a": 10}}),
        json!({"clusters": {"b:80": 7}}),
        json!({"clusters": {"a": 0, "c": 1}}),
        json!({"cluster_by": "host"}),
        json!({"filters": [{"redirect": {"scheme": "https", "status": 301}}]}),
        json!({"filters": [{"redirect": {"path": "/new", "host": "b.example", "port": 81}}]}),
        json!({"filters": [{"respond": {"status": 418, "body": "no", "content_type": "a/b"}}]}),
    ]);
    let rest = keys(vec![
        ("match", matches()),
        ("filters", filters()),
        ("timeout", any_of(vec![json!("20s"), json!("1h")])),
        ("attempt_timeout", any_of(vec![json!("1s"), json!("20s")])),
        ("idle_timeout", any_of(vec![json!("5m"), json!("off")])),
        ("retry", retry()),
        (
            "hedge",
            any_of(vec![json!({"after": "50ms"}), json!({"after": "p95"})]),
        ),
    ]);
    (destination, rest)
        .prop_map(|(destination, mut rest)| {
            for (key, value) in destination.as_object().into_iter().flatten() {
                rest[key] = value.clone();
            }
            rest
        })
        .boxed()
}

fn matches() -> BoxedStrategy<Value> {
    let values = vec![
        ("x-b", json!("1")),
        ("x-a", json!({"regex": "a|b"})),
        ("x-c", json!("50% off, \"now\"")),
    ];
    keys(vec![
        (
            "hosts",
            json_list(&[
                "a.example",
                "b.example",
                "*.example",
                "*.b.example",
                "127.0.0.1",
            ]),
        ),
        (
            "path",
            any_of(vec![
                json!({"prefix": "/"}),
                json!({"prefix": "/v2"}),
                json!({"prefix": "/v2/x"}),
                json!({"exact": "/v2"}),
                json!({"exact": "/a.b/"}),
                json!({"regex": "/(v1|v2)/.*"}),
            ]),
        ),
        ("methods", json_list(&["GET", "POST", "M-SEARCH", "PUT"])),
        ("headers", some_of(values.clone())),
        ("query", some_of(values)),
    ])
}

fn filters() -> BoxedStrategy<Value> {
    let edits = || {
        keys(vec![
            (
                "set",
                some_of(vec![("x-b", json!("1")), ("x-a", json!("100%"))]),
            ),
            (
                "add",
                some_of(vec![("x-a", json!("")), ("x-d", json!("%REQ(x)%"))]),
            ),
            ("remove", json_list(&["x-e", "x-a"])),
        ])
    };
    let filter = prop_oneof![
        edits().prop_map(|edits| json!({"request_headers": edits})),
        edits().prop_map(|edits| json!({"response_headers": edits})),
        any_of(vec![
            json!({"prefix": "/"}),
            json!({"prefix": "/new"}),
            json!({"path": "/whole\\1"}),
            json!({"host": "c.example:81"}),
        ])
        .prop_map(|rewrite| json!({"rewrite": rewrite})),
        rate_limit().prop_map(|limit| json!({"rate_limit": limit})),
        any_of(vec![
            json!({"delay": {"time": "1s", "percent": "0.5%"}}),
            json!({"abort": {"grpc_status": "unavailable"}, "headers": {"x-b": "1", "x-a": "2"}}),
            json!({"abort": {"reset": true}}),
        ])
        .prop_map(|fault| json!({"fault": fault})),
    ];
    vec(filter, 0..4).prop_map(Value::Array).boxed()
}

fn retry() -> BoxedStrategy<Value> {
    let on = list_of(vec![
        json!("connect_failure"),
        json!("refused_stream"),
        json!("reset"),
        json!("5xx"),
        json!("gateway_error"),
        json!(409),
        json!(429),
        json!({"header": {"x-retry": "1"}}),
        json!({"header": {"x-b": "1", "x-a": {"regex": "a|b"}}}),
    ]);
    let grpc = json_list(&["cancelled", "unknown", "unavailable", "internal"]);
    prop_oneof![
        keys(vec![
            ("attempts", count(5)),
            ("on", on),
            ("non_idempotent", any_of(vec![json!(true), json!(false)])),
            (
                "backoff",
                any_of(vec![
                    json!({"base": "0s", "max": "0s"}),
                    json!({"base": "10ms", "max": "1s"}),
                ]),
            ),
            ("max_retry_after", time()),
            ("body_limit", any_of(vec![json!(0), json!(1024)])),
        ]),
        grpc.prop_map(|on| json!({"on": on, "non_idempotent": true})),
    ]
    .boxed()
}

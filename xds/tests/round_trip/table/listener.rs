//! Listeners, of requests, bytes, or either; and their routes.

use proptest::{collection::vec, option, prelude::*};
use serde_json::{Value, json};

use super::{any_of, count, json_list, keys, list_of, some_of, time, tls};

pub(super) fn listener() -> BoxedStrategy<Value> {
    let tcp = (bytes(), common()).prop_map(|(bytes, common)| over(common, &bytes, "tcp"));
    let detect = keys(vec![
        ("timeout", any_of(vec![json!("20ms"), json!("1s")])),
        (
            "server_first_ports",
            any_of(vec![json!([]), json!([25, 3306])]),
        ),
    ]);
    let detect = keys(vec![("detect", detect)]);
    let either = (requests(), bytes(), detect).prop_map(|(requests, bytes, detect)| {
        let either = over(requests, &bytes, "detect");
        over(either, &detect, "detect")
    });
    prop_oneof![2 => requests(), 1 => tcp, 1 => either].boxed()
}

/// `keys` laid over `listener`, which speaks `protocol`.
fn over(mut listener: Value, keys: &Value, protocol: &str) -> Value {
    for (key, value) in keys.as_object().into_iter().flatten() {
        listener[key] = value.clone();
    }
    listener["address"] = json!("127.0.0.1:8080");
    listener["protocol"] = json!(protocol);
    listener
}

/// What every listener may say.
fn common() -> BoxedStrategy<Value> {
    keys(vec![
        (
            "name",
            any_of(vec![json!("edge"), json!("{in} \"quotes\"")]),
        ),
        (
            "proxy_protocol",
            any_of(vec![
                json!({"trusted": ["10.0.0.0/8"]}),
                json!({"trusted": ["0.0.0.0/0", "::/0"]}),
            ]),
        ),
        ("tls", tls::of_listener()),
        ("limits", keys(vec![("connections", count(1000))])),
    ])
}

/// What one may say that passes bytes on.
fn bytes() -> BoxedStrategy<Value> {
    let others = any_of(vec![
        json!({}),
        json!({"cluster": "a"}),
        json!({"clusters": {"c": 90, "a": 10}}),
        json!({"clusters": {"b:80": 7}}),
    ]);
    let rest = keys(vec![
        (
            "sni",
            some_of(vec![
                ("b.example", json!("a")),
                ("*.example", json!("b:80")),
                ("a.example", json!("a")),
            ]),
        ),
        (
            "tcp",
            keys(vec![
                (
                    "idle_timeout",
                    any_of(vec![json!("5m"), json!("1h"), json!("off")]),
                ),
                ("connect_attempts", count(10)),
            ]),
        ),
    ]);
    (others, rest)
        .prop_map(|(others, mut rest)| {
            for (key, value) in others.as_object().into_iter().flatten() {
                rest[key] = value.clone();
            }
            rest
        })
        .boxed()
}

fn requests() -> BoxedStrategy<Value> {
    let rest = keys(vec![
        ("trusted_proxies", json_list(&["10.0.0.0/8", "fd00::/8"])),
        ("forward_client_cert", any_of(vec![json!(true)])),
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
    let routes = option::weighted(0.9, vec(route(), 0..6));
    (common(), rest, routes)
        .prop_map(|(common, rest, routes)| {
            let mut listener = over(common, &rest, "http");
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

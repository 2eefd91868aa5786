//! TLS, with callers and with endpoints.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{any_of, keys};

pub(super) fn of_listener() -> BoxedStrategy<Value> {
    let pair = json!({"cert": "/etc/tls/a.crt", "key": "/etc/tls/a.key"});
    let other = json!({"cert": "tls/b.crt", "key": "tls/b.key"});
    let certificates = any_of(vec![json!([pair]), json!([other, pair])]);
    let clients = any_of(vec![
        json!({}),
        json!({"client_certificates": "required", "client_ca": "/etc/tls/ca.crt"}),
        json!({"client_certificates": "optional", "client_ca": ["a.crt", "b.crt"], "crl": "a.crl"}),
        json!({"client_certificates": "required", "client_ca": "a.crt", "crl": ["a.crl", "b.crl"]}),
    ]);
    let alpn = any_of(vec![
        json!(["h2"]),
        json!(["http/1.1", "h2"]),
        json!(["h2", "http/1.1"]),
        json!([]),
    ]);
    let rest = keys(vec![("min_version", version()), ("alpn", alpn)]);
    let own = (certificates, clients, rest).prop_map(|(certificates, clients, rest)| {
        let own = with(rest, &clients);
        with(own, &json!({"certificates": certificates}))
    });
    prop_oneof![3 => own, 1 => Just(json!("mesh"))].boxed()
}

pub(super) fn of_cluster() -> BoxedStrategy<Value> {
    let trust = any_of(vec![
        json!({}),
        json!({"ca": "system"}),
        json!({"ca": "/etc/tls/ca.crt"}),
        json!({"ca": ["/etc/tls/a.crt", "/etc/tls/b.crt"]}),
        json!({"insecure_skip_verify_i_know_what_this_means": true}),
    ]);
    let shown = any_of(vec![json!({}), json!({"cert": "a.crt", "key": "a.key"})]);
    let rest = keys(vec![
        ("server_name", any_of(vec![json!("api.example")])),
        ("min_version", version()),
    ]);
    let own =
        (trust, shown, rest).prop_map(|(trust, shown, rest)| with(with(rest, &trust), &shown));
    let mesh = any_of(vec![
        json!("mesh"),
        json!({"mesh": {}}),
        json!({"mesh": {"identities": ["spiffe://example.org/ns/shop/sa/web"]}}),
    ]);
    prop_oneof![3 => own, 1 => mesh].boxed()
}

fn version() -> BoxedStrategy<Value> {
    any_of(vec![json!("1.2"), json!("1.3")])
}

fn with(mut keys: Value, more: &Value) -> Value {
    for (key, value) in more.as_object().into_iter().flatten() {
        keys[key] = value.clone();
    }
    keys
}

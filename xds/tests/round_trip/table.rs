//! Tables at random, in the words of the file.

mod cluster;
mod listener;
mod tls;

use cluster::cluster;
use listener::listener;
use proptest::{option, prelude::*, sample::subsequence};
use serde_json::{Map, Value, json};

type Keys = Map<String, Value>;

/// A table with three clusters and a listener. Not every one is valid: keys are drawn one by one.
pub(crate) fn table() -> impl Strategy<Value = Value> {
    let clusters = [cluster(), cluster(), cluster()];
    (clusters, listener()).prop_map(|([a, b, c], listener)| {
        json!({
            "identity": {"cert": "/run/id/tls.crt", "key": "/run/id/tls.key", "ca": "/run/id/ca.crt"},
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

fn json_list(values: &[&str]) -> BoxedStrategy<Value> {
    list_of(values.iter().map(|value| json!(value)).collect())
}

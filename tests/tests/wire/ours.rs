//! What we encode is routed by Envoy as by our router.

use outrigger::route::Router;
use outrigger_config::model::Listener;
use outrigger_xds::{encode, pb::envoy::config::route::v3::RouteConfiguration};
use prost::Message;
use serde_json::{Value, json};

use super::{HOSTS, METHODS, PATHS, REGEXES, envoy, request, seeded};

fn table(rng: &mut fastrand::Rng) -> Value {
    let routes: Vec<Value> = (0..rng.usize(1..7)).map(|_| route(rng)).collect();
    json!({
        "listeners": [{"name": "edge", "address": "127.0.0.1:1", "routes": routes}],
        "clusters": {"web": {"endpoints": []}},
    })
}

fn route(rng: &mut fastrand::Rng) -> Value {
    let mut matches = json!({});
    if rng.bool() {
        let hosts: Vec<&str> = HOSTS.into_iter().filter(|_| rng.u8(..3) == 0).collect();
        matches["hosts"] = json!(hosts);
    }
    let path = PATHS[rng.usize(..PATHS.len())];
    match rng.u8(..5) {
        0 => matches["path"] = json!({"exact": path}),
        1 => matches["path"] = json!({"regex": REGEXES[rng.usize(..3)]}),
        2 | 3 => matches["path"] = json!({"prefix": path}),
        _ => {}
    }
    if rng.u8(..3) == 0 {
        let count = rng.usize(1..3);
        matches["methods"] = json!(METHODS[..count]);
    }
    if rng.u8(..3) == 0 {
        let wanted = [json!("1"), json!({"regex": "1|2"})];
        matches["headers"] = json!({"x-a": wanted[rng.usize(..2)]});
    }
    if rng.u8(..3) == 0 {
        matches["query"] = json!({"q": "1"});
    }
    // Half of them are two routes on the wire, by method.
    let on = if rng.bool() { "5xx" } else { "connect_failure" };
    json!({"match": matches, "cluster": "web", "retry": {"on": [on]}})
}

fn compare(listener: &Listener, table: &Value, rng: &mut fastrand::Rng) {
    let router = Router::new(&listener.routes);
    let encoded = encode::routes(listener);
    let configuration = RouteConfiguration::decode(&*encoded.body).unwrap();
    for _ in 0..50 {
        let head = request(rng);
        let ours = router
            .find(&head)
            .map(|route| &*listener.routes[route].name);
        let theirs = envoy::route(&configuration, &head);
        assert_eq!(ours, theirs, "{head:?}\n{table:#}\n{configuration:#?}");
    }
}

#[test]
fn envoy_takes_the_route_that_we_take() {
    let mut rng = seeded();
    let mut compared = 0;
    while compared < 200 {
        let table = table(&mut rng);
        // Two routes with the same match are no table.
        if let Ok(config) = outrigger_config::parse("random", &table.to_string()) {
            compare(&config.listeners[0], &table, &mut rng);
            compared += 1;
        }
    }
}

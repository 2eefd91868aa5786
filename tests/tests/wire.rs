//! Our routes, as Envoy reads them: of random tables and requests, the first route that matches in the virtual host that fits
//! best is the one that our router takes.

use std::{collections::BTreeMap, sync::Mutex};

use http::{Request, request::Parts};
use outrigger::route::Router;
use outrigger_config::{Pattern, model::Listener};
use outrigger_xds::{
    encode,
    pb::envoy::{
        config::route::v3::{
            Route, RouteConfiguration, VirtualHost, header_matcher::HeaderMatchSpecifier,
            query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
        },
        r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
    },
};
use prost::Message;
use serde_json::{Value, json};

/// Of a tiny alphabet, so that routes collide in every way.
const HOSTS: [&str; 4] = ["a.example", "b.a.example", "*.example", "*.a.example"];
const ASKED: [&str; 5] = [
    "a.example:80",
    "b.a.example",
    "c.b.a.example",
    "x.example",
    "other",
];
const PATHS: [&str; 6] = ["/", "/v2", "/v2/x", "/v23", "/v2/x/y", "/z"];
const REGEXES: [&str; 3] = ["/v2.*", "/(v2|z)", ".*x.*"];
const METHODS: [&str; 3] = ["GET", "POST", "PUT"];

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

fn request(rng: &mut fastrand::Rng) -> Parts {
    let query = ["", "?q=1", "?q=2&q=1"][rng.usize(..3)];
    let target = format!("{}{query}", PATHS[rng.usize(..PATHS.len())]);
    let mut request = Request::builder()
        .method(METHODS[rng.usize(..METHODS.len())])
        .uri(target)
        .header("host", ASKED[rng.usize(..ASKED.len())]);
    if rng.bool() {
        request = request.header("x-a", rng.u8(1..4).to_string());
    }
    request.body(()).unwrap().into_parts().0
}

/// The name of the route that Envoy takes.
fn as_envoy<'a>(configuration: &'a RouteConfiguration, head: &Parts) -> Option<&'a str> {
    let host = head.headers["host"].to_str().unwrap();
    let host = host.split(':').next().unwrap_or_default();
    let hosts = || configuration.virtual_hosts.iter();
    let with = |domain: &str| hosts().find(|it| it.domains.iter().any(|known| known == domain));
    let suffixes = host
        .match_indices('.')
        .map(|(at, _)| format!("*{}", &host[at..]));
    let by_suffix = || suffixes.into_iter().find_map(|suffix| with(&suffix));
    let host: &VirtualHost = with(host).or_else(by_suffix).or_else(|| with("*"))?;
    let route = host.routes.iter().find(|route| takes(route, head))?;
    Some(&route.name)
}

fn takes(route: &Route, head: &Parts) -> bool {
    let matched = route.r#match.as_ref().unwrap();
    let path = head.uri.path();
    let by_path = match matched.path_specifier.as_ref().unwrap() {
        PathSpecifier::Prefix(prefix) => path.starts_with(&**prefix),
        PathSpecifier::Path(exact) => path == exact,
        PathSpecifier::SafeRegex(regex) => matches(&regex.regex, path),
        PathSpecifier::PathSeparatedPrefix(prefix) => path
            .strip_prefix(&**prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        other => panic!("{other:?}"),
    };
    let headers = matched.headers.iter().all(|header| {
        let value = match &*header.name {
            ":method" => Some(head.method.as_str()),
            name => head.headers.get(name).map(|value| value.to_str().unwrap()),
        };
        let Some(HeaderMatchSpecifier::StringMatch(wanted)) = &header.header_match_specifier else {
            panic!("{header:?}")
        };
        value.is_some_and(|value| holds(wanted, value))
    });
    let query = matched.query_parameters.iter().all(|wanted| {
        let pairs = head.uri.query().unwrap_or_default().split('&');
        let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
        let value = pairs.find(|(name, _)| *name == wanted.name);
        let Some(QueryParameterMatchSpecifier::StringMatch(matcher)) =
            &wanted.query_parameter_match_specifier
        else {
            panic!("{wanted:?}")
        };
        value.is_some_and(|(_, value)| holds(matcher, value))
    });
    by_path && headers && query
}

fn holds(wanted: &StringMatcher, value: &str) -> bool {
    match wanted.match_pattern.as_ref().unwrap() {
        MatchPattern::Exact(exact) => exact == value,
        MatchPattern::SafeRegex(regex) => matches(&regex.regex, value),
        other => panic!("{other:?}"),
    }
}

/// There are few patterns, and to compile one takes long.
fn matches(regex: &str, value: &str) -> bool {
    static COMPILED: Mutex<BTreeMap<String, Pattern>> = Mutex::new(BTreeMap::new());
    let mut compiled = COMPILED.lock().unwrap();
    let pattern = compiled.entry(regex.to_owned());
    pattern
        .or_insert_with(|| Pattern::new(regex).unwrap())
        .matches(value)
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
        let theirs = as_envoy(&configuration, &head);
        assert_eq!(ours, theirs, "{head:?}\n{table:#}\n{configuration:#?}");
    }
}

#[test]
fn envoy_takes_the_route_that_we_take() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
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

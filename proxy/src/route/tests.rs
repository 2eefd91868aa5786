//! The router against the plainest implementation of its precedence, on tables and requests of a tiny alphabet, so that routes
//! collide in every way.

use std::{cmp::Reverse, sync::LazyLock};

use http::{HeaderName, Method, Request};
use outrigger_config::{
    Pattern,
    model::{Destination, HostMatch, Match, PathMatch, Route, ValueMatch},
};
use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// A route that only matches.
pub(super) fn route(name: &str, matches: Match) -> Route {
    Route {
        name: name.into(),
        matches,
        ..Route::to(Destination::Clusters(Vec::new()))
    }
}

fn head(method: &str, host: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    request = request.header("host", host);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

/// Looks at every route, and takes the greatest by the rules of the module's head.
fn reference(routes: &[Route], head: &Parts) -> Option<usize> {
    let host = head.headers["host"].to_str().unwrap();
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let holds = |wanted: &ValueMatch, value: &str| match wanted {
        ValueMatch::Exact(exact) => exact == value,
        ValueMatch::Regex(pattern) => pattern.matches(value),
    };
    let value = |key: &str| {
        let mut pairs = query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    };

    let mut best = None;
    for (index, route) in routes.iter().enumerate() {
        let matches = &route.matches;
        let by_host = matches.hosts.iter().filter_map(|wanted| match wanted {
            HostMatch::Exact(exact) => (exact == host).then_some((2, 0)),
            HostMatch::Suffix(suffix) => host.ends_with(suffix).then_some((1, suffix.len())),
        });
        let by_host = match matches.hosts.is_empty() {
            true => Some((0, 0)),
            false => by_host.max(),
        };
        let by_path = match &matches.path {
            PathMatch::Any => Some((0, 1, Reverse(""))),
            PathMatch::Prefix(prefix) => {
                let below = format!("{}/", prefix.trim_end_matches('/'));
                (path == prefix || path.starts_with(&below)).then_some((
                    0,
                    prefix.len(),
                    Reverse(""),
                ))
            }
            PathMatch::Regex(pattern) => {
                let source = pattern.as_str();
                pattern
                    .matches(path)
                    .then_some((1, source.len(), Reverse(source)))
            }
            PathMatch::Exact(exact) => (exact == path).then_some((2, 0, Reverse(""))),
        };
        let (Some(by_host), Some(by_path)) = (by_host, by_path) else {
            continue;
        };
        let takes = (matches.methods.is_empty() || matches.methods.contains(&head.method))
            && matches.headers.iter().all(|(name, wanted)| {
                let mut lines = head.headers.get_all(name).iter();
                lines.any(|line| holds(wanted, line.to_str().unwrap()))
            })
            && matches
                .query
                .iter()
                .all(|(key, wanted)| value(key).is_some_and(|v| holds(wanted, v)));
        let rank = (
            by_host,
            by_path,
            !matches.methods.is_empty(),
            matches.headers.len(),
            matches.query.len(),
            Reverse(index),
        );
        if takes && best.as_ref().is_none_or(|(best, _)| rank > *best) {
            best = Some((rank, index));
        }
    }
    best.map(|(_, index)| index)
}

fn host() -> impl Strategy<Value = HostMatch> {
    prop_oneof![
        select(&["a.b", "b.a.b", "b"][..]).prop_map(|host| HostMatch::Exact(host.to_owned())),
        select(&[".b", ".a.b", ".a"][..]).prop_map(|suffix| HostMatch::Suffix(suffix.to_owned())),
    ]
}

/// Compiled once: compiling is what these tests would spend their time on.
static PATHS: LazyLock<Vec<Pattern>> = LazyLock::new(|| {
    let sources = [
        "/a.*", "/.*b", "/[ab]/a", "/(a|b)+", "/b|/a/b", "/.*", "/a/[ab]+",
    ];
    sources.map(|source| Pattern::new(source).unwrap()).into()
});
static VALUE: LazyLock<Pattern> = LazyLock::new(|| Pattern::new("[1-2]").unwrap());

fn path() -> impl Strategy<Value = PathMatch> {
    prop_oneof![
        Just(PathMatch::Any),
        "(/[ab]{1,2}){1,2}/?".prop_map(PathMatch::Exact),
        "/|(/[ab]{1,2}){1,3}".prop_map(PathMatch::Prefix),
        select(&PATHS[..]).prop_map(PathMatch::Regex),
    ]
}

fn value() -> impl Strategy<Value = ValueMatch> {
    prop_oneof![
        3 => "[12]".prop_map(ValueMatch::Exact),
        1 => Just(ValueMatch::Regex(VALUE.clone())),
    ]
}

fn matches() -> impl Strategy<Value = Match> {
    let header = select(&["x", "y"][..]).prop_map(HeaderName::from_static);
    (
        vec(host(), 0..3),
        path(),
        vec(select(&[Method::GET, Method::POST][..]), 0..2),
        vec((header, value()), 0..3),
        vec(("[kl]", value()), 0..2),
    )
        .prop_map(|(hosts, path, methods, headers, query)| Match {
            hosts,
            path,
            methods,
            headers,
            query,
        })
}

pub(super) fn routes() -> impl Strategy<Value = Vec<Route>> {
    let names = |matches: Vec<Match>| {
        let named = matches.into_iter().enumerate();
        named
            .map(|(index, matches)| route(&index.to_string(), matches))
            .collect()
    };
    vec(matches(), 0..24).prop_map(names)
}

pub(super) fn request() -> impl Strategy<Value = Parts> {
    let header = (select(&["x", "y"][..]), select(&["1", "2", "3"][..]));
    (
        select(&["GET", "POST", "PUT"][..]),
        select(&["a.b", "b.a.b", "a.a.b", "b", "c.a", "c"][..]),
        "/|(/[ab]{0,2}){1,4}",
        vec("[kl](=[12])?", 0..3),
        vec(header, 0..4),
    )
        .prop_map(|(method, host, path, query, headers)| {
            head(
                method,
                host,
                &format!("{path}?{}", query.join("&")),
                &headers,
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_router_finds_what_the_reference_finds(routes in routes(), heads in vec(request(), 32)) {
        let router = Router::new(&routes);
        for head in heads {
            prop_assert_eq!(router.find(&head), reference(&routes, &head), "{:?}", head);
        }
    }
}

fn matching(hosts: &[&str], path: PathMatch) -> Match {
    let host = |host: &&str| match host.strip_prefix('*') {
        Some(suffix) => HostMatch::Suffix(suffix.to_owned()),
        None => HostMatch::Exact((*host).to_owned()),
    };
    Match {
        hosts: hosts.iter().map(host).collect(),
        path,
        ..Match::default()
    }
}

fn found(routes: &[Match], head: &Parts) -> Option<usize> {
    let routes: Vec<_> = routes
        .iter()
        .map(|matches| route("r", matches.clone()))
        .collect();
    Router::new(&routes).find(head)
}

#[test]
fn a_more_specific_host_without_a_matching_route_leaves_the_request_to_others() {
    let shop = matching(&["shop.example.com"], PathMatch::Prefix("/v23".to_owned()));
    let wildcard = matching(&["*.example.com"], PathMatch::Exact("/x".to_owned()));
    let routes = [shop, wildcard, Match::default()];
    let ask = |host, path| found(&routes, &head("GET", host, path, &[]));
    assert_eq!(ask("shop.example.com", "/v23/y"), Some(0));
    assert_eq!(ask("SHOP.example.com:8080", "/x"), Some(1));
    assert_eq!(ask("shop.example.com.", "/y"), Some(2));
    assert_eq!(ask("example.com", "/x"), Some(2));
}

#[test]
fn a_header_condition_wins_over_the_bare_root() {
    let root = matching(&[], PathMatch::Prefix("/".to_owned()));
    let version = Match {
        headers: vec![(
            HeaderName::from_static("x-version"),
            ValueMatch::Exact("23".to_owned()),
        )],
        ..Match::default()
    };
    let head = head("GET", "a", "/x", &[("x-version", "23")]);
    assert_eq!(found(&[root, version], &head), Some(1));
}

#[test]
fn options_of_the_server_itself_and_connect_reach_routes_without_a_path() {
    let routes = [
        matching(&[], PathMatch::Prefix("/x".to_owned())),
        matching(&[], PathMatch::Regex(Pattern::new("/.*").unwrap())),
        Match::default(),
    ];
    assert_eq!(found(&routes, &head("OPTIONS", "a", "*", &[])), Some(2));
    assert_eq!(found(&routes, &head("CONNECT", "a", "a:443", &[])), Some(2));
}

#[test]
fn a_path_of_the_configuration_is_matched_in_its_normal_form() {
    let routes = [
        matching(&[], PathMatch::Prefix("/%7Eana".to_owned())),
        matching(&[], PathMatch::Exact("/a/../b".to_owned())),
    ];
    assert_eq!(found(&routes, &head("GET", "a", "/~ana/x", &[])), Some(0));
    assert_eq!(found(&routes, &head("GET", "a", "/b", &[])), Some(1));
}

#[test]
fn no_route_takes_what_none_matches() {
    assert_eq!(found(&[], &head("GET", "a", "/", &[])), None);
    let only = [matching(&["a"], PathMatch::Any)];
    assert_eq!(found(&only, &head("GET", "b", "/", &[])), None);
}

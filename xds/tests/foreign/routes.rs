//! Routes.

use std::time::Duration;

use outrigger_config::model::{
    Destination, Filter, HostMatch, PathMatch, PathRewrite, RetryOn, Route,
};
use outrigger_xds::{
    decode,
    pb::{
        envoy::{
            config::route::v3::{
                self as wire, HeaderMatcher, RetryPolicy, RouteAction, RouteMatch, VirtualHost,
                header_matcher::HeaderMatchSpecifier, route::Action,
                route_action::ClusterSpecifier, route_match::PathSpecifier,
            },
            r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
        },
        google::protobuf::{self as pb, UInt32Value},
    },
};
use prost::Message;

use crate::made::{action, configuration, host, matching, prefix, route};

fn taken(hosts: Vec<VirtualHost>) -> Vec<Route> {
    let decoded = decode::routes("edge", &configuration(hosts).encode_to_vec());
    decoded.unwrap_or_else(|refused| panic!("{refused}"))
}

fn everything(route: wire::Route) -> Route {
    taken(vec![host("all", &["*"], vec![route])]).remove(0)
}

fn cluster_of(route: &Route) -> &str {
    &route.clusters()[0].cluster.name
}

fn header(name: &str, pattern: MatchPattern) -> HeaderMatcher {
    let matcher = StringMatcher {
        ignore_case: false,
        match_pattern: Some(pattern),
    };
    HeaderMatcher {
        name: name.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher)),
        ..HeaderMatcher::default()
    }
}

#[test]
fn a_route_that_says_no_time_has_fifteen_seconds() {
    let model = everything(route(prefix("/"), "web"));
    assert_eq!(model.timeout, Some(Duration::from_secs(15)));
    let mut endless = action("web");
    endless.timeout = Some(pb::Duration::default());
    let model = everything(wire::Route {
        action: Some(Action::Route(endless)),
        ..route(prefix("/"), "web")
    });
    assert_eq!(model.timeout, None);
}

#[test]
fn a_prefix_of_letters_takes_letters() {
    let PathMatch::Regex(pattern) = everything(route(prefix("/v2"), "web")).matches.path else {
        panic!("not a regex")
    };
    assert!(pattern.matches("/v2") && pattern.matches("/v2/x") && pattern.matches("/v23"));
    assert!(!pattern.matches("/v1"));
}

#[test]
fn the_case_of_a_path_may_mean_nothing_but_not_that_of_a_regex() {
    let any_case = |path| RouteMatch {
        case_sensitive: Some(pb::BoolValue { value: false }),
        ..matching(path)
    };
    let takes = |path, tried: &str| match everything(route(any_case(path), "web")).matches.path {
        PathMatch::Regex(pattern) => pattern.matches(tried),
        other => panic!("{other:?}"),
    };
    assert!(takes(PathSpecifier::Path("/Api".to_owned()), "/api"));
    let regex = |regex: &str| {
        PathSpecifier::SafeRegex(RegexMatcher {
            regex: regex.to_owned(),
            engine_type: None,
        })
    };
    assert!(takes(regex("/[A-Z]+"), "/API") && !takes(regex("/[A-Z]+"), "/api"));
}

#[test]
fn the_first_route_of_several_wins_as_there() {
    let canary = RouteMatch {
        headers: vec![header("x-canary", MatchPattern::Exact("1".to_owned()))],
        ..prefix("/")
    };
    let routes = taken(vec![host(
        "all",
        &["*"],
        vec![
            route(
                matching(PathSpecifier::Path("/health".to_owned())),
                "health",
            ),
            route(prefix("/api/v2"), "v2"),
            route(prefix("/api"), "v1"),
            route(canary, "canary"),
            route(prefix("/"), "web"),
            // Never reached.
            route(prefix("/late"), "late"),
        ],
    )]);
    let clusters: Vec<&str> = routes.iter().map(cluster_of).collect();
    assert_eq!(clusters, ["health", "v2", "v1", "canary", "web"]);
}

#[test]
fn a_virtual_host_keeps_what_none_of_its_routes_take() {
    let hosts = vec![
        host(
            "shop",
            &["shop.example", "shop.example:80"],
            vec![route(prefix("/a"), "a")],
        ),
        host("all", &["*"], vec![route(prefix("/"), "web")]),
    ];
    let routes = taken(hosts);
    let shop = HostMatch::Exact("shop.example".to_owned());
    assert_eq!(routes[0].matches.hosts, std::slice::from_ref(&shop));
    assert_eq!(&*routes[1].name, "shop/none");
    assert_eq!(routes[1].matches.hosts, [shop]);
    assert!(matches!(&routes[1].filters[..], [Filter::Respond(it)] if it.status == 404));
    assert_eq!(cluster_of(&routes[2]), "web");
    assert_eq!(routes[2].matches.hosts, []);
}

#[test]
fn a_prefix_is_rewritten_by_segment() {
    for (matched, with, path, prefix) in [
        (
            PathSpecifier::PathSeparatedPrefix("/v2".to_owned()),
            "/",
            "/v2",
            "/",
        ),
        (
            PathSpecifier::PathSeparatedPrefix("/v2".to_owned()),
            "/new",
            "/v2",
            "/new",
        ),
        (PathSpecifier::Prefix("/v2/".to_owned()), "/", "/v2", "/"),
    ] {
        let rewritten = RouteAction {
            prefix_rewrite: with.to_owned(),
            ..action("web")
        };
        let model = everything(wire::Route {
            r#match: Some(matching(matched)),
            action: Some(Action::Route(rewritten)),
            ..wire::Route::default()
        });
        assert_eq!(model.matches.path, PathMatch::Prefix(path.to_owned()));
        let [Filter::Rewrite(rewrite)] = &model.filters[..] else {
            panic!("no rewrite")
        };
        assert_eq!(rewrite.path, Some(PathRewrite::Prefix(prefix.to_owned())));
    }
}

#[test]
fn retries_are_for_every_method_as_there() {
    let retried = RouteAction {
        retry_policy: Some(RetryPolicy {
            retry_on: "5xx,connect-failure,no-such-word".to_owned(),
            num_retries: Some(UInt32Value { value: 2 }),
            per_try_timeout: Some(pb::Duration {
                seconds: 2,
                nanos: 0,
            }),
            ..RetryPolicy::default()
        }),
        ..action("web")
    };
    let model = everything(wire::Route {
        action: Some(Action::Route(retried)),
        ..route(prefix("/"), "web")
    });
    assert_eq!(model.attempt_timeout, Some(Duration::from_secs(2)));
    assert_eq!(model.retry.attempts, 3);
    assert!(model.retry.non_idempotent);
    let on = [
        RetryOn::ServerError,
        RetryOn::Reset,
        RetryOn::AttemptTimeout,
        RetryOn::ConnectFailure,
    ];
    assert_eq!(model.retry.on, on);
}

#[test]
fn a_cluster_may_be_named_by_the_host() {
    let named = RouteAction {
        cluster_specifier: Some(ClusterSpecifier::ClusterHeader(":authority".to_owned())),
        ..RouteAction::default()
    };
    let model = everything(wire::Route {
        action: Some(Action::Route(named)),
        ..route(prefix("/"), "web")
    });
    assert_eq!(model.destination, Destination::Host);
}

#[test]
fn names_are_made_unique() {
    let named = |path: &str| wire::Route {
        name: "default".to_owned(),
        ..route(prefix(path), "web")
    };
    let routes = taken(vec![host(
        "all",
        &["*"],
        vec![named("/a"), named("/b"), named("/")],
    )]);
    let names: Vec<&str> = routes.iter().map(|route| &*route.name).collect();
    assert_eq!(names, ["default", "edge/1", "edge/2"]);
}

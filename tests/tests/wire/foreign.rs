//! What others encode is routed by our router as by Envoy, or refused.

use outrigger::route::Router;
use outrigger_xds::{
    decode,
    pb::envoy::{
        config::route::v3::{
            HeaderMatcher, Route, RouteAction, RouteConfiguration, RouteMatch, VirtualHost,
            header_matcher::HeaderMatchSpecifier, route::Action, route_action::ClusterSpecifier,
            route_match::PathSpecifier,
        },
        r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
    },
};
use prost::Message;

use super::{HOSTS, METHODS, PATHS, REGEXES, envoy, request, seeded};

/// Virtual hosts of routes in any order, each with a name of its own.
fn configuration(rng: &mut fastrand::Rng) -> RouteConfiguration {
    let mut domains: Vec<&str> = HOSTS.into_iter().chain(["*"]).collect();
    rng.shuffle(&mut domains);
    domains.truncate(rng.usize(1..4));
    let mut count = 0;
    let mut host = |domain: &str| {
        let mut route = |_| {
            count += 1;
            route(rng, format!("r{count}"))
        };
        let routes = (0..3).map(&mut route).collect();
        VirtualHost {
            name: domain.to_owned(),
            domains: vec![domain.to_owned()],
            routes,
            ..VirtualHost::default()
        }
    };
    RouteConfiguration {
        virtual_hosts: domains.into_iter().map(&mut host).collect(),
        ..RouteConfiguration::default()
    }
}

fn route(rng: &mut fastrand::Rng, name: String) -> Route {
    let path = PATHS[rng.usize(..PATHS.len())].to_owned();
    let segments = if path == "/" { "/z" } else { &*path };
    let specifier = match rng.u8(..5) {
        0 => PathSpecifier::Path(path),
        1 => PathSpecifier::SafeRegex(RegexMatcher {
            regex: REGEXES[rng.usize(..REGEXES.len())].to_owned(),
            engine_type: None,
        }),
        2 => PathSpecifier::PathSeparatedPrefix(segments.to_owned()),
        3 => PathSpecifier::Prefix(path),
        _ => PathSpecifier::Prefix("/".to_owned()),
    };
    let mut headers = Vec::new();
    if rng.u8(..3) == 0 {
        headers.push(header("x-a", MatchPattern::Exact(rng.u8(1..4).to_string())));
    }
    if rng.u8(..3) == 0 {
        let method = METHODS[rng.usize(..METHODS.len())].to_owned();
        headers.push(header(":method", MatchPattern::Exact(method)));
    }
    Route {
        name,
        r#match: Some(RouteMatch {
            path_specifier: Some(specifier),
            headers,
            ..RouteMatch::default()
        }),
        action: Some(Action::Route(RouteAction {
            cluster_specifier: Some(ClusterSpecifier::Cluster("web".to_owned())),
            ..RouteAction::default()
        })),
        ..Route::default()
    }
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
fn what_is_taken_from_others_is_routed_as_there() {
    let mut rng = seeded();
    let (mut taken, mut refused) = (0, 0);
    while taken < 200 {
        let configuration = configuration(&mut rng);
        let routes = match decode::routes("edge", &configuration.encode_to_vec()) {
            Ok(routes) => routes,
            Err(text) => {
                assert!(text.to_string().contains("more specific"), "{text}");
                refused += 1;
                continue;
            }
        };
        taken += 1;
        let router = Router::new(&routes);
        for _ in 0..50 {
            let head = request(&mut rng);
            let ours = router.find(&head).map(|route| &*routes[route].name);
            // What a virtual host keeps to itself is not found.
            let ours = ours.filter(|name| !name.ends_with("/none"));
            let theirs = envoy::route(&configuration, &head);
            assert_eq!(ours, theirs, "{head:?}\n{routes:#?}\n{configuration:#?}");
        }
    }
    println!("taken {taken}, refused {refused}");
}

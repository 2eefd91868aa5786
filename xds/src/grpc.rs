//! What gRPC clients without a proxy ask for: a listener by the name of their target, with the routes inside.
//!
//! They know a part of what Envoy knows, and refuse more than they pass over: paths by segment become regexes, conditions
//! use the oldest fields, the method (always POST) is no condition, and retries need two attempts and a code of gRPC.

use http::Method;
use outrigger_config::model::{
    Destination, GrpcCode, PathMatch, RetryOn, Route as Model, ValueMatch,
};
use prost::Message;
use regex_syntax::escape;
use serde_json::Value;

use crate::{
    Kind, Resource, any, listener, parts,
    pb::envoy::{
        config::{
            listener::v3::{ApiListener, Listener},
            route::v3::{
                HeaderMatcher, NonForwardingAction, RetryPolicy, Route, RouteAction,
                RouteConfiguration, RouteMatch, VirtualHost, header_matcher::HeaderMatchSpecifier,
                retry_policy::RetryBackOff, route::Action, route_action::MaxStreamDuration,
                route_match::PathSpecifier,
            },
        },
        extensions::filters::network::http_connection_manager::v3::{
            HttpConnectionManager, http_connection_manager::RouteSpecifier,
        },
        r#type::matcher::v3::RegexMatcher,
    },
    routes,
    scalar::{number, time},
};

/// The listener for a client of `target`, whose requests these routes take.
pub fn api_listener(target: &str, routes: &[Model]) -> Resource {
    let whole: Value = routes
        .iter()
        .map(|it| Value::from(parts::written(it)))
        .collect();
    let configuration = RouteConfiguration {
        name: target.to_owned(),
        virtual_hosts: vec![VirtualHost {
            name: target.to_owned(),
            // Whatever the client calls it: it has asked for this by name.
            domains: vec!["*".to_owned()],
            routes: routes::by_rank(routes).filter_map(route).collect(),
            ..VirtualHost::default()
        }],
        ..RouteConfiguration::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: target.to_owned(),
        http_filters: vec![listener::router()],
        route_specifier: Some(RouteSpecifier::RouteConfig(configuration)),
        ..HttpConnectionManager::default()
    };
    let message = Listener {
        name: target.to_owned(),
        api_listener: Some(ApiListener {
            api_listener: Some(any::pack(&manager)),
        }),
        ..Listener::default()
    };
    let canonical = format!("api {target} {whole}");
    let body = message.encode_to_vec().into();
    Resource::new(Kind::Listener, target.into(), &canonical, body)
}

/// `None` for a route that takes no call.
fn route(route: &Model) -> Option<Route> {
    let methods = &route.matches.methods;
    if !methods.is_empty() && !methods.contains(&Method::POST) {
        return None;
    }
    // Clients pass over a route with a condition on the query, which calls do not have.
    if !route.matches.query.is_empty() {
        return None;
    }
    // As they do a cluster that the request names: its host is the target, and that has clusters of its own name.
    if route.destination == Destination::Host {
        return None;
    }
    let matched = RouteMatch {
        path_specifier: Some(path(&route.matches.path)),
        headers: route.matches.headers.iter().map(header).collect(),
        ..RouteMatch::default()
    };
    Some(Route {
        name: route.name.to_string(),
        r#match: Some(matched),
        action: Some(action(route)),
        ..Route::default()
    })
}

fn path(path: &PathMatch) -> PathSpecifier {
    let regex = |pattern: String| {
        PathSpecifier::SafeRegex(RegexMatcher {
            regex: pattern,
            engine_type: None,
        })
    };
    match path {
        PathMatch::Any => PathSpecifier::Prefix(String::new()),
        PathMatch::Prefix(prefix) if prefix == "/" => PathSpecifier::Prefix(String::new()),
        PathMatch::Prefix(prefix) => regex(format!("{}(/.*)?", escape(prefix))),
        PathMatch::Exact(path) => PathSpecifier::Path(path.clone()),
        PathMatch::Regex(pattern) => regex(pattern.as_str().to_owned()),
    }
}

fn header((name, value): &(http::HeaderName, ValueMatch)) -> HeaderMatcher {
    let specifier = match value {
        ValueMatch::Exact(text) => HeaderMatchSpecifier::ExactMatch(text.clone()),
        ValueMatch::Regex(pattern) => HeaderMatchSpecifier::SafeRegexMatch(RegexMatcher {
            regex: pattern.as_str().to_owned(),
            engine_type: None,
        }),
    };
    HeaderMatcher {
        name: name.to_string(),
        header_match_specifier: Some(specifier),
        ..HeaderMatcher::default()
    }
}

/// Answers of a proxy's own are none of a client's: such a call fails.
fn action(route: &Model) -> Action {
    let Some(specifier) = routes::destination(route) else {
        return Action::NonForwardingAction(NonForwardingAction {});
    };
    Action::Route(RouteAction {
        cluster_specifier: Some(specifier),
        max_stream_duration: route.timeout.map(|timeout| MaxStreamDuration {
            max_stream_duration: time(timeout),
            ..MaxStreamDuration::default()
        }),
        retry_policy: retry(route),
        ..RouteAction::default()
    })
}

fn retry(route: &Model) -> Option<RetryPolicy> {
    let retry = &route.retry;
    let words: Vec<&str> = retry.on.iter().filter_map(word).collect();
    if retry.attempts < 2 || words.is_empty() {
        return None;
    }
    let backoff = (!retry.backoff.base.is_zero()).then(|| RetryBackOff {
        base_interval: time(retry.backoff.base),
        max_interval: time(retry.backoff.max),
    });
    Some(RetryPolicy {
        retry_on: words.join(","),
        num_retries: number(retry.attempts - 1),
        retry_back_off: backoff,
        ..RetryPolicy::default()
    })
}

/// The conditions that gRPC clients know. They retry what was never sent by themselves.
fn word(on: &RetryOn) -> Option<&'static str> {
    match on {
        RetryOn::Grpc(GrpcCode::Cancelled) => Some("cancelled"),
        RetryOn::Grpc(GrpcCode::DeadlineExceeded) => Some("deadline-exceeded"),
        RetryOn::Grpc(GrpcCode::Internal) => Some("internal"),
        RetryOn::Grpc(GrpcCode::ResourceExhausted) => Some("resource-exhausted"),
        RetryOn::Grpc(GrpcCode::Unavailable) => Some("unavailable"),
        _ => None,
    }
}

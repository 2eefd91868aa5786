//! What gRPC clients without a proxy ask for: a listener by the name of their target, with the routes inside.
//!
//! They know a part of what Envoy knows, and refuse more than they pass over: paths by segment become regexes, conditions
//! use the oldest fields, the method (always POST) is no condition, and retries need two attempts and a code of gRPC.

use std::collections::HashMap;

use http::Method;
use outrigger_config::model::{
    Destination, GrpcCode, PathMatch, RetryOn, Route as Model, ValueMatch,
};
use prost::Message;
use regex_syntax::escape;
use serde_json::Value;

use crate::{
    Kind, Resource, any, listener, parts,
    pb::{
        envoy::{
            config::{
                listener::v3::{ApiListener, Listener},
                route::v3::{
                    HeaderMatcher, RetryPolicy, Route, RouteAction, RouteConfiguration, RouteMatch,
                    VirtualHost,
                    header_matcher::HeaderMatchSpecifier,
                    retry_policy::RetryBackOff,
                    route::Action,
                    route_action::{ClusterSpecifier, MaxStreamDuration},
                    route_match::PathSpecifier,
                },
            },
            extensions::filters::{
                http::fault::v3::{FaultAbort, HttpFault, fault_abort::ErrorType},
                network::http_connection_manager::v3::{
                    HttpConnectionManager, HttpFilter, http_connection_manager::RouteSpecifier,
                    http_filter::ConfigType,
                },
            },
            r#type::{
                matcher::v3::RegexMatcher,
                v3::{FractionalPercent, fractional_percent::DenominatorType},
            },
        },
        google::protobuf::Any,
    },
    routes,
    scalar::{number, time},
};

/// The filter by which calls fail.
const FAULT: &str = "envoy.filters.http.fault";

/// UNIMPLEMENTED
const UNIMPLEMENTED: u32 = 12;

/// The listener for a client of `target`, whose requests these routes take.
pub fn api_listener(target: &str, routes: &[Model]) -> Resource {
    let whole: Value = routes
        .iter()
        .map(|it| Value::from(parts::written(it)))
        .collect();
    let named = |it: &&Model| it.destination != Destination::Host;
    let somewhere = routes.iter().filter(named).find_map(routes::destination);
    let listed = routes::by_rank(routes).filter_map(|it| route(it, somewhere.as_ref()));
    let configuration = RouteConfiguration {
        name: target.to_owned(),
        virtual_hosts: vec![VirtualHost {
            name: target.to_owned(),
            // Whatever the client calls it: it has asked for this by name.
            domains: vec!["*".to_owned()],
            routes: listed.collect(),
            ..VirtualHost::default()
        }],
        ..RouteConfiguration::default()
    };
    let manager = HttpConnectionManager {
        stat_prefix: target.to_owned(),
        http_filters: vec![fault(), listener::router()],
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

/// `None` for a route that takes no call. What a proxy would answer itself is nothing that a client can do: such a call fails,
/// on its way to `somewhere`. (There is an action for it, but grpc-js 1.14 throws when it meets one.)
fn route(route: &Model, somewhere: Option<&ClusterSpecifier>) -> Option<Route> {
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
    let (specifier, overrides) = match routes::destination(route) {
        Some(specifier) => (specifier, HashMap::new()),
        None => (somewhere?.clone(), failing()),
    };
    Some(Route {
        name: route.name.to_string(),
        r#match: Some(matched),
        action: Some(action(route, specifier)),
        typed_per_filter_config: overrides,
        ..Route::default()
    })
}

/// That a route may make calls fail.
fn fault() -> HttpFilter {
    HttpFilter {
        name: FAULT.to_owned(),
        config_type: Some(ConfigType::TypedConfig(any::pack(&HttpFault::default()))),
        ..HttpFilter::default()
    }
}

/// It makes all of them fail.
fn failing() -> HashMap<String, Any> {
    let abort = FaultAbort {
        percentage: Some(FractionalPercent {
            numerator: 100,
            denominator: DenominatorType::Hundred.into(),
        }),
        error_type: Some(ErrorType::GrpcStatus(UNIMPLEMENTED)),
        ..FaultAbort::default()
    };
    let fault = HttpFault {
        abort: Some(abort),
        ..HttpFault::default()
    };
    [(FAULT.to_owned(), any::pack(&fault))]
        .into_iter()
        .collect()
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

fn action(route: &Model, specifier: ClusterSpecifier) -> Action {
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

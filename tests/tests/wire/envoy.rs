//! Envoy's way to a route: the first that matches, of the virtual host that fits best.

use std::{collections::BTreeMap, sync::Mutex};

use http::request::Parts;
use outrigger_config::Pattern;
use outrigger_xds::pb::envoy::{
    config::route::v3::{
        Route, RouteConfiguration, VirtualHost, header_matcher::HeaderMatchSpecifier,
        query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
    },
    r#type::matcher::v3::{StringMatcher, string_matcher::MatchPattern},
};

/// The name of the route that Envoy takes.
pub(super) fn route<'a>(configuration: &'a RouteConfiguration, head: &Parts) -> Option<&'a str> {
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

//! `match`, but for the host, by which Envoy makes virtual hosts.

use http::Method;
use outrigger_config::model::{Match, PathMatch};
use regex_syntax::escape;
use serde_json::{Value, json};

use super::{header, text};
use crate::{
    Refused,
    pb::envoy::{
        config::{
            core::v3::RuntimeFractionalPercent,
            route::v3::{
                HeaderMatcher, QueryParameterMatcher, RouteMatch,
                header_matcher::HeaderMatchSpecifier,
                query_parameter_matcher::QueryParameterMatchSpecifier, route_match::PathSpecifier,
            },
        },
        r#type::{
            matcher::v3::{StringMatcher, string_matcher::MatchPattern},
            v3::{FractionalPercent, fractional_percent::DenominatorType},
        },
    },
    refused::Within,
    remainder::Keys,
};

const METHOD: &str = ":method";

pub(super) fn to_wire(matches: &Match) -> RouteMatch {
    let methods = method(&matches.methods);
    let headers = matches.headers.iter().map(header::to_wire);
    let query = matches
        .query
        .iter()
        .map(|(name, value)| QueryParameterMatcher {
            name: name.clone(),
            query_parameter_match_specifier: Some(QueryParameterMatchSpecifier::StringMatch(
                text::to_wire(value),
            )),
        });
    RouteMatch {
        path_specifier: Some(path(&matches.path)),
        headers: methods.into_iter().chain(headers).collect(),
        query_parameters: query.collect(),
        ..RouteMatch::default()
    }
}

fn path(path: &PathMatch) -> PathSpecifier {
    match path {
        PathMatch::Any => PathSpecifier::Prefix("/".to_owned()),
        PathMatch::Prefix(prefix) if prefix == "/" => PathSpecifier::Prefix("/".to_owned()),
        PathMatch::Prefix(prefix) => PathSpecifier::PathSeparatedPrefix(prefix.clone()),
        PathMatch::Exact(path) => PathSpecifier::Path(path.clone()),
        PathMatch::Regex(pattern) => PathSpecifier::SafeRegex(text::regex(pattern.as_str())),
    }
}

/// One condition for all methods; a method is a token, of which some have a meaning in regexes.
fn method(methods: &[Method]) -> Option<HeaderMatcher> {
    let pattern = match methods {
        [] => return None,
        [method] => MatchPattern::Exact(method.to_string()),
        methods => {
            let methods: Vec<String> = methods.iter().map(|it| escape(it.as_str())).collect();
            MatchPattern::SafeRegex(text::regex(&methods.join("|")))
        }
    };
    let matcher = StringMatcher {
        ignore_case: false,
        match_pattern: Some(pattern),
    };
    Some(HeaderMatcher {
        name: METHOD.to_owned(),
        header_match_specifier: Some(HeaderMatchSpecifier::StringMatch(matcher)),
        ..HeaderMatcher::default()
    })
}

/// The conditions in the words of the file.
pub(super) fn from_wire(matches: &RouteMatch) -> Result<Keys, Refused> {
    for (is_set, field) in [
        (!matches.cookies.is_empty(), "cookies"),
        (matches.tls_context.is_some(), "tls_context"),
        (!matches.dynamic_metadata.is_empty(), "dynamic_metadata"),
        (!matches.filter_state.is_empty(), "filter_state"),
        (
            matches.runtime_fraction.as_ref().is_some_and(partial),
            "runtime_fraction",
        ),
    ] {
        if is_set {
            return Err(Refused::new("this condition is not supported")).within(field);
        }
    }
    let any_case = matches.case_sensitive.is_some_and(|it| !it.value);
    let mut keys = Keys::new();
    if let Some(path) = from_path(matches.path_specifier.as_ref(), any_case)? {
        keys.insert("path".to_owned(), path);
    }
    let (methods, headers): (Vec<_>, Vec<_>) = matches
        .headers
        .iter()
        .cloned()
        .partition(|it| it.name == METHOD);
    if let Some(methods) = from_methods(&methods).within("headers[:method]")? {
        keys.insert("methods".to_owned(), methods);
    }
    let mut headers = header::all(&headers).within("headers")?;
    if matches.grpc.is_some() {
        let grpc = json!({"regex": r"application/grpc([+;].*)?"});
        headers.insert("content-type".to_owned(), grpc);
    }
    keys.insert("headers".to_owned(), headers.into());
    let mut query = Keys::new();
    for matcher in &matches.query_parameters {
        let condition = from_query(matcher).within("query_parameters")?;
        if query.insert(matcher.name.clone(), condition).is_some() {
            return Err(Refused::new("only one condition a key is possible"))
                .within("query_parameters");
        }
    }
    keys.insert("query".to_owned(), query.into());
    Ok(keys)
}

/// Whether only a share of the requests is meant.
fn partial(fraction: &RuntimeFractionalPercent) -> bool {
    let Some(FractionalPercent {
        numerator,
        denominator,
    }) = fraction.default_value
    else {
        return true;
    };
    let whole = match DenominatorType::try_from(denominator) {
        Ok(DenominatorType::Hundred) => 100,
        Ok(DenominatorType::TenThousand) => 10_000,
        Ok(DenominatorType::Million) => 1_000_000,
        Err(_) => u32::MAX,
    };
    numerator < whole
}

/// `None`: every path.
fn from_path(path: Option<&PathSpecifier>, any_case: bool) -> Result<Option<Value>, Refused> {
    let pattern = match path {
        Some(PathSpecifier::Prefix(prefix)) if matches!(&**prefix, "" | "/") => return Ok(None),
        Some(PathSpecifier::Path(path)) if !any_case => return Ok(Some(json!({"exact": path}))),
        Some(PathSpecifier::PathSeparatedPrefix(prefix)) if !any_case => {
            return Ok(Some(json!({"prefix": prefix})));
        }
        // It says itself whether case counts.
        Some(PathSpecifier::SafeRegex(regex)) => return Ok(Some(json!({"regex": regex.regex}))),
        Some(PathSpecifier::Path(path)) => escape(path),
        Some(PathSpecifier::PathSeparatedPrefix(prefix)) => format!("{}(/.*)?", escape(prefix)),
        // Of characters, where ours are of segments: `/v2` takes `/v23` there.
        Some(PathSpecifier::Prefix(prefix)) => format!("{}.*", escape(prefix)),
        Some(PathSpecifier::ConnectMatcher(_)) => {
            return Err(Refused::new("CONNECT is routed like other requests"))
                .within("connect_matcher");
        }
        Some(PathSpecifier::PathMatchPolicy(_)) => {
            return Err(Refused::new("no policy is supported")).within("path_match_policy");
        }
        None => return Err(Refused::new("no condition on the path is given")),
    };
    Ok(Some(match any_case {
        true => json!({"regex": format!("(?i:{pattern})")}),
        false => json!({"regex": pattern}),
    }))
}

fn from_methods(matchers: &[HeaderMatcher]) -> Result<Option<Value>, Refused> {
    let matcher = match matchers {
        [] => return Ok(None),
        [matcher] => header::from_wire(matcher)?,
        _ => return Err(Refused::new("only one condition is possible")),
    };
    let listed = match (&matcher, matcher.get("regex")) {
        (Value::String(method), _) => vec![method.clone()],
        (_, Some(Value::String(regex))) => {
            let methods = regex.split('|').map(|method| method.replace('\\', ""));
            let methods: Vec<String> = methods.collect();
            // Only what is written by the other direction, and by people.
            let again: Vec<String> = methods.iter().map(|method| escape(method)).collect();
            if again.join("|") != *regex {
                return Err(Refused::new(
                    "only methods with `|` between them are possible",
                ));
            }
            methods
        }
        _ => return Err(Refused::new("this condition is not supported")),
    };
    Ok(Some(json!(listed)))
}

fn from_query(matcher: &QueryParameterMatcher) -> Result<Value, Refused> {
    match &matcher.query_parameter_match_specifier {
        Some(QueryParameterMatchSpecifier::StringMatch(matcher)) => {
            text::from_wire(matcher).within("string_match")
        }
        Some(QueryParameterMatchSpecifier::PresentMatch(true)) | None => Ok(text::present()),
        Some(QueryParameterMatchSpecifier::PresentMatch(false)) => {
            Err(Refused::new("absence is no condition here")).within(&matcher.name)
        }
    }
}

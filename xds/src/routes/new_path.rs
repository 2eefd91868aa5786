//! A new path, of a rewrite or a redirect.
//!
//! Envoy replaces a prefix letter by letter: `/v2` by `/` makes `//x` of `/v2/x`. Where letters and segments differ we say it
//! by a regex, as other control planes have to.

use outrigger_config::model::{PathMatch, PathRewrite};
use regex_syntax::escape;
use serde_json::json;

use super::text::regex;
use crate::{
    Refused,
    pb::envoy::{
        config::route::v3::route_match::PathSpecifier, r#type::matcher::v3::RegexMatchAndSubstitute,
    },
    refused::Within,
    remainder::Keys,
};

/// Every path.
const WHOLE: &str = "^.*$";

/// How Envoy is told.
pub(super) enum NewPath {
    Prefix(String),
    Regex(RegexMatchAndSubstitute),
}

pub(super) fn to_wire(rewrite: &PathRewrite, matched: &PathMatch) -> NewPath {
    let with = match rewrite {
        PathRewrite::Full(path) => return substitute(WHOLE, path),
        PathRewrite::Prefix(with) => with.trim_end_matches('/'),
    };
    let prefix = match matched {
        PathMatch::Prefix(prefix) => prefix.trim_end_matches('/'),
        _ => "",
    };
    match (prefix, with) {
        ("", with) => NewPath::Prefix(format!("{with}/")),
        (prefix, "") => substitute(&below(prefix), "/"),
        (_, with) => NewPath::Prefix(with.to_owned()),
    }
}

/// A prefix with the slashes after it.
fn below(prefix: &str) -> String {
    format!("^{}/*", escape(prefix))
}

fn substitute(pattern: &str, with: &str) -> NewPath {
    NewPath::Regex(RegexMatchAndSubstitute {
        pattern: Some(regex(pattern)),
        // A backslash begins a reference to what a group took.
        substitution: with.replace('\\', r"\\"),
    })
}

/// The key `prefix` or `path` that a rewritten prefix comes to; none if it changes nothing.
pub(super) fn from_prefix(with: &str, path: Option<&PathSpecifier>) -> Result<Keys, Refused> {
    let trimmed = match with.trim_end_matches('/') {
        "" => "/",
        trimmed => trimmed,
    };
    let key = match path {
        Some(PathSpecifier::Prefix(prefix)) if matches!(&**prefix, "" | "/") => match with {
            "/" => return Ok(Keys::new()),
            with if with.ends_with('/') => ("prefix", trimmed),
            _ => {
                let reason = format!("`{with}` would be put before the path without a slash");
                return Err(Refused::new(reason));
            }
        },
        Some(PathSpecifier::PathSeparatedPrefix(_)) => ("prefix", trimmed),
        Some(PathSpecifier::Prefix(prefix)) if by_segment(prefix, with) => ("prefix", trimmed),
        Some(PathSpecifier::Prefix(prefix)) => {
            let reason = format!(
                "`prefix: {prefix}` ends within a segment, and only whole ones can be replaced: use `path_separated_prefix`"
            );
            return Err(Refused::new(reason));
        }
        // What was matched is the whole path.
        _ => ("path", with),
    };
    Ok([(key.0.to_owned(), json!(key.1))].into_iter().collect())
}

/// Whether a prefix of letters is one of segments, as is what replaces it.
pub(super) fn by_segment(prefix: &str, with: &str) -> bool {
    prefix.len() > 1 && prefix.ends_with('/') && with.ends_with('/')
}

/// The same of a regex; only those that say what our file can say.
pub(super) fn from_regex(
    rewrite: &RegexMatchAndSubstitute,
    path: Option<&PathSpecifier>,
) -> Result<Keys, Refused> {
    let pattern = rewrite
        .pattern
        .as_ref()
        .map(|it| &*it.regex)
        .unwrap_or_default();
    let unescaped = rewrite.substitution.replace(r"\\", "");
    let prefix = match path {
        Some(PathSpecifier::PathSeparatedPrefix(prefix)) => Some(&**prefix),
        _ => None,
    };
    // Istio writes the last form.
    let to_root = prefix.is_some_and(|prefix| {
        (pattern == below(prefix) && rewrite.substitution == "/")
            || (pattern == format!("^{}(/?)(.*)", escape(prefix)) && rewrite.substitution == r"/\2")
    });
    let key = match pattern {
        _ if to_root => ("prefix", "/".to_owned()),
        WHOLE | "^/.*$" | "/.*" if !unescaped.contains('\\') => {
            ("path", rewrite.substitution.replace(r"\\", r"\"))
        }
        _ => {
            let reason = format!("rewriting by the regex `{pattern}` is not supported");
            return Err(Refused::new(reason)).within("regex_rewrite");
        }
    };
    Ok([(key.0.to_owned(), json!(key.1))].into_iter().collect())
}

//! Paths of requests.

use serde_json::{Value, json};

use crate::{
    Pattern,
    model::{PathMatch, PathRewrite},
    problem::{Fault, quote},
    reader::Reader,
    shape::{Shape, choice, parsed, variant},
    yaml::Node,
};

const EXPECTED: &str = "a path like `/v2`";

/// What a route says of the path.
pub(super) fn path_match() -> Shape<PathMatch> {
    let exact = variant!(
        "exact",
        "This path and no other.",
        exact(),
        PathMatch::Exact
    );
    let prefix = variant!(
        "prefix",
        "This path and all below it, by segment: `/v2` takes `/v2` and `/v2/x`, not `/v23`.",
        prefix(),
        PathMatch::Prefix
    );
    let regex = variant!(
        "regex",
        "A regular expression that takes the whole path.",
        pattern(),
        PathMatch::Regex
    );
    choice("a condition on the path", [exact, prefix, regex])
}

/// A whole path.
pub(super) fn exact() -> Shape<String> {
    parsed(EXPECTED, schema(), parse, String::clone)
}

/// A path without trailing slash, `/` itself excepted: `/v2/` is the same prefix as `/v2`.
pub(super) fn prefix() -> Shape<String> {
    let parse = |text: &str| {
        let path = parse(text)?;
        Ok(match path.trim_end_matches('/') {
            "" => "/".to_owned(),
            trimmed => trimmed.to_owned(),
        })
    };
    parsed(EXPECTED, schema(), parse, String::clone)
}

/// A regular expression over a whole value.
pub(super) fn pattern() -> Shape<Pattern> {
    let schema = json!({"type": "string", "format": "regex"});
    let parse = |text: &str| {
        Pattern::new(text).map_err(|error| {
            let error = error.to_string();
            // The regex crate draws the pattern over several lines; the last one has the reason.
            let cause = error.lines().last().unwrap_or_default();
            let cause = cause.strip_prefix("error: ").unwrap_or(cause);
            Fault::new(format!("{} is not a regular expression", quote(text))).cause(cause)
        })
    };
    parsed("a regular expression", schema, parse, |pattern| {
        pattern.as_str().to_owned()
    })
}

/// The new path of a rewrite or redirect, of its two keys; the rule [`one_new_path`] goes with it.
pub(super) fn new_path(prefix: Option<String>, path: Option<String>) -> Option<PathRewrite> {
    let prefix = prefix.map(PathRewrite::Prefix);
    prefix.or_else(|| path.map(PathRewrite::Full))
}

/// The two keys of a new path.
pub(super) fn new_path_keys(path: Option<&PathRewrite>) -> (Option<String>, Option<String>) {
    match path {
        None => (None, None),
        Some(PathRewrite::Prefix(prefix)) => (Some(prefix.clone()), None),
        Some(PathRewrite::Full(path)) => (None, Some(path.clone())),
    }
}

/// Rule: not both `prefix` and `path`.
pub(super) fn one_new_path(node: &Node, reader: &mut Reader) {
    if let (Some(prefix), Some(path)) = (node.entry("prefix"), node.entry("path")) {
        let fault = Fault::new("`prefix` and `path` exclude each other")
            .hint("`prefix` replaces what the route matched, `path` the whole path");
        reader.clash(&path.key_span, fault, &prefix.key_span, "first here");
    }
}

fn schema() -> Value {
    json!({"type": "string", "pattern": "^/[^?# ]*$"})
}

fn parse(text: &str) -> Result<String, Fault> {
    let fault = || Fault::new(format!("expected {EXPECTED}, found {}", quote(text)));
    if text.contains("://") {
        Err(fault().hint("leave scheme and host out"))
    } else if !text.starts_with('/') {
        Err(fault().hint(format!(
            "a path begins with a slash: {}",
            quote(&format!("/{text}"))
        )))
    } else if text.contains('?') {
        Err(fault().hint("the query is no part of the path; match it with `query:`"))
    } else if text.contains('*') {
        Err(fault().hint("no wildcards here: use `prefix` or `regex`"))
    } else if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic() || *c == '#') {
        let fault = fault().cause(format!("{} is never in a path", quote(&odd.to_string())));
        Err(fault.hint("write it percent-encoded, as requests do"))
    } else {
        Ok(text.to_owned())
    }
}

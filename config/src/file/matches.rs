//! What a route says of a request.

use http::Method;
use serde_json::json;

use super::{
    header::header_name,
    name::host_match,
    path::{path_match, pattern},
};
use crate::{
    model::{Match, PathMatch, ValueMatch},
    problem::{Fault, quote},
    shape::{Shape, absent, choice, default, either, keys, list, map, parsed, text, variant},
};

/// All of the conditions of a route.
pub(super) fn matches() -> Shape<Match> {
    keys!(Match {
        /// Any of these hosts: `shop.example.com`, or `*.example.org` for all below it. None given: every host.
        hosts: default(list(host_match()), Vec::new()),
        /// The path, without query: `exact`, `prefix` or `regex`.
        path: absent(path_match(), PathMatch::Any),
        /// Any of these methods. None given: every method.
        methods: default(list(method()), Vec::new()),
        /// All of these headers: a value, or `{ regex: ... }` that takes the whole value.
        headers: default(map(header_name(), value_match()), Vec::new()),
        /// All of these query keys: a value, or `{ regex: ... }` that takes the whole value. The first of a key counts.
        query: default(map(text(), value_match()), Vec::new()),
    })
}

/// What two equal matches have in common, whatever the order of their conditions.
pub(super) fn identity(matches: &Match) -> String {
    let mut matches = matches.clone();
    matches.hosts.sort_by_key(|host| format!("{host:?}"));
    matches.hosts.dedup();
    matches.methods.sort_by_key(Method::to_string);
    matches.methods.dedup();
    matches.headers.sort_by_key(|(name, _)| name.to_string());
    matches.query.sort_by_key(|(name, _)| name.clone());
    if matches.path == PathMatch::Prefix("/".to_owned()) {
        matches.path = PathMatch::Any;
    }
    format!("{matches:?}")
}

/// Text, or `{ regex: ... }`.
pub(super) fn value_match() -> Shape<ValueMatch> {
    let exact = text().convert(ValueMatch::Exact, |value| match value {
        ValueMatch::Exact(text) => text.clone(),
        ValueMatch::Regex(_) => String::new(),
    });
    let regex = variant!(
        "regex",
        "A regular expression that takes the whole value.",
        pattern(),
        ValueMatch::Regex
    );
    let regex = choice("text or `{ regex: ... }`", [regex]);
    either(exact, regex, |value| matches!(value, ValueMatch::Exact(_)))
}

pub(super) fn method() -> Shape<Method> {
    let schema = json!({"type": "string", "pattern": "^[A-Z-]+$", "examples": ["GET", "POST"]});
    let parse = |text: &str| {
        let fault = || Fault::new(format!("{} is not a method", quote(text)));
        let method = Method::from_bytes(text.as_bytes()).map_err(|_| fault())?;
        // Methods are case-sensitive (RFC 9110, 9.1), and nobody has a method `get`.
        match text.to_ascii_uppercase() {
            upper if upper != text => Err(fault().hint(format!("did you mean `{upper}`?"))),
            _ => Ok(method),
        }
    };
    parsed("a method like `GET`", schema, parse, Method::to_string)
}

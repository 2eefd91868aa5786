//! Whether two matches may take the same request, or one takes all that the other does. Hosts are not looked at.

use std::collections::HashSet;

use http::Method;
use outrigger_config::model::{Match, PathMatch, ValueMatch};

/// Whether every request that `narrow` takes is taken by `wide`; `false` where that can't be told.
pub(super) fn covers(wide: &Match, narrow: &Match) -> bool {
    let methods: HashSet<&Method> = wide.methods.iter().collect();
    let method = methods.is_empty()
        || (!narrow.methods.is_empty() && narrow.methods.iter().all(|it| methods.contains(it)));
    method
        && covers_path(&wide.path, &narrow.path)
        && wide.headers.iter().all(|it| narrow.headers.contains(it))
        && wide.query.iter().all(|it| narrow.query.contains(it))
}

fn covers_path(wide: &PathMatch, narrow: &PathMatch) -> bool {
    if wide == narrow {
        return true;
    }
    match (wide, narrow) {
        (PathMatch::Any, _) => true,
        (PathMatch::Prefix(prefix), _) if prefix == "/" => true,
        (PathMatch::Prefix(wide), PathMatch::Prefix(narrow) | PathMatch::Exact(narrow)) => {
            below(narrow, wide)
        }
        (PathMatch::Prefix(wide), PathMatch::Regex(narrow)) => {
            // `/v2` covers `/v2/x.*`.
            literal(narrow.as_str()).starts_with(&format!("{wide}/"))
        }
        (PathMatch::Regex(wide), PathMatch::Exact(narrow)) => wide.matches(narrow),
        (PathMatch::Regex(wide), PathMatch::Prefix(narrow)) => {
            letters(wide.as_str()).is_some_and(|wide| narrow.starts_with(wide))
        }
        (PathMatch::Regex(wide), PathMatch::Regex(narrow)) => {
            letters(wide.as_str()).is_some_and(|wide| literal(narrow.as_str()).starts_with(wide))
        }
        (PathMatch::Prefix(_) | PathMatch::Exact(_) | PathMatch::Regex(_), _) => false,
    }
}

/// Whether a path is a prefix's, by segment.
fn below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What every value that a regex takes begins with, as far as that is plain to see.
fn literal(regex: &str) -> &str {
    let end = regex.find(|c: char| !(c.is_ascii_alphanumeric() || "/_~%:@,;=!'\"<>".contains(c)));
    let Some(end) = end else { return regex };
    // What is repeated is not there for certain.
    let repeated = regex[end..].starts_with(['?', '*', '+', '{']);
    let alternatives = regex.contains('|');
    let end = if repeated { end.saturating_sub(1) } else { end };
    if alternatives { "" } else { &regex[..end] }
}

/// The prefix of letters of a regex that takes just those.
fn letters(regex: &str) -> Option<&str> {
    let prefix = regex.strip_suffix(".*")?;
    (literal(prefix) == prefix).then_some(prefix)
}

/// Whether a request may exist that both take; `true` where that can't be told.
pub(super) fn may_overlap(one: &Match, other: &Match) -> bool {
    let share_method = one.methods.is_empty()
        || other.methods.is_empty()
        || one.methods.iter().any(|it| other.methods.contains(it));
    share_method
        && paths_may_overlap(&one.path, &other.path)
        && values_may_overlap(&one.headers, &other.headers)
        && values_may_overlap(&one.query, &other.query)
}

fn paths_may_overlap(one: &PathMatch, other: &PathMatch) -> bool {
    match (one, other) {
        (PathMatch::Any, _) | (_, PathMatch::Any) => true,
        (PathMatch::Exact(path), PathMatch::Exact(other)) => path == other,
        (PathMatch::Exact(path), PathMatch::Regex(regex))
        | (PathMatch::Regex(regex), PathMatch::Exact(path)) => regex.matches(path),
        (PathMatch::Prefix(prefix), _) | (_, PathMatch::Prefix(prefix)) if prefix == "/" => true,
        (PathMatch::Exact(path), PathMatch::Prefix(prefix))
        | (PathMatch::Prefix(prefix), PathMatch::Exact(path)) => below(path, prefix),
        (PathMatch::Prefix(one), PathMatch::Prefix(other)) => {
            below(one, other) || below(other, one)
        }
        (PathMatch::Prefix(prefix), PathMatch::Regex(regex))
        | (PathMatch::Regex(regex), PathMatch::Prefix(prefix)) => {
            let literal = literal(regex.as_str());
            literal.starts_with(&**prefix) || prefix.starts_with(literal)
        }
        (PathMatch::Regex(one), PathMatch::Regex(other)) => {
            let (one, other) = (literal(one.as_str()), literal(other.as_str()));
            one.starts_with(other) || other.starts_with(one)
        }
    }
}

/// Two values of one name exclude each other.
fn values_may_overlap<N: PartialEq>(one: &[(N, ValueMatch)], other: &[(N, ValueMatch)]) -> bool {
    one.iter().all(|(name, value)| {
        let same = other.iter().filter(|(other, _)| other == name);
        let mut values = same.map(|(_, other)| match (value, other) {
            (ValueMatch::Exact(one), ValueMatch::Exact(other)) => one == other,
            (ValueMatch::Exact(text), ValueMatch::Regex(regex))
            | (ValueMatch::Regex(regex), ValueMatch::Exact(text)) => regex.matches(text),
            (ValueMatch::Regex(_), ValueMatch::Regex(_)) => true,
        });
        values.all(|may| may)
    })
}

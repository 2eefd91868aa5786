//! Which of two routes is the more specific, of those that may take requests of one host: the precedence that the proxy's
//! router has (see `route` there, and the page on routing), as an order.

use std::cmp::Reverse;

use outrigger_config::model::{HostMatch, Match, PathMatch};

/// How specific the host is by which a route takes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostRank {
    Any,
    /// The suffix's length.
    Wildcard(usize),
    Exact,
}

impl HostRank {
    pub(super) fn new(host: Option<&HostMatch>) -> Self {
        match host {
            None => Self::Any,
            Some(HostMatch::Suffix(suffix)) => Self::Wildcard(suffix.len()),
            Some(HostMatch::Exact(_)) => Self::Exact,
        }
    }
}

/// How specific the rest is. The greatest wins; of equals the first in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank<'a> {
    path: PathRank<'a>,
    method: bool,
    headers: usize,
    query: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum PathRank<'a> {
    /// Its length, without the slash at its end.
    Prefix(usize),
    /// Its length, and itself by the alphabet.
    Regex(usize, Reverse<&'a str>),
    Exact,
}

impl<'a> Rank<'a> {
    pub(super) fn new(matches: &'a Match) -> Self {
        let path = match &matches.path {
            PathMatch::Any => PathRank::Prefix(0),
            PathMatch::Prefix(prefix) => PathRank::Prefix(prefix.trim_end_matches('/').len()),
            PathMatch::Regex(pattern) => {
                PathRank::Regex(pattern.as_str().len(), Reverse(pattern.as_str()))
            }
            PathMatch::Exact(_) => PathRank::Exact,
        };
        Self {
            path,
            method: !matches.methods.is_empty(),
            headers: matches.headers.len(),
            query: matches.query.len(),
        }
    }
}

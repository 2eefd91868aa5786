//! How specific a route is: the precedence of the module's head as an order. The greatest wins.

use std::{cmp::Reverse, fmt};

use outrigger_config::model::Match;

use super::{host::Key, path::Path};

/// A route's place in the precedence, for a request that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank<'a> {
    pub(super) host: HostRank,
    pub(super) path: PathRank<'a>,
    pub(super) conditions: ConditionRank,
    /// In the file.
    pub(super) place: Reverse<usize>,
}

/// Of the host by which a route takes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum HostRank {
    Any,
    /// The suffix's length.
    Wildcard(usize),
    Exact,
}

/// Of a route's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum PathRank<'a> {
    /// Its length.
    Prefix(usize),
    /// Its length, and itself.
    Regex(usize, Reverse<&'a str>),
    Exact,
}

/// Of what does not depend on host and path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConditionRank {
    method: bool,
    headers: usize,
    query: usize,
}

impl HostRank {
    pub(super) fn new(key: &Key) -> Self {
        match key {
            Key::Any => Self::Any,
            Key::Suffix(suffix) => Self::Wildcard(suffix.len()),
            Key::Exact(_) => Self::Exact,
        }
    }
}

impl<'a> PathRank<'a> {
    pub(super) fn new(path: &'a Path) -> Self {
        match path {
            Path::Prefix(prefix) => Self::Prefix(prefix.len()),
            Path::Regex(pattern) => Self::Regex(pattern.as_str().len(), Reverse(pattern.as_str())),
            Path::Exact(_) => Self::Exact,
        }
    }
}

impl ConditionRank {
    pub(super) fn new(matches: &Match) -> Self {
        Self {
            method: !matches.methods.is_empty(),
            headers: matches.headers.len(),
            query: matches.query.len(),
        }
    }
}

/// The first step of the precedence at which one route beats another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Host,
    Path,
    Method,
    Headers,
    Query,
    File,
}

impl Rank<'_> {
    pub(super) fn decided_by(&self, other: &Self) -> Step {
        let steps = [
            (self.host == other.host, Step::Host),
            (self.path == other.path, Step::Path),
            (
                self.conditions.method == other.conditions.method,
                Step::Method,
            ),
            (
                self.conditions.headers == other.conditions.headers,
                Step::Headers,
            ),
            (self.conditions.query == other.conditions.query, Step::Query),
        ];
        let decided = steps.into_iter().find(|(equal, _)| !equal);
        decided.map_or(Step::File, |(_, step)| step)
    }
}

/// What the loser lacks.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "its host is less specific",
            Self::Path => "its path is less specific",
            Self::Method => "it has no condition on the method",
            Self::Headers => "it has fewer conditions on headers",
            Self::Query => "it has fewer conditions on the query",
            Self::File => "it stands later in the file",
        })
    }
}

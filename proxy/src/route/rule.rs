//! One route's match on its own, as [`super::explain`] looks at it.

use http::request::Parts;
use outrigger_config::model::Route;

use super::{
    condition::{self, Conditions},
    host::{self, Key},
    path::Path,
    rank::{ConditionRank, HostRank, PathRank, Rank},
};

/// A route's match.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) hosts: Vec<Key>,
    pub(super) path: Path,
    pub(super) conditions: Conditions,
    rank: ConditionRank,
}

/// The first condition that does not hold, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Miss {
    Host,
    Path,
    Condition(condition::Miss),
}

impl Rule {
    pub(super) fn new(route: &Route) -> Self {
        Self {
            hosts: host::keys(&route.matches.hosts).collect(),
            path: Path::new(&route.matches.path),
            conditions: Conditions::new(&route.matches),
            rank: ConditionRank::new(&route.matches),
        }
    }

    /// The most specific of its hosts that takes `host`.
    pub(super) fn host(&self, host: &str) -> Option<&Key> {
        let taking = self.hosts.iter().filter(|key| host::takes(key, host));
        taking.max_by_key(|key| HostRank::new(key))
    }

    /// # Errors
    /// The first condition that does not hold.
    pub(super) fn check(&self, head: &Parts) -> Result<(), Miss> {
        self.host(&host::of(head)).ok_or(Miss::Host)?;
        if !self.path.takes(head.uri.path()) {
            return Err(Miss::Path);
        }
        self.conditions.check(head).map_err(Miss::Condition)
    }

    /// Where it stands for a request, or, when its host does not match, where it would stand if it did.
    pub(super) fn rank(&self, place: usize, head: &Parts) -> Rank<'_> {
        let most_specific = || self.hosts.iter().max_by_key(|key| HostRank::new(key));
        let host = self.host(&host::of(head)).or_else(most_specific);
        Rank {
            host: host.map_or(HostRank::Any, HostRank::new),
            path: PathRank::new(&self.path),
            conditions: self.rank,
            place: std::cmp::Reverse(place),
        }
    }
}

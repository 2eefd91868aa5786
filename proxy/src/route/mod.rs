//! Which route takes a request, and what it then does to it.
//!
//! # Precedence
//!
//! That of the Gateway API, whatever the order in the file. Of all routes whose every condition holds, the one wins that has
//!
//! 1. the most specific host: an exact one, else the longest wildcard, else none;
//! 2. the most specific path: an exact one, else the longest regex (equally long ones by the alphabet), else the longest
//!    prefix. The Gateway API leaves the place of regexes open; this is Envoy Gateway's (Istio has them last, where a bare
//!    `prefix: /` hides them). A route without a path has the prefix `/`, the Gateway API's default, so that "all with
//!    `x-version: 23`" wins over a bare `prefix: /`;
//! 3. a condition on the method;
//! 4. more conditions on headers;
//! 5. more conditions on the query;
//! 6. the first place in the file.
//!
//! A more specific host none of whose routes match leaves the request to the less specific ones.
//!
//! # Cost
//!
//! Independent of the number of routes: a hash look-up for the host and for each of its wildcards, one for the exact path and
//! for each prefix by segment, one automaton for all regexes that begin with the same segments, and a hash look-up for each
//! header or query key that tells apart routes of one host and path. Nothing is allocated for a request whose host is in lower case.
//! What stays linear is named where it is: `bucket.rs` and `patterns.rs`.

mod bucket;
pub mod by_host;
mod condition;
pub mod edit;
pub mod explain;
pub mod host;
pub mod normal;
mod path;
mod patterns;
mod query;
mod rank;
mod redirect;
mod respond;
mod rewrite;
mod rule;
mod split;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::{
    borrow::Cow,
    collections::HashMap,
    hash::{BuildHasher, Hash},
};

use foldhash::fast::FixedState;
use http::request::Parts;
use outrigger_config::model::Route;

pub use condition::Conditions;
pub(crate) use condition::holds;
pub use redirect::Redirect;
pub use respond::Respond;
pub use rewrite::Rewrite;
pub use split::Split;

use bucket::Bucket;
use host::Hosts;
pub(crate) use path::Path;
use path::Paths;
use rank::ConditionRank;

/// A map from what the configuration says. Its keys are trusted, hence a hasher without a secret.
pub type Map<K, V> = HashMap<K, V, FixedState>;

/// The routes of one listener, compiled and immutable.
#[derive(Debug)]
pub struct Router {
    hosts: Hosts<Paths>,
    /// Best first by what does not depend on host and path; a route's place in here is its name within the router.
    entries: Vec<Entry>,
}

/// A route's conditions beyond host and path.
#[derive(Debug)]
struct Entry {
    /// The index among the listener's routes, in file order.
    route: usize,
    conditions: Conditions,
}

impl Router {
    /// Compiles a listener's routes.
    pub fn new(routes: &[Route]) -> Self {
        let mut order: Vec<usize> = (0..routes.len()).collect();
        // Stable: equals stay in file order.
        order.sort_by_key(|&i| std::cmp::Reverse(ConditionRank::new(&routes[i].matches)));

        let entries: Vec<Entry> = order
            .into_iter()
            .map(|route| Entry {
                route,
                conditions: Conditions::new(&routes[route].matches),
            })
            .collect();

        let places = entries.iter().enumerate().flat_map(|(place, entry)| {
            let matches = &routes[entry.route].matches;
            let path = Path::new(&matches.path);
            host::keys(&matches.hosts).map(move |host| (host, (path.clone(), place)))
        });
        let hosts = Hosts::new(places, |paths| {
            Paths::new(paths, |places| Bucket::new(places, &entries))
        });
        Self { hosts, entries }
    }

    /// The index of the route that takes a request with this head, in the listener's routes.
    ///
    /// The path is matched as it stands: call [`normal::path`] before, and send on what it gave.
    pub fn find(&self, head: &Parts) -> Option<usize> {
        let host = if self.hosts.tells() {
            host::of(head)
        } else {
            Cow::Borrowed("")
        };
        let path = head.uri.path();
        self.hosts
            .tables(&host)
            .flat_map(|paths| paths.buckets(path))
            .find_map(|bucket| bucket.find(head, &self.entries))
            .map(|place| self.entries[place].route)
    }
}

/// Gathers the values of equal keys, in their order.
fn group<K: Hash + Eq, V, S: BuildHasher + Default>(
    pairs: impl IntoIterator<Item = (K, V)>,
) -> HashMap<K, Vec<V>, S> {
    let mut groups: HashMap<K, Vec<V>, S> = HashMap::default();
    for (key, value) in pairs {
        groups.entry(key).or_default().push(value);
    }
    groups
}

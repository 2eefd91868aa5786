//! The routes of one host and path, told apart by their other conditions.

use http::{HeaderName, request::Parts};
use outrigger_config::model::ValueMatch;

use super::{Entry, Map, condition::Conditions, group, query};

/// Places in [`super::Router`]'s entries, in ascending order: a lower one is a better one.
///
/// A route that wants one value of a header (else of a query key) is found by that value, so that a thousand tenants told
/// apart by a header cost what one does. Those without such a condition stay linear: told apart by method or regex alone.
#[derive(Debug)]
pub(super) struct Bucket {
    plain: Vec<usize>,
    keyed: Vec<(Key, ByValue)>,
}

/// The routes that want each value.
type ByValue = Map<Box<[u8]>, Vec<usize>>;

/// Where the value stands that tells routes apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Header(HeaderName),
    Query(String),
}

impl Bucket {
    pub(super) fn new(places: Vec<usize>, entries: &[Entry]) -> Self {
        let mut plain = Vec::new();
        let mut keyed = Vec::new();
        for place in places {
            match key(&entries[place].conditions) {
                Some((key, value)) => keyed.push((key, (value, place))),
                None => plain.push(place),
            }
        }
        let keyed: Map<_, _> = group(keyed);
        Self {
            plain,
            keyed: keyed
                .into_iter()
                .map(|(key, values)| (key, group(values)))
                .collect(),
        }
    }

    /// The best place whose conditions hold.
    pub(super) fn find(&self, head: &Parts, entries: &[Entry]) -> Option<usize> {
        let mut best = None;
        let mut consider = |places: &[usize]| {
            let better = places
                .iter()
                .take_while(|&&place| best.is_none_or(|best| place < best));
            let found = { better }.find(|&&place| entries[place].conditions.check(head).is_ok());
            best = found.copied().or(best);
        };
        for (key, values) in &self.keyed {
            match key {
                Key::Header(name) => head
                    .headers
                    .get_all(name)
                    .iter()
                    .filter_map(|line| values.get(line.as_bytes()))
                    .for_each(|places| consider(places)),
                Key::Query(key) => head
                    .uri
                    .query()
                    .and_then(|query| query::first(query, key))
                    .and_then(|value| values.get(&*value))
                    .into_iter()
                    .for_each(|places| consider(places)),
            }
        }
        consider(&self.plain);
        best
    }
}

/// The condition by which a route is found.
fn key(conditions: &Conditions) -> Option<(Key, Box<[u8]>)> {
    let header = conditions
        .headers
        .iter()
        .find_map(|(name, value)| Some((Key::Header(name.clone()), exact(value)?)));
    header.or_else(|| {
        conditions
            .query
            .iter()
            .find_map(|(key, value)| Some((Key::Query(key.clone()), exact(value)?)))
    })
}

fn exact(value: &ValueMatch) -> Option<Box<[u8]>> {
    match value {
        ValueMatch::Exact(value) => Some(value.as_bytes().into()),
        ValueMatch::Regex(_) => None,
    }
}

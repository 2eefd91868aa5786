//! Which proxies a table is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Selectors of many labels each could be cut into more parts than there is time for; real ones need a step each.
const MOST_STEPS: u32 = 10_000;

/// Labels that a proxy must have, each with one of some values. The default takes every proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector(BTreeMap<Arc<str>, BTreeSet<Arc<str>>>);

impl Selector {
    /// The label that a proxy's certificate gives it, and nothing else.
    pub const IDENTITY: &str = "identity";

    /// Of labels with the values that will do. A label without values would take no proxy.
    pub fn new(labels: impl IntoIterator<Item = (Arc<str>, BTreeSet<Arc<str>>)>) -> Self {
        Self(labels.into_iter().collect())
    }

    /// The labels in order, each with the values that will do.
    pub fn labels(&self) -> impl Iterator<Item = (&Arc<str>, &BTreeSet<Arc<str>>)> {
        self.0.iter()
    }

    /// Whether it takes a proxy that has these labels.
    pub fn takes<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.0
            .iter()
            .all(|(name, values)| label(name).is_some_and(|value| values.contains(value)))
    }

    /// Whether there could be a proxy that both take.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.iter().all(|(name, values)| {
            let others = other.0.get(name);
            others.is_none_or(|others| !values.is_disjoint(others))
        })
    }

    /// Whether every proxy that it takes is one that `other` takes.
    pub fn within(&self, other: &Self) -> bool {
        other.0.iter().all(|(name, others)| {
            let values = self.0.get(name);
            values.is_some_and(|values| values.is_subset(others))
        })
    }

    /// Whether every proxy that it takes is taken by one of `others` at least.
    pub fn within_all(&self, others: &[&Self]) -> bool {
        others.iter().any(|other| self.within(other)) || self.covered(others, &mut { MOST_STEPS })
    }

    /// The same by taking away, one by one, what each of `others` takes.
    fn covered(&self, others: &[&Self], steps: &mut u32) -> bool {
        let Some((first, rest)) = others.split_first() else {
            return false;
        };
        if *steps == 0 {
            return false;
        }
        *steps -= 1;
        if !self.overlaps(first) {
            return self.covered(rest, steps);
        }
        let mut remaining = self.clone();
        for (name, values) in &first.0 {
            // Where any value will do, and none as well, no list is all of them: `rest` must do without this one.
            let Some(own) = remaining.0.get(name).cloned() else {
                return remaining.covered(rest, steps);
            };
            let others: BTreeSet<_> = own.difference(values).cloned().collect();
            if !others.is_empty() {
                let mut part = remaining.clone();
                part.0.insert(Arc::clone(name), others);
                if !part.covered(rest, steps) {
                    return false;
                }
            }
            let shared = own.intersection(values).cloned().collect();
            remaining.0.insert(Arc::clone(name), shared);
        }
        true
    }
}

#[cfg(test)]
mod tests;

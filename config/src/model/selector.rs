//! Which proxies a table is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Labels that a proxy must have, each with one of some values. The default takes every proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Selector(BTreeMap<Arc<str>, BTreeSet<Arc<str>>>);

impl Selector {
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
}

//! A set of names.
//!
//! A sorted list, as [`Shelf`](crate::view::Shelf) is and for its reason. It changes by many names at once: one by one, a
//! client that names all of a large mesh in one request would cost seconds.

use std::sync::Arc;

/// Sorted, no name twice.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Names(Vec<Arc<str>>);

impl Names {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    pub(super) fn get(&self, name: &str) -> Option<&Arc<str>> {
        let place = self.0.binary_search_by(|it| it.as_ref().cmp(name));
        place.ok().map(|place| &self.0[place])
    }

    pub(super) fn add(&mut self, names: impl IntoIterator<Item = Arc<str>>) {
        let before = self.0.len();
        self.0.extend(names);
        if self.0.len() > before {
            self.0.sort();
            self.0.dedup();
            self.0.shrink_to_fit();
        }
    }

    /// Takes out those of `names` that are in it, and returns them.
    pub(super) fn take(&mut self, names: &Self) -> Self {
        let taken = self.0.extract_if(.., |name| names.contains(name));
        Self(taken.collect())
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Arc<str>> {
        self.0.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Arc<str>> for Names {
    fn from_iter<I: IntoIterator<Item = Arc<str>>>(names: I) -> Self {
        let mut set = Self::default();
        set.add(names);
        set
    }
}

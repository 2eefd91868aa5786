//! Resources of one kind, by name.
//!
//! A sorted list and not a map: a stream that has seen everything keeps one of these, and a thousand such streams of two
//! thousand resources cost 16 MB this way, a word each, where maps would take a hundred.

use std::sync::Arc;

use outrigger_xds::Resource;

/// Resources sorted by name, no name twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shelf(Vec<Arc<Resource>>);

impl Shelf {
    /// The resource of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Resource>> {
        self.place(name).ok().map(|place| &self.0[place])
    }

    /// Whether there is one of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Puts it in the place of the one of its name.
    pub fn insert(&mut self, resource: Arc<Resource>) {
        match self.place(&resource.name) {
            Ok(place) => self.0[place] = resource,
            Err(place) => self.0.insert(place, resource),
        }
    }

    /// Takes out the one of that name.
    pub fn remove(&mut self, name: &str) -> Option<Arc<Resource>> {
        self.place(name).ok().map(|place| self.0.remove(place))
    }

    /// Keeps those for which `keep` says so.
    pub fn retain(&mut self, keep: impl FnMut(&Arc<Resource>) -> bool) {
        self.0.retain(keep);
    }

    /// All, by name.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<Resource>> {
        self.0.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of those that `newer` has not, has new, or has in another version.
    pub fn differences(&self, newer: &Self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        let (mut old, mut new) = (self.iter().peekable(), newer.iter().peekable());
        loop {
            let order = match (old.peek(), new.peek()) {
                (None, None) => return names,
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some(old), Some(new)) => old.name.cmp(&new.name),
            };
            let before = order.is_le().then(|| old.next()).flatten();
            let after = order.is_ge().then(|| new.next()).flatten();
            if !same(before, after)
                && let Some(resource) = after.or(before)
            {
                names.push(Arc::clone(&resource.name));
            }
        }
    }
}

impl FromIterator<Arc<Resource>> for Shelf {
    /// Of one name the first counts.
    fn from_iter<I: IntoIterator<Item = Arc<Resource>>>(resources: I) -> Self {
        let mut list: Vec<_> = resources.into_iter().collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list.dedup_by(|a, b| a.name == b.name);
        Self(list)
    }
}

impl Shelf {
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0
            .binary_search_by(|resource| resource.name.as_ref().cmp(name))
    }
}

fn same(old: Option<&Arc<Resource>>, new: Option<&Arc<Resource>>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => Arc::ptr_eq(old, new) || old.version == new.version,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use outrigger_xds::Kind;

    use super::*;

    fn shelf(resources: &[(&str, &str)]) -> Shelf {
        let resource = |(name, version): &(&str, &str)| {
            Resource::new(Kind::Cluster, (*name).into(), version, Bytes::new()).into()
        };
        resources.iter().map(resource).collect()
    }

    #[test]
    fn what_is_new_or_gone_or_other_is_a_difference() {
        let old = shelf(&[("a", "1"), ("c", "1"), ("d", "1")]);
        let new = shelf(&[("b", "1"), ("c", "2"), ("d", "1"), ("e", "1")]);
        let names: Vec<_> = old.differences(&new);
        assert_eq!(names, ["a", "b", "c", "e"].map(Arc::from));
        assert!(old.differences(&old).is_empty());
    }

    #[test]
    fn a_name_stands_there_once() {
        let mut shelf = shelf(&[("b", "1"), ("a", "1"), ("b", "2")]);
        assert_eq!(shelf.len(), 2);
        shelf.insert(Resource::new(Kind::Cluster, "a".into(), "9", Bytes::new()).into());
        assert_eq!(shelf.len(), 2);
        assert!(shelf.remove("a").is_some() && shelf.remove("a").is_none());
    }
}

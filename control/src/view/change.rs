//! What differs between a view and those before it.

use std::{collections::VecDeque, sync::Arc};

use outrigger_xds::Kind;

/// How many views back a stream may be to be told names instead of having to compare everything. A stream takes the next
/// view when the one before is acknowledged, so one that is further behind is in trouble of other kinds.
const REMEMBERED: usize = 64;

/// The names that differ from the view before, of each kind in the order of [`Kind::ALL`].
#[derive(Debug, Default, PartialEq)]
pub struct Change(pub [Vec<Arc<str>>; 4]);

impl Change {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// What differs, each with its kind.
    pub fn names(&self) -> impl Iterator<Item = (Kind, &Arc<str>)> {
        Kind::ALL
            .into_iter()
            .zip(&self.0)
            .flat_map(|(kind, names)| names.iter().map(move |name| (kind, name)))
    }
}

/// The last changes, newest at the end, of revisions that follow each other.
#[derive(Clone, Debug, Default)]
pub struct Changes(VecDeque<(u64, Arc<Change>)>);

impl Changes {
    /// These and one more, that leads to `revision`.
    pub fn and(&self, revision: u64, change: Change) -> Self {
        let mut changes = self.0.clone();
        if changes.len() == REMEMBERED {
            changes.pop_front();
        }
        changes.push_back((revision, Arc::new(change)));
        Self(changes)
    }

    /// All that came after `revision`; `None` if that is forgotten.
    pub fn since(&self, revision: u64) -> Option<impl Iterator<Item = &Change>> {
        let oldest = self.0.front().map(|(oldest, _)| *oldest)?;
        (oldest <= revision + 1).then(|| {
            self.0
                .iter()
                .filter(move |(of, _)| *of > revision)
                .map(|(_, change)| change.as_ref())
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_remembered_for_a_while() {
        let mut changes = Changes::default();
        for revision in 2..=100 {
            changes = changes.and(revision, Change::default());
        }
        assert_eq!(changes.since(97).unwrap().count(), 3);
        assert_eq!(changes.since(100).unwrap().count(), 0);
        assert!(changes.since(36).is_some());
        assert!(changes.since(35).is_none());
        assert!(Changes::default().since(0).is_none());
    }
}

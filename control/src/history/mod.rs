//! Every version of the tables: when, by whom, and what changed. The flight recorder of the mesh.
//!
//! Kept as the texts that changed from one version to the next, so that a version costs what its change does. The oldest
//! go when there are too many; what they said stays in the base, from which the others are told again.

mod comparison;
mod difference;
mod parts;
mod store;

use std::{collections::VecDeque, path::Path, sync::Arc, time::SystemTime};

use serde::{Deserialize, Serialize};

use crate::{registry::Tables, source::Name};

pub use comparison::{Comparison, Texts};
pub use difference::{Change, Difference, Kind, differences, summary};
pub use store::StoreError;
use store::{Kept, Store};

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Versions.
    pub versions: usize,
    /// Bytes of texts.
    pub bytes: usize,
}

impl Default for Limits {
    /// A day of a change every minute and a half, and what a control plane can spare of its 300 MB.
    fn default() -> Self {
        Self {
            versions: 1_000,
            bytes: 64 << 20,
        }
    }
}

/// A version of the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Counts all versions, from 1: the same content may come back.
    pub serial: u64,
    /// Of the content.
    pub version: Arc<str>,
    /// When it came in force.
    #[serde(with = "microseconds")]
    pub since: SystemTime,
    /// Who brought it: `file`, `api by 127.0.0.1:40312`, `rollback to 0123456789abcdef by ...`.
    pub source: Arc<str>,
    /// What changed, in a few words.
    pub summary: Arc<str>,
}

/// A version and the texts that it has other than the one before.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Entry {
    version: Version,
    /// `None`: the table is gone.
    changes: Vec<(Name, Option<Arc<str>>)>,
}

impl Entry {
    fn bytes(&self) -> usize {
        let texts = self.changes.iter().filter_map(|(_, text)| text.as_ref());
        texts.map(|text| text.len()).sum()
    }

    fn apply(&self, texts: &mut Texts) {
        for (name, text) in &self.changes {
            match text {
                Some(text) => texts.insert(name.clone(), Arc::clone(text)),
                None => texts.remove(name),
            };
        }
    }
}

/// What is remembered.
#[derive(Debug, Default)]
pub struct History {
    /// The texts before the first entry.
    base: Texts,
    entries: VecDeque<Entry>,
    /// The texts after the last entry.
    head: Texts,
    bytes: usize,
    limits: Limits,
    store: Option<Store>,
}

impl History {
    /// Nothing yet, and in memory only.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// Goes on with what is kept in a directory.
    ///
    /// # Errors
    /// When nothing can be kept there.
    pub fn open(directory: &Path, limits: Limits) -> Result<Self, StoreError> {
        let (store, Kept { base, entries }) = Store::open(directory)?;
        let mut head = base.clone();
        entries.iter().for_each(|entry| entry.apply(&mut head));
        let mut history = Self {
            bytes: entries.iter().map(Entry::bytes).sum(),
            entries: entries.into(),
            base,
            head,
            limits,
            store: Some(store),
        };
        history.forget();
        Ok(history)
    }

    /// Goes on with what the source has at the start.
    #[must_use]
    pub fn begin(mut self, tables: &Tables, by: &str) -> Self {
        let known = self.entries.back().map(|entry| &entry.version.version);
        if known == Some(&tables.version) {
            self.amend(tables);
        } else {
            let before = comparison::read(&self.head);
            let summary = summary(&differences(&before, &tables.tables));
            self.record(tables, by, summary);
        }
        self
    }

    /// Adds a version.
    pub fn record(&mut self, tables: &Tables, by: &str, summary: String) {
        let serial = self
            .entries
            .back()
            .map_or(1, |entry| entry.version.serial + 1);
        let entry = Entry {
            version: Version {
                serial,
                version: Arc::clone(&tables.version),
                since: tables.since,
                source: by.into(),
                summary: summary.into(),
            },
            changes: self.changes(tables),
        };
        self.add(entry);
    }

    /// Takes note of texts that say the same in other words: going back brings back the words, too.
    pub fn amend(&mut self, tables: &Tables) {
        let changes = self.changes(tables);
        if changes.is_empty() {
            return;
        }
        if let Some(mut entry) = self.entries.pop_back() {
            self.bytes -= entry.bytes();
            for change in changes {
                entry.changes.retain(|(name, _)| *name != change.0);
                entry.changes.push(change);
            }
            self.add(entry);
        }
    }

    /// The texts that are other than those of the last version.
    fn changes(&self, tables: &Tables) -> Vec<(Name, Option<Arc<str>>)> {
        let gone = self.head.keys();
        let gone = gone.filter(|name| !tables.tables.contains_key(*name));
        let gone = gone.map(|name| (name.clone(), None));
        let other = tables.tables.iter().filter_map(|(name, table)| {
            let text = &table.document.text;
            let known = self.head.get(name);
            let same = known.is_some_and(|known| Arc::ptr_eq(known, text) || known == text);
            (!same).then(|| (name.clone(), Some(Arc::clone(text))))
        });
        gone.chain(other).collect()
    }

    fn add(&mut self, entry: Entry) {
        entry.apply(&mut self.head);
        self.bytes += entry.bytes();
        if let Some(store) = &mut self.store {
            store.keep(&entry);
        }
        self.entries.push_back(entry);
        self.forget();
    }

    /// Lets the oldest go while there are too many; the last one stays, however large.
    fn forget(&mut self) {
        while self.entries.len() > 1
            && (self.entries.len() > self.limits.versions || self.bytes > self.limits.bytes)
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= oldest.bytes();
            oldest.apply(&mut self.base);
            if let Some(store) = &mut self.store {
                store.forget(&oldest);
            }
        }
    }

    /// Those that are remembered, the newest first.
    pub fn versions(&self) -> Vec<Version> {
        let entries = self.entries.iter().rev();
        entries.map(|entry| entry.version.clone()).collect()
    }

    /// A version, by its name or its serial number, and the texts of its tables. Of several with one content, the newest.
    pub fn version(&self, wanted: &str) -> Option<(Version, Texts)> {
        let serial = wanted.parse().ok();
        let meant = |version: &Version| *version.version == *wanted;
        let found = self.entries.iter().rposition(|entry| meant(&entry.version));
        let found = found.or_else(|| {
            let mut entries = self.entries.iter();
            entries.position(|entry| Some(entry.version.serial) == serial)
        })?;
        let mut texts = self.base.clone();
        let entries = self.entries.iter().take(found + 1);
        entries.for_each(|entry| entry.apply(&mut texts));
        Some((self.entries.get(found)?.version.clone(), texts))
    }
}

/// Times as they are kept: since 1970.
mod microseconds {
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &SystemTime,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        serializer.serialize_u64(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'d, D: Deserializer<'d>>(
        deserializer: D,
    ) -> Result<SystemTime, D::Error> {
        let since = Duration::from_micros(u64::deserialize(deserializer)?);
        Ok(UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH))
    }
}

#[cfg(test)]
mod tests;

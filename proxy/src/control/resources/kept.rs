//! Resources of one kind by name: those that are there, and those that were only asked for.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use crate::clock;

/// A name that nothing was said of for so long counts as one that does not exist (the xDS protocol's own number).
pub const PATIENCE: Duration = Duration::from_secs(15);

/// What is known of a name.
#[derive(Clone, Debug, PartialEq)]
pub enum Known<T> {
    /// Asked for, at this time in microseconds; `None`: not on this stream.
    Awaited(Option<u64>),
    /// It does not exist: the control plane says so.
    Absent,
    /// It exists.
    Present(Version<T>),
}

/// A resource in one of its versions.
#[derive(Debug, PartialEq)]
pub struct Version<T> {
    /// As the control plane calls it.
    pub version: Arc<str>,
    /// Of the encoded message: what is the same need not be decoded again.
    pub digest: u64,
    /// What it says.
    pub value: Arc<T>,
}

impl<T> Clone for Version<T> {
    fn clone(&self) -> Self {
        Self {
            version: Arc::clone(&self.version),
            digest: self.digest,
            value: Arc::clone(&self.value),
        }
    }
}

/// Resources of one kind.
#[derive(Debug)]
pub struct Kept<T> {
    known: BTreeMap<Arc<str>, Known<T>>,
    wanted: Arc<BTreeSet<Arc<str>>>,
    /// How many of those known are awaited.
    awaited: usize,
    /// The names that are wanted have changed since they were sent, or were not sent on this stream.
    unsent: bool,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self {
            known: BTreeMap::new(),
            wanted: Arc::default(),
            awaited: 0,
            unsent: true,
        }
    }
}

impl<T> Kept<T> {
    /// What is known of a name; `None`: it was not asked for.
    pub fn get(&self, name: &str) -> Option<&Known<T>> {
        self.known.get(name)
    }

    /// What a name stands for.
    pub fn value(&self, name: &str) -> Option<&Arc<T>> {
        self.version(name).map(|present| &present.value)
    }

    /// The same, with its version.
    pub fn version(&self, name: &str) -> Option<&Version<T>> {
        match self.known.get(name) {
            Some(Known::Present(version)) => Some(version),
            _ => None,
        }
    }

    /// All that exist.
    pub fn present(&self) -> impl Iterator<Item = (&Arc<str>, &Version<T>)> {
        self.known.iter().filter_map(|(name, known)| match known {
            Known::Present(version) => Some((name, version)),
            _ => None,
        })
    }

    /// All that are to be asked for. The same set as before, if they are the same.
    pub fn wanted(&self) -> &Arc<BTreeSet<Arc<str>>> {
        &self.wanted
    }

    /// From now on these are to be asked for. Says whether they are others than before.
    pub fn want(&mut self, names: BTreeSet<Arc<str>>) -> bool {
        if *self.wanted == names {
            return false;
        }
        for name in &names {
            if let Entry::Vacant(entry) = self.known.entry(Arc::clone(name)) {
                entry.insert(Known::Awaited(None));
                self.awaited += 1;
            }
        }
        self.wanted = Arc::new(names);
        self.unsent = true;
        true
    }

    /// It is there. Says whether it was before, in this version or another.
    pub fn put(&mut self, name: Arc<str>, version: Version<T>) -> bool {
        let before = self.known.insert(name, Known::Present(version));
        self.no_more(before.as_ref());
        matches!(before, Some(Known::Present(_)))
    }

    /// It is not there. Nobody needs to know of what was not asked for.
    pub fn absent(&mut self, name: &str) {
        if let Some(known) = self.known.get_mut(name) {
            let before = std::mem::replace(known, Known::Absent);
            self.no_more(Some(&before));
        }
    }

    /// All that exist have been named: nothing else does. Says whether anything was awaited.
    pub fn complete(&mut self) -> bool {
        if self.awaited == 0 {
            return false;
        }
        for known in self.known.values_mut() {
            if let Known::Awaited(_) = known {
                *known = Known::Absent;
            }
        }
        self.awaited = 0;
        true
    }

    /// Forgets a name that was not asked for by itself.
    pub fn forget(&mut self, name: &str) {
        let before = self.known.remove(name);
        self.no_more(before.as_ref());
    }

    /// A stream has begun or ended: whoever waits waits anew.
    pub fn restart(&mut self) {
        self.unsent = true;
        for known in self.known.values_mut() {
            if let Known::Awaited(since) = known {
                *since = None;
            }
        }
    }

    /// The names that are to be asked for have been sent. What is known of others is forgotten: not before, since the
    /// control plane believes until then that we have it.
    pub fn asked(&mut self, now: u64) {
        if !std::mem::take(&mut self.unsent) {
            return;
        }
        let wanted = &self.wanted;
        self.known.retain(|name, _| wanted.contains(name));
        self.awaited = 0;
        for known in self.known.values_mut() {
            if let Known::Awaited(since) = known {
                since.get_or_insert(now);
                self.awaited += 1;
            }
        }
    }

    /// Whether there is no use in waiting for a name: something was said of it, or has not been for too long.
    pub fn settled(&self, name: &str, now: u64) -> bool {
        match self.known.get(name) {
            Some(Known::Awaited(since)) => since.is_some_and(|since| now >= end(since)),
            Some(Known::Absent | Known::Present(_)) => true,
            None => false,
        }
    }

    /// When waiting for the next name is over, in microseconds.
    pub fn next_silence(&self, now: u64) -> Option<u64> {
        if self.awaited == 0 {
            return None;
        }
        let ends = self.known.values().filter_map(|known| match known {
            Known::Awaited(Some(since)) => Some(end(*since)),
            _ => None,
        });
        ends.filter(|&end| end > now).min()
    }

    /// What was there before is not any more.
    fn no_more(&mut self, before: Option<&Known<T>>) {
        if let Some(Known::Awaited(_)) = before {
            self.awaited -= 1;
        }
    }
}

fn end(since: u64) -> u64 {
    since.saturating_add(clock::micros(PATIENCE))
}

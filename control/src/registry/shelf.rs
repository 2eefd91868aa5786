//! What the source offers, and what of it is in force: the decisions of the registry, without a source or a clock.
//!
//! A table that is wrong, or that the others can't go with, leaves the last right one in force; the others go on. What is
//! in force is right as a whole at any time. That a table is to go is a change like others: one whose clusters are still
//! needed stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::SystemTime,
};

use bytes::Bytes;
use outrigger_config::{
    Problems,
    document::{self, Clash, Document},
};

use super::{Listed, Table};
use crate::source::{Name, Text};

/// All tables, as offered and as in force. A clone is cheap, to try something out.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf {
    offered: BTreeMap<Name, Arc<Offered>>,
    in_force: BTreeMap<Name, Arc<Table>>,
    /// Those that are gone from the source, and when.
    gone: BTreeMap<Name, SystemTime>,
    /// Why a table is not in force as it is offered.
    refused: BTreeMap<Name, Arc<Problems>>,
}

/// A table as its source has it.
#[derive(Debug)]
struct Offered {
    text: Text,
    etag: Arc<str>,
    place: Arc<str>,
    since: SystemTime,
    read: Result<Arc<Table>, Arc<Problems>>,
}

/// Tables that might come in force.
type Candidate = BTreeMap<Name, Arc<Table>>;

impl Shelf {
    /// Takes note of what a source says, which may be nothing new. Nothing is in force by that: see [`settle`](Self::settle).
    pub(super) fn offer(&mut self, name: &Name, text: Text, place: Arc<str>, now: SystemTime) {
        let before = self.offered.get(name);
        if before.is_some_and(|before| before.text == text) {
            return;
        }
        let read = match &text {
            Ok(bytes) => document::read(&place, bytes),
            Err(cause) => Err(document::unreadable(&place, cause)),
        };
        let last = before.and_then(|before| before.read.as_ref().ok());
        let last = last.or_else(|| self.in_force.get(name));
        let read = read.map(|document| Arc::new(Table::new(document, last.map(|last| &**last))));
        let offered = Offered {
            etag: etag(&text),
            text,
            place,
            since: now,
            read: read.map_err(Arc::new),
        };
        self.offered.insert(name.clone(), Arc::new(offered));
    }

    /// Takes note that a table is gone.
    pub(super) fn withdraw(&mut self, name: &Name, now: SystemTime) {
        if self.offered.remove(name).is_some() {
            self.gone.insert(name.clone(), now);
        }
    }

    /// The names of what is offered.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.offered.keys()
    }

    /// The etag of a table; of one that is gone and still needed, too.
    pub(super) fn etag(&self, name: &Name) -> Option<Arc<str>> {
        match (self.offered.get(name), self.in_force.get(name)) {
            (Some(offered), _) => Some(Arc::clone(&offered.etag)),
            (None, Some(table)) => Some(outrigger_xds::version(&table.document.text)),
            (None, None) => None,
        }
    }

    /// What its source says of a table; `None`: that there is none.
    pub(super) fn offered(&self, name: &Name) -> Option<&Text> {
        self.offered.get(name).map(|offered| &offered.text)
    }

    /// The text of a table as it is offered, if it can be had.
    pub(super) fn text(&self, name: &Name) -> Option<&Bytes> {
        self.offered(name)?.as_ref().ok()
    }

    /// What is in force.
    pub(super) fn in_force(&self) -> &BTreeMap<Name, Arc<Table>> {
        &self.in_force
    }

    /// What is not in force as it is offered, and why.
    pub(super) fn refused(&self) -> &BTreeMap<Name, Arc<Problems>> {
        &self.refused
    }

    /// What is wrong, without what only follows: while one can't be read, others miss what it would define.
    pub(super) fn wrong(&self) -> Vec<Problems> {
        let unread = self.offered.values();
        let unread = unread.filter_map(|offered| offered.read.as_ref().err());
        let unread: Vec<_> = unread.map(|problems| Problems::clone(problems)).collect();
        if !unread.is_empty() {
            return unread;
        }
        let refused = self.refused.values();
        refused.map(|problems| Problems::clone(problems)).collect()
    }

    /// Puts in force as much as can be of what is offered.
    pub(super) fn settle(&mut self) {
        self.refused.clear();
        let mut wanted = Candidate::new();
        for (name, offered) in &self.offered {
            match &offered.read {
                Ok(table) => _ = wanted.insert(name.clone(), Arc::clone(table)),
                Err(problems) => {
                    self.refused.insert(name.clone(), Arc::clone(problems));
                    self.put_back(name, &mut wanted);
                }
            }
        }
        let put_back = self.put_back_what_clashes(&mut wanted);
        // One by one, they may go with the rest after all.
        for name in put_back {
            let mut again = wanted.clone();
            match self.offered.get(&name).map(|offered| &offered.read) {
                Some(Ok(table)) => _ = again.insert(name.clone(), Arc::clone(table)),
                _ => _ = again.remove(&name),
            }
            match self.wrong_with(&again, &name) {
                None => wanted = again,
                Some(problems) => _ = self.refused.insert(name, Arc::new(problems)),
            }
        }
        self.gone
            .retain(|name, _| wanted.contains_key(name) && !self.offered.contains_key(name));
        self.in_force = wanted;
    }

    /// Puts changes back until the rest goes together; the names of these.
    fn put_back_what_clashes(&self, wanted: &mut Candidate) -> BTreeSet<Name> {
        let mut put_back = BTreeSet::new();
        loop {
            let documents = documents(wanted);
            let clashes = document::check(&documents);
            let names: Vec<&Name> = wanted.keys().collect();
            let changed = self.changed(wanted);
            if clashes.is_empty() || changed.is_empty() {
                return put_back;
            }
            let blamed = clashes.iter();
            let blamed = blamed.flat_map(|clash| self.blame(clash, &names, &changed));
            let mut blamed: BTreeSet<Name> = blamed.collect();
            if blamed.is_empty() {
                blamed = changed;
            }
            for name in &blamed {
                self.put_back(name, wanted);
            }
            put_back.extend(blamed);
        }
    }

    fn put_back(&self, name: &Name, wanted: &mut Candidate) {
        match self.in_force.get(name) {
            Some(table) => wanted.insert(name.clone(), Arc::clone(table)),
            None => wanted.remove(name),
        };
    }

    /// Which tables are other than those in force. What is in force goes together, so at least one of these is in every
    /// clash.
    fn changed(&self, wanted: &Candidate) -> BTreeSet<Name> {
        let version = |table: Option<&Arc<Table>>| table.map(|table| Arc::clone(&table.version));
        let names = self.in_force.keys().chain(wanted.keys());
        let changed = names.filter(|name| {
            let name = name.as_str();
            version(self.in_force.get(name)) != version(wanted.get(name))
        });
        changed.cloned().collect()
    }

    /// Whose change it is that makes a clash.
    fn blame(
        &self,
        clash: &Clash<'_>,
        names: &[&Name],
        changed: &BTreeSet<Name>,
    ) -> BTreeSet<Name> {
        let party = |index| Some(names[index]).filter(|name| changed.contains(*name));
        if let Some(here) = party(clash.here) {
            return BTreeSet::from([here.clone()]);
        }
        match clash.missing() {
            None => clash.there.and_then(party).cloned().into_iter().collect(),
            // It is named as before: it must be those who had it.
            Some(missing) => {
                let had = |name: &&Name| self.in_force.get(*name).is_some_and(|it| it.has(missing));
                changed.iter().filter(had).cloned().collect()
            }
        }
    }

    /// What the change of one table would make wrong with the rest.
    fn wrong_with(&self, wanted: &Candidate, name: &Name) -> Option<Problems> {
        let documents = documents(wanted);
        let clashes = document::check(&documents);
        if clashes.is_empty() {
            return None;
        }
        let from = wanted.keys().position(|other| other == name);
        let offered = self.offered.get(name).map(|offered| &*offered.place);
        let in_force = self.in_force.get(name).map(|table| &*table.document.file);
        let file = offered.or(in_force).unwrap_or(name.as_str());
        Some(document::problems(&clashes, &documents, file, from))
    }

    /// Every table that there is, by name.
    pub(super) fn listed(&self) -> Vec<Listed> {
        let staying = self.in_force.keys();
        let names: BTreeSet<&Name> = staying.chain(self.offered.keys()).collect();
        let listed = names.into_iter().filter_map(|name| self.list(name));
        listed.collect()
    }

    /// One table, if there is one of this name.
    pub(super) fn list(&self, name: &Name) -> Option<Listed> {
        let (offered, in_force) = (self.offered.get(name), self.in_force.get(name));
        let place = offered.map(|offered| &offered.place);
        let since = offered.map(|offered| offered.since);
        let read = offered.and_then(|offered| offered.read.as_ref().ok());
        let text = in_force.map(|table| Bytes::from(table.document.text.to_string()));
        Some(Listed {
            name: name.clone(),
            version: in_force.map(|table| Arc::clone(&table.version)),
            etag: self.etag(name)?,
            place: Arc::clone(place.or(in_force.map(|table| &table.document.file))?),
            proxies: read.or(in_force).map(|table| Arc::clone(&table.proxies)),
            since: since.or_else(|| self.gone.get(name).copied())?,
            problems: self.refused.get(name).cloned(),
            text: self.text(name).cloned().or(text).unwrap_or_default(),
        })
    }
}

fn documents(tables: &Candidate) -> Vec<&Document> {
    tables.values().map(|table| &*table.document).collect()
}

/// Of a text: another whenever a byte of it is.
fn etag(text: &Text) -> Arc<str> {
    match text {
        Ok(bytes) => outrigger_xds::version(&String::from_utf8_lossy(bytes)),
        Err(cause) => outrigger_xds::version(cause),
    }
}

#[cfg(test)]
mod tests;

//! What is different between two sets of tables, part by part.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};

use super::parts::{self, Parts};
use crate::{registry::Table, source::Name};

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The table that it is in.
    pub table: Name,
    /// What is different.
    pub kind: Kind,
    /// Its name within the table: `web`, `edge/shop-v2`, `web/127.0.0.1:9001`.
    pub name: Arc<str>,
    /// In which way.
    pub change: Change,
    /// As it was: of what has changed, the keys that have. Not there if added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// As it is. Not there if removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// A part of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Which proxies the table is for.
    Proxies,
    /// A listener; its routes apart, if it is there before and after.
    Listener,
    /// A route of a listener.
    Route,
    /// A cluster; its endpoints apart, if it is there before and after.
    Cluster,
    /// An endpoint of a cluster.
    Endpoint,
}

impl Kind {
    /// As messages say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Proxies => "proxies",
            Self::Listener => "listener",
            Self::Route => "route",
            Self::Cluster => "cluster",
            Self::Endpoint => "endpoint",
        }
    }
}

/// In which way a part is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is there, and was not.
    Added,
    /// It was there, and is not.
    Removed,
    /// It says something else.
    Changed,
}

impl Change {
    /// As messages say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// From one set of tables to another, by table, kind and name. What has the same version is not looked into.
pub fn differences(
    before: &BTreeMap<Name, Arc<Table>>,
    after: &BTreeMap<Name, Arc<Table>>,
) -> Vec<Difference> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut names: Vec<&Name> = gone.chain(after.keys()).collect();
    names.sort();
    let mut found = Vec::new();
    for name in names {
        let (before, after) = (before.get(name), after.get(name));
        if before.map(|table| &table.version) != after.map(|table| &table.version) {
            let (before, after) = parts::unequal(before, after);
            compare(name, &before, &after, &mut found);
        }
    }
    found
}

fn compare(table: &Name, before: &Parts, after: &Parts, found: &mut Vec<Difference>) {
    let gone = before.keys().filter(|part| !after.contains_key(*part));
    let mut parts: Vec<_> = gone.chain(after.keys()).collect();
    parts.sort();
    for part in parts {
        let (change, before, after) = match (before.get(part), after.get(part)) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(before), Some(after)) => (
                Change::Changed,
                Some(without(before, after)),
                Some(without(after, before)),
            ),
            (before, Some(after)) => (Change::Added, before.cloned(), Some(after.clone())),
            (before, None) => (Change::Removed, before.cloned(), None),
        };
        let (kind, name) = part.clone();
        found.push(Difference {
            table: table.clone(),
            kind,
            name,
            change,
            before,
            after,
        });
    }
}

/// What `one` says other than `other`: of a mapping, the keys that are not the same.
fn without(one: &Value, other: &Value) -> Value {
    let (Value::Object(keys), Value::Object(others)) = (one, other) else {
        return one.clone();
    };
    let differ = keys
        .iter()
        .filter(|(key, value)| others.get(*key) != Some(value));
    let differ = differ.map(|(key, value)| (key.clone(), value.clone()));
    Value::Object(differ.collect::<Map<_, _>>())
}

/// In a few words: `cluster web changed, endpoint web/127.0.0.1:9001 added, 3 more`.
pub fn summary(differences: &[Difference]) -> String {
    /// As many as a line of a list holds.
    const SHOWN: usize = 3;
    let shown = differences.iter().take(SHOWN).map(|it| {
        let words = [it.kind.word(), &*it.name, it.change.word()];
        words
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>()
            .join(" ")
    });
    let more = differences.len().saturating_sub(SHOWN);
    let more = (more > 0).then(|| format!("{more} more"));
    let words: Vec<String> = shown.chain(more).collect();
    words.join(", ")
}

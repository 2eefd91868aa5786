//! The tables in force: an immutable set, checked as a whole.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use outrigger_config::model::{Cluster, Listener, Selector};

use super::{Labels, Table};
use crate::source::Name;

/// All tables in force. Cheap to share: nothing in it changes.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Made of the content: equal tables have equal versions, wherever and however they are written.
    pub version: Arc<str>,
    /// When this process put them in force.
    pub since: SystemTime,
    /// By name.
    pub tables: BTreeMap<Name, Arc<Table>>,
    /// Each selector of the tables, once.
    selectors: Vec<Arc<Selector>>,
}

/// Which tables apply to a proxy. Proxies of one scope see the same, and share one view; a scope means the same from one
/// revision to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Vec<Arc<Selector>>);

impl Tables {
    /// Of these, which go together.
    pub fn new(tables: BTreeMap<Name, Arc<Table>>, since: SystemTime) -> Self {
        let mut selectors: Vec<Arc<Selector>> =
            tables.values().map(|it| Arc::clone(&it.proxies)).collect();
        selectors.sort();
        selectors.dedup();
        Self {
            version: Self::version(&tables),
            since,
            tables,
            selectors,
        }
    }

    /// The version of these.
    pub fn version(tables: &BTreeMap<Name, Arc<Table>>) -> Arc<str> {
        let mut canonical = String::new();
        for (name, table) in tables {
            canonical.extend([name.as_str(), " ", &*table.version, "\n"]);
        }
        outrigger_xds::version(&canonical)
    }

    /// The same, in force since another time.
    pub(super) fn since(self, since: SystemTime) -> Self {
        Self { since, ..self }
    }

    /// Which of them a proxy with these labels gets.
    pub fn for_node(&self, labels: &Labels) -> Scope {
        let takes = |selector: &&Arc<Selector>| selector.takes(|name| labels.get(name));
        Scope(self.selectors.iter().filter(takes).cloned().collect())
    }

    /// What is in scope, by name. What did not change is the same `Arc` from one revision to the next.
    pub fn view(&self, scope: &Scope) -> (Vec<Arc<Listener>>, Vec<Arc<Cluster>>) {
        let (mut listeners, mut clusters) = (Vec::new(), Vec::new());
        let tables = self.tables.values();
        for table in tables.filter(|table| scope.0.binary_search(&table.proxies).is_ok()) {
            listeners.extend(table.listeners.iter().map(|part| Arc::clone(&part.value)));
            clusters.extend(table.clusters.iter().map(|part| Arc::clone(&part.value)));
        }
        listeners.sort_by(|a, b| a.name.cmp(&b.name));
        clusters.sort_by(|a, b| a.name.cmp(&b.name));
        (listeners, clusters)
    }
}

//! One table: what a text says, in parts that keep their identity while they say the same.

use std::{collections::HashMap, sync::Arc};

use outrigger_config::{
    document::Document,
    model::{Cluster, Listener, Selector},
};
use serde::Serialize;

/// A table, read and right by itself.
#[derive(Clone, Debug)]
pub struct Table {
    /// Made of the content: another order of its parts, another formatting, other comments leave it as it is.
    pub version: Arc<str>,
    /// Which proxies it is for.
    pub proxies: Arc<Selector>,
    /// In file order.
    pub listeners: Vec<Part<Listener>>,
    /// In file order.
    pub clusters: Vec<Part<Cluster>>,
    /// What it was read from.
    pub document: Arc<Document>,
}

/// A listener or a cluster.
#[derive(Debug)]
pub struct Part<T> {
    /// Made of the content.
    pub version: Arc<str>,
    /// The same as long as the content is.
    pub value: Arc<T>,
}

impl<T> Clone for Part<T> {
    fn clone(&self) -> Self {
        Self {
            version: Arc::clone(&self.version),
            value: Arc::clone(&self.value),
        }
    }
}

impl Table {
    /// What `document` says. Parts that say the same as those of `before` are those of `before`.
    pub fn new(document: Document, before: Option<&Self>) -> Self {
        let (listeners, clusters): (&[_], &[_]) = match before {
            Some(before) => (&before.listeners, &before.clusters),
            None => (&[], &[]),
        };
        let listeners = keep(&document.listeners, listeners, |listener| &listener.name);
        let clusters = keep(&document.clusters, clusters, |cluster| &cluster.name);
        let version = version(&document.proxies, &listeners, &clusters);
        Self {
            version,
            proxies: Arc::new(document.proxies.clone()),
            listeners,
            clusters,
            document: Arc::new(document),
        }
    }

    /// Whether it defines this cluster.
    pub(super) fn has(&self, cluster: &str) -> bool {
        self.clusters
            .iter()
            .any(|part| &*part.value.name == cluster)
    }
}

fn keep<T: PartialEq + Serialize>(
    values: &[Arc<T>],
    before: &[Part<T>],
    name: impl Fn(&T) -> &str,
) -> Vec<Part<T>> {
    let before: HashMap<&str, &Part<T>> = before
        .iter()
        .map(|part| (name(&part.value), part))
        .collect();
    let keep = |value: &Arc<T>| match before.get(name(value)) {
        Some(part) if part.value == *value => Part::clone(part),
        _ => Part {
            version: outrigger_xds::version(&canonical(&**value)),
            value: Arc::clone(value),
        },
    };
    values.iter().map(keep).collect()
}

fn canonical(value: &impl Serialize) -> String {
    // Our own models always have a form in the file.
    serde_json::to_string(value).unwrap_or_default()
}

fn version(
    proxies: &Selector,
    listeners: &[Part<Listener>],
    clusters: &[Part<Cluster>],
) -> Arc<str> {
    let listeners = listeners
        .iter()
        .map(|part| format!("listener {} {}\n", part.version, part.value.name));
    // A cluster does not write its own name.
    let clusters = clusters
        .iter()
        .map(|part| format!("cluster {} {}\n", part.version, part.value.name));
    let mut lines: Vec<String> = listeners.chain(clusters).collect();
    lines.sort();
    outrigger_xds::version(&format!("{}\n{}", canonical(proxies), lines.concat()))
}

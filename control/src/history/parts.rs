//! A table taken apart, so that a difference is as small as what a person changed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use outrigger_config::model::{Cluster, Endpoints, Listener, Selector};
use serde::Serialize;
use serde_json::Value;

use super::Kind;
use crate::registry::Table;

/// Each part by its kind and name.
pub(super) type Parts = BTreeMap<(Kind, Arc<str>), Value>;

/// The parts of two tables, without the listeners and clusters that say the same in both.
pub(super) fn unequal(before: Option<&Arc<Table>>, after: Option<&Arc<Table>>) -> (Parts, Parts) {
    let versions = |table: Option<&Arc<Table>>| match table {
        Some(table) => {
            let listeners = table.listeners.iter();
            let listeners = listeners.map(|part| (Kind::Listener, &part.value.name, &part.version));
            let clusters = table.clusters.iter();
            let clusters = clusters.map(|part| (Kind::Cluster, &part.value.name, &part.version));
            let both = listeners.chain(clusters);
            both.map(|(kind, name, version)| ((kind, Arc::clone(name)), Arc::clone(version)))
                .collect()
        }
        None => Versions::new(),
    };
    let before_and_after = (versions(before), versions(after));
    (
        parts(before, &before_and_after.1),
        parts(after, &before_and_after.0),
    )
}

type Versions = HashMap<(Kind, Arc<str>), Arc<str>>;

fn parts(table: Option<&Arc<Table>>, other: &Versions) -> Parts {
    let mut parts = Parts::new();
    let Some(table) = table else { return parts };
    if *table.proxies != Selector::default() {
        parts.insert((Kind::Proxies, "".into()), value(&*table.proxies));
    }
    for part in &table.listeners {
        match other.get(&(Kind::Listener, Arc::clone(&part.value.name))) {
            Some(version) if *version == part.version => {}
            Some(_) => listener(&part.value, &mut parts),
            None => whole(Kind::Listener, &part.value.name, &*part.value, &mut parts),
        }
    }
    for part in &table.clusters {
        match other.get(&(Kind::Cluster, Arc::clone(&part.value.name))) {
            Some(version) if *version == part.version => {}
            Some(_) => cluster(&part.value, &mut parts),
            None => whole(Kind::Cluster, &part.value.name, &*part.value, &mut parts),
        }
    }
    parts
}

/// What the other table does not have at all.
fn whole(kind: Kind, name: &Arc<str>, part: &impl Serialize, parts: &mut Parts) {
    parts.insert((kind, Arc::clone(name)), value(part));
}

fn listener(listener: &Listener, parts: &mut Parts) {
    let name = &listener.name;
    for route in &listener.routes {
        let name = format!(
            "{name}/{}",
            route.name.trim_start_matches(&format!("{name}/"))
        );
        parts.insert((Kind::Route, name.into()), value(route));
    }
    let mut rest = value(listener);
    if let Some(rest) = rest.as_object_mut() {
        rest.shift_remove("routes");
    }
    parts.insert((Kind::Listener, Arc::clone(name)), rest);
}

fn cluster(cluster: &Cluster, parts: &mut Parts) {
    let name = &cluster.name;
    let mut rest = value(cluster);
    if let Endpoints::Static(endpoints) = &cluster.endpoints {
        let written = rest
            .as_object_mut()
            .and_then(|rest| rest.shift_remove("endpoints"));
        let written = written
            .as_ref()
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        for (endpoint, written) in endpoints.iter().zip(written) {
            let name = format!("{name}/{}", endpoint.address);
            parts.insert((Kind::Endpoint, name.into()), written.clone());
        }
    }
    parts.insert((Kind::Cluster, Arc::clone(name)), rest);
}

fn value(part: &impl Serialize) -> Value {
    // Our own models always have a form in the file.
    serde_json::to_value(part).unwrap_or_default()
}

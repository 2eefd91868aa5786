//! A table as the control plane pushed it, and what it makes together with a file.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::SystemTime,
};

use outrigger_config::{
    Config,
    model::{Cluster, Endpoints, Listener},
};

/// A table in the making: shared, because the next one differs from it in little.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// By name. What their routes name may be missing.
    pub listeners: Vec<Arc<Listener>>,
    /// By name.
    pub clusters: Vec<Arc<Cluster>>,
    /// The clusters that requests asked for.
    pub on_demand: BTreeSet<Arc<str>>,
    /// As the control plane calls it; may be empty.
    pub version: Arc<str>,
    /// When it was put together; `None`: there is none yet.
    pub since: Option<SystemTime>,
    /// Nothing of it waits for something else.
    pub whole: bool,
}

/// A table pushed, on top of a file.
#[derive(Debug)]
pub struct Merged {
    /// Ready to be compiled.
    pub config: Config,
    /// What was left out, a sentence each.
    pub clashes: Vec<String>,
}

impl Table {
    /// On top of a file, whose word counts where both say something.
    pub fn on(&self, file: &Config) -> Merged {
        let mut config = file.clone();
        let mut clashes = Vec::new();
        let names: HashSet<_> = file
            .clusters
            .iter()
            .map(|it| Arc::clone(&it.name))
            .collect();
        for cluster in &self.clusters {
            match names.contains(&cluster.name) {
                true => clashes.push(format!("cluster `{}` stands in the file", cluster.name)),
                false => config.clusters.push((**cluster).clone()),
            }
        }
        let listeners = file.listeners.iter();
        let (mut names, mut addresses): (HashSet<Arc<str>>, HashMap<SocketAddr, Arc<str>>) =
            listeners
                .map(|it| {
                    let name = &it.name;
                    (Arc::clone(name), (it.address, Arc::clone(name)))
                })
                .unzip();
        for listener in &self.listeners {
            let name = &listener.name;
            if !names.insert(Arc::clone(name)) {
                clashes.push(format!("listener `{name}` stands in the file"));
            } else if let Some(other) = addresses.get(&listener.address) {
                let address = listener.address;
                clashes.push(format!(
                    "listener `{name}`: `{other}` has its address {address}"
                ));
            } else {
                addresses.insert(listener.address, Arc::clone(name));
                config.listeners.push((**listener).clone());
            }
        }
        config.link_all();
        Merged { config, clashes }
    }

    /// The clusters that list other endpoints than in the table `before`, if nothing else has changed since. What is the same
    /// is shared: this costs a look at each.
    pub fn moved_since(&self, before: &Self) -> Option<Vec<&Arc<Cluster>>> {
        let (listeners, clusters) = (&self.listeners, &self.clusters);
        if listeners.len() != before.listeners.len() || clusters.len() != before.clusters.len() {
            return None;
        }
        let mut pairs = listeners.iter().zip(&before.listeners);
        if !pairs.all(|(new, old)| Arc::ptr_eq(new, old)) {
            return None;
        }
        let pairs = clusters.iter().zip(&before.clusters);
        let changed = pairs.filter(|(new, old)| !Arc::ptr_eq(new, old));
        let moved = changed.map(|(new, old)| {
            let listed = [new, old].map(|it| matches!(it.endpoints, Endpoints::Static(_)));
            (listed == [true; 2] && new.has_policy_of(old)).then_some(new)
        });
        moved.collect()
    }

    /// Taken apart.
    pub fn of(config: Config) -> Self {
        Self {
            listeners: config.listeners.into_iter().map(Arc::new).collect(),
            clusters: config.clusters.into_iter().map(Arc::new).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        outrigger_config::parse("table", text).unwrap()
    }

    #[test]
    fn a_file_wins_where_both_say_something() {
        let file = config(
            "listeners: [{ name: admin, address: 127.0.0.1:1, routes: [{ cluster: web }] }]\nclusters: { web: { endpoints: [127.0.0.1:5] } }",
        );
        let pushed = Table::of(config(
            "listeners:\n- { name: admin, address: 127.0.0.1:2, routes: [{ cluster: web }] }\n- { name: other, address: 127.0.0.1:1, routes: [{ cluster: api }] }\n- { name: third, address: 127.0.0.1:3, routes: [{ cluster: api }, { match: { path: { exact: /w } }, cluster: web }] }\nclusters: { api: { endpoints: [] }, web: { endpoints: [] } }",
        ));
        let Merged { config, clashes } = pushed.on(&file);
        let listeners: Vec<_> = config.listeners.iter().map(|it| &*it.name).collect();
        let clusters: Vec<_> = config.clusters.iter().map(|it| &*it.name).collect();
        assert_eq!(listeners, ["admin", "third"]);
        assert_eq!(clusters, ["web", "api"]);
        assert_eq!(config.clusters[0], file.clusters[0]);
        assert_eq!(config.listeners[1].routes[1].clusters()[0].cluster.index, 0);
        assert_eq!(clashes.len(), 3, "{clashes:?}");
    }

    #[test]
    fn only_endpoints_move_without_a_new_table() {
        let table = |web: &str| {
            let listener =
                "listeners: [{ name: l, address: 127.0.0.1:1, routes: [{ cluster: web }] }]";
            Table::of(config(&format!(
                "{listener}\nclusters: {{ api: {{ endpoints: [] }}, web: {{ {web} }} }}"
            )))
        };
        let before = table("endpoints: [127.0.0.1:2]");
        let after = |web: &str| Table {
            listeners: before.listeners.clone(),
            clusters: vec![
                Arc::clone(&before.clusters[0]),
                Arc::clone(&table(web).clusters[1]),
            ],
            ..Table::default()
        };
        let moved = after("endpoints: [127.0.0.1:3]");
        assert_eq!(moved.moved_since(&before), Some(vec![&moved.clusters[1]]));
        assert_eq!(before.moved_since(&before), Some(Vec::new()));
        for other in [
            "endpoints: [127.0.0.1:2], connect_timeout: 9s",
            "dns: { name: web, port: 80 }",
        ] {
            assert_eq!(after(other).moved_since(&before), None, "{other}");
        }
        let mut fewer = after("endpoints: [127.0.0.1:2]");
        fewer.clusters.pop();
        assert_eq!(fewer.moved_since(&before), None);
        assert_eq!(
            table("endpoints: []").moved_since(&before),
            None,
            "another listener"
        );
    }

    #[test]
    fn a_cluster_that_does_not_exist_has_no_endpoints() {
        let mut pushed = Table::of(config(
            "listeners: [{ name: l, address: 127.0.0.1:1, routes: [{ cluster: web }] }]\nclusters: { web: { endpoints: [] } }",
        ));
        pushed.clusters.clear();
        let merged = pushed.on(&Config::default());
        assert_eq!(merged.config.clusters, [Cluster::empty("web".into())]);
        assert!(merged.clashes.is_empty());
    }
}

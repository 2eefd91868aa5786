//! What is no longer in force, until nobody else has it.
//!
//! Whoever lets go of a table last takes it apart, which is milliseconds for one with thousands of routes. Workers look at
//! the old one for a tick at most, and requests keep their listener and cluster to their end; none of them should pay for
//! a change of the table. So this thread holds all of it until it is the only one.

use std::sync::Arc;

use crate::snapshot::{Cluster, Listener, Snapshot};

/// See the module.
#[derive(Default)]
pub struct Outgoing {
    snapshots: Vec<Arc<Snapshot>>,
    listeners: Vec<Arc<Listener>>,
    clusters: Vec<Arc<Cluster>>,
}

impl Outgoing {
    /// Takes over the table `before`, in whose place `next` is in force.
    pub fn take(&mut self, before: Arc<Snapshot>, next: &Snapshot) {
        let listeners = before.listeners.iter();
        self.listeners.extend(
            listeners
                .filter(|old| !next.listeners.iter().any(|new| Arc::ptr_eq(old, new)))
                .cloned(),
        );
        let clusters = before.clusters.iter();
        let kept = |old: &Arc<Cluster>| {
            let new = next.clusters.named(&old.config.name);
            new.is_some_and(|new| Arc::ptr_eq(old, new))
        };
        self.clusters
            .extend(clusters.filter(|old| !kept(old)).cloned());
        self.snapshots.push(before);
    }

    /// Takes apart what nobody else has any more. Tables first: they hold the others.
    pub fn tend(&mut self) {
        release(&mut self.snapshots);
        release(&mut self.listeners);
        release(&mut self.clusters);
    }
}

fn release<T>(held: &mut Vec<Arc<T>>) {
    held.retain(|held| Arc::strong_count(held) > 1);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{telemetry::metrics::Registry, tls::Material};

    fn compile(path: &str, before: Option<&Snapshot>) -> Arc<Snapshot> {
        let table = format!(
            "listeners: [{{ address: 127.0.0.1:1, routes: [{{ match: {{ path: {{ exact: {path} }} }}, cluster: web }}] }}]\n\
             clusters: {{ web: {{ endpoints: [] }} }}"
        );
        let config = outrigger_config::parse("table", &table).unwrap();
        let (material, registry) = (Material::default(), Registry::default());
        Arc::new(Snapshot::compile(config, &material, before, &registry))
    }

    #[test]
    fn what_a_request_still_has_is_held_beyond_it_and_what_is_in_force_is_not() {
        let old = compile("/a", None);
        let new = compile("/b", Some(&old));
        let (listener, seen) = (Arc::clone(&old.listeners[0]), Arc::clone(&old));
        assert!(Arc::ptr_eq(&old.clusters[0], &new.clusters[0]));
        let in_force = Arc::strong_count(&new.clusters[0]);
        let mut outgoing = Outgoing::default();
        outgoing.take(old, &new);

        outgoing.tend();
        assert_eq!(Arc::strong_count(&seen), 2, "a worker looks at it");
        drop(seen);
        outgoing.tend();
        assert!(outgoing.snapshots.is_empty());
        assert_eq!(Arc::strong_count(&listener), 2, "a request has it");
        drop(listener);
        outgoing.tend();
        assert!(outgoing.listeners.is_empty() && outgoing.clusters.is_empty());
        assert!(Arc::strong_count(&new.clusters[0]) < in_force);
    }
}

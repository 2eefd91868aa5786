//! What is to be asked for: what listeners and routes name, those in force and those that wait, and nothing else. So
//! memory follows what the proxy calls, not the mesh. Where the control plane names all clusters, all are wanted: some that
//! speak state of the world answer only those who ask for the endpoints of each.

use std::{collections::BTreeSet, sync::Arc};

use outrigger_config::model::Route;
use outrigger_xds::decode;

use super::{Assembly, clusters_of, fallback_of, passed_on};
use crate::control::resources::{Resources, Wanted};

impl Assembly {
    /// The names that follow from what is known. `on_demand` are clusters that requests asked for.
    pub(super) fn wanted(&self, resources: &Resources, on_demand: &BTreeSet<Arc<str>>) -> Wanted {
        let mut wanted = Wanted {
            clusters: on_demand.clone(),
            ..Wanted::default()
        };
        if resources.all_clusters {
            let all = resources.clusters.present();
            wanted
                .clusters
                .extend(all.map(|(name, _)| Arc::clone(name)));
        }
        for (_, listener) in resources.listeners.present() {
            let passed_on = passed_on(&listener.value.model);
            wanted.clusters.extend(passed_on.cloned());
            match &listener.value.routes {
                decode::Routes::Inline(routes) => add(&mut wanted.clusters, routes),
                decode::Routes::Named(name) => _ = wanted.routes.insert(Arc::clone(name)),
            }
        }
        for name in &wanted.routes {
            if let Some(routes) = resources.routes.value(name) {
                add(&mut wanted.clusters, routes);
            }
        }
        for part in self.listeners.values() {
            wanted.clusters.extend(passed_on(&part.model).cloned());
            add(&mut wanted.clusters, &part.model.routes);
        }
        self.add_fallbacks(&mut wanted.clusters, resources);
        let known = wanted.clusters.iter();
        let known = known.filter_map(|name| resources.clusters.value(name));
        wanted.endpoints = known.filter_map(|known| known.endpoints.clone()).collect();
        wanted
    }

    /// The clusters in force that follow from no listener: requests asked for them.
    pub fn unnamed(&self) -> Vec<Arc<str>> {
        let resources = Resources::default();
        let named = self.wanted(&resources, &BTreeSet::new()).clusters;
        let clusters = self.clusters.keys();
        clusters
            .filter(|name| !named.contains(*name))
            .cloned()
            .collect()
    }

    /// A cluster that stands in for one that is wanted is wanted itself.
    fn add_fallbacks(&self, clusters: &mut BTreeSet<Arc<str>>, resources: &Resources) {
        let mut new: Vec<Arc<str>> = clusters.iter().cloned().collect();
        while let Some(name) = new.pop() {
            let said = resources.clusters.value(&name).map(|known| &known.model);
            let serving = self.clusters.get(&name).map(|part| &*part.model);
            let models = said.into_iter().chain(serving);
            for fallback in models.filter_map(fallback_of) {
                if clusters.insert(Arc::clone(fallback)) {
                    new.push(Arc::clone(fallback));
                }
            }
        }
    }
}

fn add(clusters: &mut BTreeSet<Arc<str>>, routes: &[Route]) {
    clusters.extend(routes.iter().flat_map(clusters_of).cloned());
}

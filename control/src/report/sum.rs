//! What all proxies say together, as the API shows it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use outrigger_config::model::{Cluster, Endpoints};
use serde::Serialize;

use super::load::{Load, OfEndpoint, Report};

/// Reasons of one endpoint that are shown: proxies that agree say the same.
const REASONS: usize = 5;

/// A cluster.
#[derive(Clone, Debug, Serialize)]
pub struct ClusterLoad {
    /// Its name.
    pub cluster: Arc<str>,
    /// How many proxies report of it.
    pub proxies: usize,
    /// What goes through.
    #[serde(flatten)]
    pub rate: Rate,
    /// Requests a second that proxies refused by themselves.
    pub dropped_per_second: f64,
    /// By address.
    pub endpoints: Vec<EndpointLoad>,
}

/// An endpoint.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointLoad {
    /// Where it listens.
    pub address: Arc<str>,
    /// Its zone, if one is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<Arc<str>>,
    /// How many proxies report of it.
    pub proxies: usize,
    /// What goes through.
    #[serde(flatten)]
    pub rate: Rate,
    /// How many proxies see it in which state.
    pub states: BTreeMap<Arc<str>, usize>,
    /// Why, as they say.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub reasons: BTreeSet<Arc<str>>,
}

/// What goes through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Rate {
    /// Answered requests a second.
    pub requests_per_second: f64,
    /// The share of them that went well, 0 to 1; `None`: there were none.
    pub success: Option<f64>,
    /// Requests that wait for their answer.
    pub in_flight: u64,
}

/// All reports together.
pub(super) fn sum<'a>(reports: impl Iterator<Item = &'a Report>) -> Vec<ClusterLoad> {
    let mut clusters = BTreeMap::<&Arc<str>, Sum<'_>>::new();
    for report in reports {
        for cluster in &report.0 {
            let sum = clusters.entry(&cluster.name).or_default();
            sum.proxies += 1;
            sum.load.add(&cluster.load);
            sum.dropped += cluster.dropped;
            for endpoint in &cluster.endpoints {
                let all = sum.endpoints.entry(&endpoint.address).or_default();
                all.push(endpoint);
            }
        }
    }
    let shown = clusters.into_iter().map(|(name, sum)| ClusterLoad {
        cluster: Arc::clone(name),
        proxies: sum.proxies,
        rate: sum.load.into(),
        dropped_per_second: sum.dropped,
        endpoints: sum
            .endpoints
            .iter()
            .map(|(address, all)| together(address, all))
            .collect(),
    });
    shown.collect()
}

/// Adds what is known of a cluster whether or not somebody reports of it.
pub(super) fn include(all: &mut Vec<ClusterLoad>, cluster: &Cluster) {
    let place = all.binary_search_by(|it| it.cluster.cmp(&cluster.name));
    let place = place.unwrap_or_else(|place| {
        let silent = ClusterLoad {
            cluster: Arc::clone(&cluster.name),
            proxies: 0,
            rate: Rate::default(),
            dropped_per_second: 0.0,
            endpoints: Vec::new(),
        };
        all.insert(place, silent);
        place
    });
    let Endpoints::Static(endpoints) = &cluster.endpoints else {
        return;
    };
    let shown = &mut all[place].endpoints;
    for endpoint in endpoints {
        let address: Arc<str> = endpoint.address.to_string().into();
        if let Err(place) = shown.binary_search_by(|it| it.address.cmp(&address)) {
            let zone = endpoint.zone.clone();
            shown.insert(place, EndpointLoad::silent(address, zone));
        }
    }
}

#[derive(Default)]
struct Sum<'a> {
    proxies: usize,
    load: Load,
    dropped: f64,
    endpoints: BTreeMap<&'a Arc<str>, Vec<&'a OfEndpoint>>,
}

/// What proxies say of one endpoint.
fn together(address: &Arc<str>, reports: &[&OfEndpoint]) -> EndpointLoad {
    let mut load = Load::default();
    let zone = reports.iter().find_map(|it| it.zone.clone());
    let mut shown = EndpointLoad::silent(Arc::clone(address), zone);
    shown.proxies = reports.len();
    for report in reports {
        load.add(&report.load);
        if let Some(state) = &report.state {
            *shown.states.entry(Arc::clone(state)).or_default() += 1;
        }
        if shown.reasons.len() < REASONS {
            shown.reasons.extend(report.reason.clone());
        }
    }
    shown.rate = load.into();
    shown
}

impl EndpointLoad {
    /// One that nobody reports of.
    fn silent(address: Arc<str>, zone: Option<Arc<str>>) -> Self {
        Self {
            address,
            zone,
            proxies: 0,
            rate: Rate::default(),
            states: BTreeMap::new(),
            reasons: BTreeSet::new(),
        }
    }
}

impl From<Load> for Rate {
    fn from(load: Load) -> Self {
        let requests = load.successes + load.errors;
        Self {
            requests_per_second: requests,
            success: (requests > 0.0).then(|| load.successes / requests),
            in_flight: load.in_flight,
        }
    }
}

//! Virtual hosts.

use std::{cmp::Reverse, collections::HashMap};

use outrigger_config::model::{HostMatch, Route};

use super::order::{HostRank, Rank};

/// The hosts that share a list of routes.
pub(super) struct Host {
    pub(super) domains: Vec<String>,
    /// By their places in the file, the most specific first.
    pub(super) routes: Vec<usize>,
}

/// All hosts that the routes tell apart, in the order in which they first occur.
pub(super) fn of(routes: &[Route]) -> Vec<Host> {
    let mut keys: Vec<Option<&HostMatch>> = Vec::new();
    let mut by_key: HashMap<Option<String>, Vec<usize>> = HashMap::new();
    for (place, route) in routes.iter().enumerate() {
        let hosts = route.matches.hosts.iter().map(Some);
        let any = route.matches.hosts.is_empty().then_some(None);
        for key in hosts.chain(any) {
            let places = by_key.entry(key.map(domain)).or_default();
            if places.is_empty() {
                keys.push(key);
            }
            if places.last() != Some(&place) {
                places.push(place);
            }
        }
    }
    let mut hosts: Vec<Host> = Vec::new();
    let mut by_routes: HashMap<Vec<usize>, usize> = HashMap::new();
    for key in keys {
        let mut ranked = Vec::new();
        for covering in covering(key) {
            let rank = HostRank::new(covering.as_ref());
            let places = by_key.get(&covering.as_ref().map(domain));
            ranked.extend(places.into_iter().flatten().map(|place| (*place, rank)));
        }
        let listed = sorted(ranked, routes);
        let domain = key.map_or_else(|| "*".to_owned(), domain);
        match by_routes.get(&listed).and_then(|host| hosts.get_mut(*host)) {
            Some(host) => host.domains.push(domain),
            None => {
                by_routes.insert(listed.clone(), hosts.len());
                hosts.push(Host {
                    domains: vec![domain],
                    routes: listed,
                });
            }
        }
    }
    hosts
}

/// As Envoy writes a host.
pub(super) fn domain(host: &HostMatch) -> String {
    match host {
        HostMatch::Exact(host) => host.clone(),
        HostMatch::Suffix(suffix) => format!("*{suffix}"),
    }
}

/// The host itself, and what it is part of: a request that no route of its host takes is left to those.
pub(super) fn covering(key: Option<&HostMatch>) -> Vec<Option<HostMatch>> {
    let Some(host) = key else { return vec![None] };
    let (HostMatch::Exact(name) | HostMatch::Suffix(name)) = host;
    // A dot at the very start has no label before it.
    let dots = name.match_indices('.').filter(|(at, _)| *at > 0);
    let suffixes = dots.filter_map(|(at, _)| Some(HostMatch::Suffix(name.get(at..)?.to_owned())));
    let own = std::iter::once(host.clone());
    own.chain(suffixes).map(Some).chain([None]).collect()
}

/// A route that covers a host in several ways counts by the best.
fn sorted(ranked: Vec<(usize, HostRank)>, routes: &[Route]) -> Vec<usize> {
    let mut best: HashMap<usize, HostRank> = HashMap::new();
    for (place, rank) in ranked {
        let known = best.entry(place).or_insert(rank);
        *known = rank.max(*known);
    }
    let mut listed: Vec<usize> = best.keys().copied().collect();
    listed.sort_unstable_by_key(|place| {
        let rank = routes.get(*place).map(|route| Rank::new(&route.matches));
        (Reverse((best.get(place), rank)), *place)
    });
    listed
}

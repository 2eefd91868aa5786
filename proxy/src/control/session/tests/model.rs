//! A control plane as the protocol wants it: what a stream has heard and what is still to be said.

use std::collections::{BTreeMap, BTreeSet};

use outrigger_xds::{
    Kind, Resource,
    discovery::{
        Any, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DeltaResource, DiscoveryRequest,
        DiscoveryResponse,
    },
};

pub(super) fn any(resource: &Resource) -> Any {
    Any {
        type_url: resource.kind.type_url().to_owned(),
        value: resource.body.clone(),
    }
}

pub(super) type World = BTreeMap<(Kind, String), Resource>;

fn of(world: &World, kind: Kind) -> impl Iterator<Item = (&String, &Resource)> {
    let all = world.iter().filter(move |((of, _), _)| *of == kind);
    all.map(|((_, name), resource)| (name, resource))
}

/// A delta stream.
#[derive(Default)]
pub(super) struct DeltaServer {
    asked: BTreeMap<Kind, BTreeSet<String>>,
    new: BTreeSet<(Kind, String)>,
    versions: BTreeMap<(Kind, String), String>,
    nonce: usize,
}

impl DeltaServer {
    pub(super) fn hear(&mut self, request: DeltaDiscoveryRequest) {
        let kind = Kind::of(&request.type_url).unwrap();
        let asked = self.asked.entry(kind).or_default();
        assert_eq!(request.error_detail, None);
        for (name, version) in request.initial_resource_versions {
            self.versions.insert((kind, name), version);
        }
        for name in request.resource_names_subscribe {
            self.new.insert((kind, name.clone()));
            assert!(asked.insert(name), "asked for twice");
        }
        for name in request.resource_names_unsubscribe {
            assert!(asked.remove(&name), "was not asked for");
            self.versions.remove(&(kind, name));
        }
    }

    /// What is to be said of a kind.
    pub(super) fn say(&mut self, world: &World, kind: Kind) -> Option<DeltaDiscoveryResponse> {
        let asked = self.asked.get(&kind)?;
        let mut response = DeltaDiscoveryResponse {
            type_url: kind.type_url().to_owned(),
            ..DeltaDiscoveryResponse::default()
        };
        for (name, resource) in of(world, kind) {
            let known = self.versions.get(&(kind, name.clone()));
            let wanted = asked.contains("*") || asked.contains(name);
            if wanted && known.is_none_or(|known| **known != *resource.version) {
                let version = resource.version.to_string();
                self.versions.insert((kind, name.clone()), version.clone());
                response.resources.push(DeltaResource {
                    version,
                    resource: Some(any(resource)),
                    name: name.clone(),
                    aliases: Vec::new(),
                });
            }
        }
        let new = self.new.extract_if(.., |(of, _)| *of == kind);
        let known = self.versions.keys().filter(|(of, _)| *of == kind);
        let mut gone: BTreeSet<_> = known.cloned().chain(new).collect();
        gone.retain(|(_, name)| name != "*" && !world.contains_key(&(kind, name.clone())));
        self.versions.retain(|known, _| !gone.contains(known));
        response.removed_resources = gone.into_iter().map(|(_, name)| name).collect();
        if response.resources.is_empty() && response.removed_resources.is_empty() {
            return None;
        }
        self.nonce += 1;
        response.nonce = self.nonce.to_string();
        Some(response)
    }
}

/// A state-of-the-world stream.
#[derive(Default)]
pub(super) struct WorldServer {
    asked: BTreeMap<Kind, BTreeSet<String>>,
    sent: BTreeMap<Kind, Vec<String>>,
    nonce: usize,
}

impl WorldServer {
    pub(super) fn hear(&mut self, request: DiscoveryRequest) {
        let kind = Kind::of(&request.type_url).unwrap();
        assert_eq!(request.error_detail, None);
        let names: BTreeSet<String> = request.resource_names.into_iter().collect();
        assert!(kind.whole() || !names.is_empty(), "none or all?");
        if self.asked.insert(kind, names.clone()) != Some(names) {
            self.sent.remove(&kind);
        }
    }

    /// What is to be said of a kind.
    pub(super) fn say(&mut self, world: &World, kind: Kind) -> Option<DiscoveryResponse> {
        let asked = self.asked.get(&kind)?;
        let known = of(world, kind).filter(|(name, _)| asked.is_empty() || asked.contains(*name));
        let (versions, resources): (Vec<String>, Vec<Any>) = known
            .map(|(name, resource)| (format!("{name} {}", resource.version), any(resource)))
            .unzip();
        let silent = resources.is_empty() && !kind.whole();
        if silent || self.sent.get(&kind) == Some(&versions) {
            return None;
        }
        self.sent.insert(kind, versions);
        self.nonce += 1;
        Some(DiscoveryResponse {
            version_info: self.nonce.to_string(),
            resources,
            type_url: kind.type_url().to_owned(),
            nonce: self.nonce.to_string(),
            control_plane: None,
        })
    }
}

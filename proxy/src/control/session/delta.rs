//! Delta ADS: names are added and taken away, resources come when they change, each with a version of its own.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use outrigger_xds::{
    Kind,
    discovery::{self, DeltaDiscoveryRequest, DeltaDiscoveryResponse, DeltaResource},
    pb::envoy::config::core::v3::Node,
};

use super::{Dialect, Receipt, detail, listed};
use crate::control::resources::{Admit, Offer, Resources};

/// All of a kind.
const WILDCARD: &str = "*";

/// A stream.
pub struct Delta {
    /// Until it has been said.
    node: Option<Node>,
    /// What was asked for on this stream; nothing of a kind: no request of it was made.
    asked: HashMap<Kind, Arc<BTreeSet<Arc<str>>>>,
    answers: Vec<DeltaDiscoveryRequest>,
}

impl Delta {
    /// A new stream.
    pub fn new(node: Node) -> Self {
        Self {
            node: Some(node),
            asked: HashMap::new(),
            answers: Vec::new(),
        }
    }

    fn subscribe(&mut self, kind: Kind, resources: &Resources) -> Option<DeltaDiscoveryRequest> {
        let wanted = match kind {
            Kind::Listener => Arc::new(BTreeSet::from([WILDCARD.into()])),
            _ => resources.names(kind),
        };
        let mut request = DeltaDiscoveryRequest {
            type_url: kind.type_url().to_owned(),
            ..DeltaDiscoveryRequest::default()
        };
        let names = |names: Vec<&Arc<str>>| names.into_iter().map(ToString::to_string).collect();
        match self.asked.get(&kind) {
            // A first request without names would ask for everything.
            None if wanted.is_empty() => return None,
            None => {
                request.resource_names_subscribe = names(wanted.iter().collect());
                request.initial_resource_versions = resources.versions(kind);
            }
            Some(asked) if *asked == wanted => return None,
            Some(asked) => {
                request.resource_names_subscribe = names(wanted.difference(asked).collect());
                request.resource_names_unsubscribe = names(asked.difference(&wanted).collect());
            }
        }
        self.asked.insert(kind, wanted);
        Some(request)
    }
}

impl Dialect for Delta {
    type Request = DeltaDiscoveryRequest;
    type Response = DeltaDiscoveryResponse;

    const PATH: &'static str = discovery::DELTA;
    const ALL_CLUSTERS: bool = false;

    fn ask(&mut self, resources: &mut Resources, now: u64) -> Vec<DeltaDiscoveryRequest> {
        let mut requests = std::mem::take(&mut self.answers);
        for kind in Kind::ALL {
            requests.extend(self.subscribe(kind, resources));
            resources.asked(kind, now);
        }
        if let Some(first) = requests.first_mut() {
            first.node = self.node.take();
        }
        requests
    }

    fn receive(
        &mut self,
        response: DeltaDiscoveryResponse,
        resources: &mut Resources,
        admit: &dyn Admit,
    ) -> Option<Receipt> {
        let kind = Kind::of(&response.type_url)?;
        // An address may go from one listener to another.
        for name in response.removed_resources {
            resources.remove(kind, &name.into());
        }
        let offers = response.resources.into_iter().filter_map(offer).collect();
        let receipt = Receipt {
            kind,
            version: response.system_version_info,
            refusals: resources.take(kind, offers, admit),
        };
        listed(resources, &receipt);
        self.answers.push(DeltaDiscoveryRequest {
            type_url: response.type_url,
            response_nonce: response.nonce,
            error_detail: detail(&receipt.refusals),
            ..DeltaDiscoveryRequest::default()
        });
        Some(receipt)
    }
}

/// `None`: a sign of life of a resource, which says nothing new.
fn offer(resource: DeltaResource) -> Option<Offer> {
    let body = resource.resource?;
    let name = match resource.name.is_empty() {
        true => body.name().map(Arc::from),
        false => Some(resource.name.into()),
    };
    Some(Offer {
        name,
        version: resource.version.into(),
        body: body.value,
    })
}

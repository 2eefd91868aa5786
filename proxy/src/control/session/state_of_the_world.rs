//! State of the world: each request has all the names, each response everything that was asked for.
//!
//! Spoken with control planes that lack delta, and so as they know it from others: listeners and clusters are asked for
//! without names, and the endpoints of every cluster with them.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use outrigger_xds::{
    Kind,
    discovery::{self, DiscoveryRequest, DiscoveryResponse},
    pb::{envoy::config::core::v3::Node, google::rpc::Status},
};

use super::{Dialect, Receipt, detail, listed};
use crate::control::resources::{Admit, Offer, Resources};

/// Microseconds between two refusals of a kind. Some control planes (go-control-plane's snapshot cache) answer a refusal at once
/// with the same again: without a pause, thousands of times a second.
const PAUSE: u64 = 1_000_000;

/// A stream.
pub struct StateOfTheWorld {
    /// Until it has been said.
    node: Option<Node>,
    asked: HashMap<Kind, Asked>,
}

/// What was said of a kind on this stream.
#[derive(Default)]
struct Asked {
    names: Arc<BTreeSet<Arc<str>>>,
    /// Of the last response that was taken. A stream begins with none, so that another control plane's version of the
    /// same name is not taken for what we have.
    version: String,
    nonce: String,
    answer: Option<Answer>,
    /// When a response was refused last.
    refused: Option<u64>,
}

/// The last response is to be answered: with this, if it was refused.
struct Answer(Option<Status>);

impl StateOfTheWorld {
    /// A new stream.
    pub fn new(node: Node) -> Self {
        Self {
            node: Some(node),
            asked: HashMap::new(),
        }
    }

    fn request(&mut self, kind: Kind, resources: &Resources, now: u64) -> Option<DiscoveryRequest> {
        let names = match kind.whole() {
            true => Arc::default(),
            false => resources.names(kind),
        };
        let first = !self.asked.contains_key(&kind);
        if first && names.is_empty() && !kind.whole() {
            return None;
        }
        let asked = self.asked.entry(kind).or_default();
        // No names at all could be taken for all of them: then the last ones stay.
        let other = names != asked.names && !names.is_empty();
        if other {
            asked.names = names;
        }
        let refuses = matches!(asked.answer, Some(Answer(Some(_))));
        let early = asked.refused.is_some_and(|at| now < at + PAUSE);
        if !(first || other || asked.answer.is_some()) || (refuses && early && !other) {
            return None;
        }
        if refuses {
            asked.refused = Some(now);
        }
        let answer = asked.answer.take();
        Some(DiscoveryRequest {
            version_info: asked.version.clone(),
            node: self.node.take(),
            resource_names: asked.names.iter().map(ToString::to_string).collect(),
            type_url: kind.type_url().to_owned(),
            response_nonce: asked.nonce.clone(),
            error_detail: answer.and_then(|Answer(detail)| detail),
        })
    }
}

impl Dialect for StateOfTheWorld {
    type Request = DiscoveryRequest;
    type Response = DiscoveryResponse;

    const PATH: &'static str = discovery::STREAM;
    const ALL_CLUSTERS: bool = true;

    fn ask(&mut self, resources: &mut Resources, now: u64) -> Vec<DiscoveryRequest> {
        let mut requests = Vec::new();
        for kind in Kind::ALL {
            requests.extend(self.request(kind, resources, now));
            resources.asked(kind, now);
        }
        let clusters = self.asked.get(&Kind::Cluster);
        if clusters.is_some_and(|asked| !asked.nonce.is_empty()) {
            resources.no_more_clusters();
        }
        requests
    }

    fn receive(
        &mut self,
        response: DiscoveryResponse,
        resources: &mut Resources,
        admit: &dyn Admit,
    ) -> Option<Receipt> {
        let kind = Kind::of(&response.type_url)?;
        let asked = self.asked.get_mut(&kind)?;
        let version: Arc<str> = response.version_info.as_str().into();
        let offers = response.resources.into_iter();
        let offers = offers.map(|body| Offer {
            name: body.name().map(Arc::from),
            version: Arc::clone(&version),
            body: body.value,
        });
        let offers: Vec<_> = offers.collect();
        // Of a resource without a name nobody knows which one it keeps.
        if kind.whole() && offers.iter().all(|offer| offer.name.is_some()) {
            let named: BTreeSet<_> = offers.iter().filter_map(|it| it.name.clone()).collect();
            for gone in resources.present(kind).difference(&named) {
                resources.remove(kind, gone);
            }
        }
        let receipt = Receipt {
            kind,
            version: response.version_info,
            refusals: resources.take(kind, offers, admit),
        };
        listed(resources, &receipt);
        let detail = detail(&receipt.refusals);
        if detail.is_none() {
            asked.version.clone_from(&receipt.version);
        }
        asked.nonce = response.nonce;
        asked.answer = Some(Answer(detail));
        Some(receipt)
    }
}

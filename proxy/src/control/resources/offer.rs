//! What a response offers: taken resource by resource, so that a bad one does not keep the good ones out.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    net::SocketAddr,
    sync::Arc,
};

use bytes::Bytes;
use outrigger_config::model;
use outrigger_xds::{Kind, decode};
use twox_hash::XxHash64;

use super::{Admit, Resources, Version};

/// A resource as it came.
#[derive(Clone, Debug)]
pub struct Offer {
    /// As the response says it, or else the resource itself.
    pub name: Option<Arc<str>>,
    /// As the response says it.
    pub version: Arc<str>,
    /// Encoded.
    pub body: Bytes,
}

/// Why a resource was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Whose; `None`: it does not say.
    pub name: Option<Arc<str>>,
    /// Names the place.
    pub why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

enum Decoded {
    Listener(decode::Listener),
    Routes(Vec<model::Route>),
    Cluster(decode::Cluster),
    Endpoints(Vec<model::Endpoint>),
}

impl Resources {
    /// Takes what is good of `offers`. What is not keeps the version that it had, and the reasons come back. Those that
    /// nobody asked for are passed over.
    pub fn take(&mut self, kind: Kind, offers: Vec<Offer>, admit: &dyn Admit) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        let mut refuse = |name: &Option<Arc<str>>, why: String| {
            let name = name.clone();
            refusals.push(Refusal { name, why });
        };
        let twice = twice(&offers);
        let mut told = HashSet::new();
        let mut good = Vec::new();
        for offer in offers {
            let Some(name) = offer.name.clone() else {
                refuse(&None, format!("{} without a name", kind.as_str()));
                continue;
            };
            if twice.contains(&name) {
                if told.insert(Arc::clone(&name)) {
                    let why = format!("{} `{name}`: is twice in one response", kind.as_str());
                    refuse(&offer.name, why);
                }
                continue;
            }
            let digest = XxHash64::oneshot(0, &offer.body);
            if !self.wants(kind, &name) || self.renew(kind, &name, &offer.version, digest) {
                continue;
            }
            match self.decode(kind, &name, &offer.body) {
                Ok(decoded) => good.push((name, offer.version, digest, decoded)),
                Err(why) => refuse(&offer.name, why),
            }
        }
        let coming = good.iter().map(|(name, ..)| Arc::clone(name)).collect();
        let mut taken = self.addresses(&coming);
        self.refused.remove(&(kind, "".into()));
        for (name, version, digest, decoded) in good {
            if let Decoded::Listener(listener) = &decoded {
                let address = listener.model.address;
                let free = free(&mut taken, address, &name).and_then(|()| admit.admit(address));
                if let Err(why) = free {
                    let why = format!("listener `{name}`: address {address}: {why}");
                    refuse(&Some(name), why);
                    continue;
                }
            }
            self.refused.remove(&(kind, Arc::clone(&name)));
            self.put(name, &version, digest, decoded);
        }
        for Refusal { name, why } in &refusals {
            let name = name.clone().unwrap_or_default();
            self.refused.insert((kind, name), why.clone());
        }
        refusals
    }

    /// Listeners are all wanted, clusters too if there is no choice.
    pub(super) fn wants(&self, kind: Kind, name: &str) -> bool {
        match kind {
            Kind::Listener => true,
            Kind::Routes => self.routes.get(name).is_some(),
            Kind::Cluster => self.all_clusters || self.clusters.get(name).is_some(),
            Kind::Endpoints => self.endpoints.get(name).is_some(),
        }
    }

    /// Gives what is known already, byte by byte, its new version; else `false`.
    fn renew(&mut self, kind: Kind, name: &Arc<str>, version: &Arc<str>, digest: u64) -> bool {
        macro_rules! renew {
            ($kept:expr) => {{
                let known = $kept.version(name).filter(|known| known.digest == digest);
                let Some(mut known) = known.cloned() else {
                    return false;
                };
                known.version = Arc::clone(version);
                $kept.put(Arc::clone(name), known);
            }};
        }
        match kind {
            Kind::Listener => renew!(self.listeners),
            Kind::Routes => renew!(self.routes),
            Kind::Cluster => renew!(self.clusters),
            Kind::Endpoints => renew!(self.endpoints),
        }
        self.refused.remove(&(kind, Arc::clone(name)));
        true
    }

    fn decode(&self, kind: Kind, name: &str, body: &Bytes) -> Result<Decoded, String> {
        let (decoded, own) = match kind {
            Kind::Listener => {
                let listener = decode::listener(body).map_err(|refused| refused.to_string())?;
                let own = Arc::clone(&listener.model.name);
                (Decoded::Listener(listener), own)
            }
            Kind::Cluster => {
                let cluster = decode::cluster(body).map_err(|refused| refused.to_string())?;
                let own = Arc::clone(&cluster.model.name);
                (Decoded::Cluster(cluster), own)
            }
            Kind::Endpoints => {
                let endpoints = decode::endpoints(body).map_err(|refused| refused.to_string())?;
                (Decoded::Endpoints(endpoints.1), endpoints.0)
            }
            Kind::Routes => {
                let listener = self.listener_of(name);
                let listener = listener.as_deref().unwrap_or(name);
                let routes = decode::routes(listener, body);
                let routes = routes.map_err(|refused| refused.to_string())?;
                // It says its name in the envelope's stead at most.
                return Ok(Decoded::Routes(routes));
            }
        };
        match *own == *name {
            true => Ok(decoded),
            false => Err(format!("{} `{name}`: calls itself `{own}`", kind.as_str())),
        }
    }

    /// Routes without a name are called after their listener: the first, if several have these.
    fn listener_of(&self, routes: &str) -> Option<Arc<str>> {
        let mut listeners = self.listeners.present();
        let found = listeners.find(|(_, listener)| match &listener.value.routes {
            decode::Routes::Named(name) => **name == *routes,
            decode::Routes::Inline(_) => false,
        });
        found.map(|(name, _)| Arc::clone(name))
    }

    /// The addresses of the listeners that stay as they are.
    fn addresses(&self, coming: &HashSet<Arc<str>>) -> HashMap<SocketAddr, Arc<str>> {
        let staying = self.listeners.present();
        let staying = staying.filter(|(name, _)| !coming.contains(*name));
        staying
            .map(|(name, listener)| (listener.value.model.address, Arc::clone(name)))
            .collect()
    }

    fn put(&mut self, name: Arc<str>, version: &Arc<str>, digest: u64, decoded: Decoded) {
        macro_rules! put {
            ($kept:expr, $value:expr) => {{
                let known = $kept.value(&name).filter(|known| ***known == $value);
                let value = known.cloned().unwrap_or_else(|| Arc::new($value));
                let version = Arc::clone(version);
                $kept.put(
                    name,
                    Version {
                        version,
                        digest,
                        value,
                    },
                );
            }};
        }
        match decoded {
            Decoded::Listener(listener) => put!(self.listeners, listener),
            Decoded::Routes(routes) => put!(self.routes, routes),
            Decoded::Cluster(cluster) => put!(self.clusters, cluster),
            Decoded::Endpoints(endpoints) => put!(self.endpoints, endpoints),
        }
    }
}

/// The names that come more than once.
fn twice(offers: &[Offer]) -> HashSet<Arc<str>> {
    let mut seen = HashSet::new();
    let names = offers.iter().filter_map(|offer| offer.name.clone());
    names
        .filter(|name| !seen.insert(Arc::clone(name)))
        .collect()
}

/// Takes an address for a listener, if no other has it.
fn free(
    taken: &mut HashMap<SocketAddr, Arc<str>>,
    address: SocketAddr,
    name: &Arc<str>,
) -> Result<(), String> {
    match taken.get(&address) {
        Some(other) => Err(format!("listener `{other}` has it")),
        None => {
            taken.insert(address, Arc::clone(name));
            Ok(())
        }
    }
}

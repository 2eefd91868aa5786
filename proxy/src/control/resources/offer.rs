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

use super::{Admit, Changes, Resources, Version};

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
    Listener(Arc<decode::Listener>),
    Routes(Arc<Vec<model::Route>>),
    Cluster(Arc<decode::Cluster>),
    Endpoints(Arc<Vec<model::Endpoint>>),
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
                // One that can't be read at all does not say its name.
                Err(why) if !why.contains(&format!("`{name}`")) => {
                    refuse(&offer.name, format!("{} `{name}`: {why}", kind.as_str()));
                }
                Err(why) => refuse(&offer.name, why),
            }
        }
        if kind != Kind::Endpoints {
            self.changes = Changes::Anything;
        }
        self.refused.remove(&(kind, "".into()));
        let mut listeners = Vec::new();
        for (name, version, digest, decoded) in good {
            self.refused.remove(&(kind, Arc::clone(&name)));
            match decoded {
                Decoded::Listener(value) => listeners.push((name, known(version, digest, value))),
                Decoded::Routes(value) => {
                    self.routes.put(name, known(version, digest, value));
                }
                Decoded::Cluster(value) => {
                    self.clusters.put(name, known(version, digest, value));
                }
                Decoded::Endpoints(value) => {
                    let version = known(version, digest, value);
                    let moved = self.endpoints.put(Arc::clone(&name), version);
                    self.changes.add(name, moved);
                }
            }
        }
        refusals.extend(self.house(listeners, admit));
        for Refusal { name, why } in &refusals {
            let name = name.clone().unwrap_or_default();
            self.refused.insert((kind, name), why.clone());
        }
        refusals
    }

    /// Looks whether addresses can be had by now that could not.
    pub fn house_again(&mut self, admit: &dyn Admit) {
        let homeless = std::mem::take(&mut self.homeless);
        if homeless.is_empty() {
            return;
        }
        self.changes = Changes::Anything;
        for name in homeless.keys() {
            self.refused.remove(&(Kind::Listener, Arc::clone(name)));
        }
        for Refusal { name, why } in self.house(homeless.into_iter().collect(), admit) {
            let name = name.unwrap_or_default();
            self.refused.insert((Kind::Listener, name), why);
        }
    }

    /// Takes the listeners whose address can be had, and remembers the others for later.
    fn house(
        &mut self,
        listeners: Vec<(Arc<str>, Version<decode::Listener>)>,
        admit: &dyn Admit,
    ) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        let coming = listeners.iter().map(|(name, _)| Arc::clone(name)).collect();
        let mut taken = self.addresses(&coming);
        for (name, listener) in listeners {
            let address = listener.value.model.address;
            match free(&mut taken, address, &name).and_then(|()| admit.admit(&listener.value.model))
            {
                Ok(()) => {
                    self.homeless.remove(&name);
                    self.listeners.put(name, listener);
                }
                Err(why) => {
                    let why = format!("listener `{name}`: address {address}: {why}");
                    self.homeless.insert(Arc::clone(&name), listener);
                    refusals.push(Refusal {
                        name: Some(name),
                        why,
                    });
                }
            }
        }
        refusals
    }

    /// Listeners are all wanted, clusters too if there is no choice. What is not wanted any more still is until the control
    /// plane has been told: should it be wanted again before that, nobody would say it a second time.
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
        // What was there before is said again: another version of it is no longer meant.
        self.refused.remove(&(kind, Arc::clone(name)));
        if kind == Kind::Listener {
            self.homeless.remove(name);
        }
        true
    }

    fn decode(&self, kind: Kind, name: &str, body: &Bytes) -> Result<Decoded, String> {
        let (decoded, own) = match kind {
            Kind::Listener => {
                let listener = decode::listener(body).map_err(|refused| refused.to_string())?;
                let own = Arc::clone(&listener.model.name);
                (Decoded::Listener(Arc::new(listener)), own)
            }
            Kind::Cluster => {
                let cluster = decode::cluster(body).map_err(|refused| refused.to_string())?;
                let own = Arc::clone(&cluster.model.name);
                (Decoded::Cluster(Arc::new(cluster)), own)
            }
            Kind::Endpoints => {
                let endpoints =
                    decode::endpoints(body.clone()).map_err(|refused| refused.to_string())?;
                (Decoded::Endpoints(Arc::new(endpoints.1)), endpoints.0)
            }
            Kind::Routes => {
                let listener = self.listener_of(name);
                let listener = listener.as_deref().unwrap_or(name);
                let routes = decode::routes(listener, body);
                let routes = routes.map_err(|refused| refused.to_string())?;
                // It says its name in the envelope's stead at most.
                return Ok(Decoded::Routes(Arc::new(routes)));
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
}

fn known<T>(version: Arc<str>, digest: u64, value: Arc<T>) -> Version<T> {
    Version {
        version,
        digest,
        value,
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

//! All that TLS needs, read once and kept as good as it gets: the control thread's side.
//!
//! A pair, a bundle or a list that several listeners and clusters name is one thing here. When a file changes what is made
//! of it is made anew; if that is bad it is refused in words, and what was good before serves on. At the start, with
//! nothing before it, a certificate is shown even if its time is over: clients see what is wrong with it, and that is
//! better for the others than no proxy at all.

mod build;
mod draft;
mod kept;

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use outrigger_config::{
    Config,
    model::{self, ClusterTls, Identity},
};

use super::{
    Client, Server,
    source::{Files, Source},
    watch::Watch,
};
use crate::{
    acme::{self, Challenges},
    telemetry::metrics::{Renewal, TlsMetrics},
};
use build::{Guest, Host};
use kept::Shelf;

/// How often is looked whether a certificate runs out, and how seldom that is said of one.
const LOOK: Duration = Duration::from_secs(60);

/// What a table's listeners and clusters speak TLS with.
#[derive(Clone, Debug, Default)]
pub struct Material {
    servers: HashMap<SocketAddr, Arc<Server>>,
    clients: HashMap<Arc<str>, Arc<Client>>,
    /// Of a table that says where certificates are got.
    challenges: Option<Arc<Challenges>>,
}

impl Material {
    /// What the listener at `address` speaks with; `None`: cleartext.
    pub fn server(&self, address: SocketAddr) -> Option<&Arc<Server>> {
        self.servers.get(&address)
    }

    /// What the listener answers an authority in cleartext; `None`: nothing.
    pub fn challenges(&self, listener: &model::Listener) -> Option<&Arc<Challenges>> {
        let cleartext = listener.tls.is_none();
        self.challenges.as_ref().filter(|_| cleartext)
    }

    /// What the cluster of this name speaks with; `None`: cleartext.
    pub fn client(&self, cluster: &str) -> Option<&Arc<Client>> {
        self.clients.get(cluster)
    }
}

/// See the module.
pub struct Store {
    shelf: Shelf,
    identity: Option<Identity>,
    /// By address of the listener: tickets of one are no good at another, which may be stricter.
    hosts: HashMap<SocketAddr, Host>,
    /// By what is asked of endpoints, and the name that they have if that says none.
    guests: HashMap<(ClusterTls, Option<String>), Guest>,
    material: Material,
    challenges: Arc<Challenges>,
    watch: Watch,
    metrics: Arc<TlsMetrics>,
    looked: Option<SystemTime>,
}

impl Store {
    /// With nothing in it.
    pub fn new(challenges: Arc<Challenges>, metrics: Arc<TlsMetrics>) -> Self {
        Self::of(Box::new(Files), challenges, metrics)
    }

    /// The same, of another source than files.
    pub fn of(
        source: Box<dyn Source>,
        challenges: Arc<Challenges>,
        metrics: Arc<TlsMetrics>,
    ) -> Self {
        Self {
            shelf: Shelf::new(source),
            identity: None,
            hosts: HashMap::new(),
            guests: HashMap::new(),
            material: Material::default(),
            challenges,
            watch: Watch::default(),
            metrics,
            looked: None,
        }
    }

    /// Reads what `config` needs and is not there yet. What is wrong is returned, but for what `may_wait`: that is told in
    /// the log, and is refused until its files are right.
    ///
    /// # Errors
    /// Everything that is wrong, at once. Then nothing has changed.
    pub fn take(
        &mut self,
        config: &Config,
        may_wait: impl Fn(Place<'_>) -> bool,
    ) -> Result<Material, Mistakes> {
        let identity = &config.identity;
        let mut next = self.shelf.begin();
        let mut mistakes = Vec::new();
        let mut material = Material {
            challenges: config.acme.as_ref().map(|_| Arc::clone(&self.challenges)),
            ..Material::default()
        };
        let (mut hosts, mut guests) = (HashMap::new(), HashMap::new());
        for listener in &config.listeners {
            let Some(tls) = &listener.tls else { continue };
            let place = Place::Listener(listener);
            let tls = acme::storage::with_own(tls, config.acme.as_ref()).unwrap_or_else(|flaw| {
                note(&mut mistakes, &may_wait, place, vec![flaw]);
                tls.clone()
            });
            let known = self.hosts.get(&listener.address);
            let known = known.filter(|host| host.is(&tls, identity.as_ref()));
            let mut host = match known {
                Some(host) => host.clone(),
                None => Host::new(&tls, identity.as_ref(), &self.challenges, &self.metrics),
            };
            if let Err(flaws) = host.fill(&mut next) {
                note(&mut mistakes, &may_wait, place, flaws);
            }
            material
                .servers
                .insert(listener.address, Arc::clone(&host.server));
            hosts.insert(listener.address, host);
        }
        for cluster in &config.clusters {
            let Some(tls) = &cluster.tls else { continue };
            let key = (tls.clone(), build::name(cluster));
            let known = guests.get(&key).or_else(|| self.guests.get(&key));
            let known = known.filter(|guest: &&Guest| guest.is(identity.as_ref()));
            let mut guest = match known {
                Some(guest) => guest.clone(),
                None => Guest::new(tls, key.1.as_deref(), identity.as_ref(), &self.metrics),
            };
            let place = Place::Cluster(cluster);
            if let Err(flaws) = guest.fill(&mut next) {
                note(&mut mistakes, &may_wait, place, flaws);
            }
            let name = Arc::clone(&cluster.name);
            material.clients.insert(name, Arc::clone(&guest.client));
            guests.insert(key, guest);
        }
        if !mistakes.is_empty() {
            return Err(Mistakes(mistakes));
        }
        let read = self.shelf.end(next);
        self.identity.clone_from(identity);
        (self.hosts, self.guests) = (hosts, guests);
        self.material = material.clone();
        self.watch.set(self.shelf.files(), read);
        self.watch.again(self.shelf.refused());
        self.shelf.show(&self.metrics);
        self.looked = None;
        Ok(material)
    }

    /// Waits until files have changed, or may have become right. May be dropped at any time and begun anew.
    pub async fn changed(&mut self) -> HashSet<PathBuf> {
        self.watch.changed().await
    }

    /// Takes what is new in these files.
    pub fn renew(&mut self, changed: &HashSet<PathBuf>) {
        let told = self.shelf.renew(changed, SystemTime::now());
        self.watch.again(self.shelf.refused());
        if told.is_empty() {
            return;
        }
        for (file, result) in told {
            match result {
                Ok(news) => {
                    self.metrics.renewal(Renewal::Applied);
                    tracing::info!(file = %file.display(), "{news}");
                }
                Err(flaw) => {
                    self.metrics.renewal(Renewal::Refused);
                    tracing::error!("what is new is refused, what was there serves on: {flaw}");
                }
            }
        }
        let mut shelf = self.shelf.begin();
        let hosts = self.hosts.values_mut().map(|host| host.fill(&mut shelf));
        let mut flaws: Vec<_> = hosts.filter_map(Result::err).flatten().collect();
        let guests = self.guests.values_mut().map(|guest| guest.fill(&mut shelf));
        flaws.extend(guests.filter_map(Result::err).flatten());
        for flaw in flaws {
            tracing::error!("{flaw}");
        }
        // Watched since before, as it was then.
        let _read = self.shelf.end(shelf);
        self.watch.again(self.shelf.refused());
        self.shelf.show(&self.metrics);
        self.looked = None;
    }

    /// Says what runs out: at once after a change, then once a day of each.
    pub fn tend(&mut self, now: SystemTime) {
        let looked = self
            .looked
            .and_then(|looked| now.duration_since(looked).ok());
        if looked.is_none_or(|since| since >= LOOK) {
            self.looked = Some(now);
            self.shelf.warn(now);
        }
    }
}

/// Who needs something.
#[derive(Clone, Copy)]
pub enum Place<'a> {
    /// A listener.
    Listener(&'a model::Listener),
    /// A cluster.
    Cluster(&'a model::Cluster),
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Listener(listener) => write!(f, "listener `{}`", listener.name),
            Self::Cluster(cluster) => write!(f, "cluster `{}`", cluster.name),
        }
    }
}

/// What is wrong with what a table needs.
#[derive(Debug)]
pub struct Mistakes(Vec<String>);

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

fn note(
    mistakes: &mut Vec<String>,
    may_wait: impl Fn(Place<'_>) -> bool,
    place: Place<'_>,
    flaws: Vec<super::Flaw>,
) {
    for flaw in flaws {
        let mistake = format!("{place}: {flaw}");
        if may_wait(place) {
            tracing::error!("refused until this is right: {mistake}");
        } else if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }
}

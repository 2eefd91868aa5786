//! What the control plane has said so far: every resource that is asked for, in the last version that was right.
//!
//! It outlives streams and control planes: whoever answers next only has to say what is different.

mod kept;
mod offer;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use outrigger_config::model;
use outrigger_xds::{Kind, decode};

pub use kept::{Kept, Known, Version};
pub use offer::{Offer, Refusal};

/// Everything that is known.
#[derive(Default)]
pub struct Resources {
    /// All there are.
    pub listeners: Kept<decode::Listener>,
    /// Those that listeners name.
    pub routes: Kept<Vec<model::Route>>,
    /// Those that routes name, and those that requests asked for.
    pub clusters: Kept<decode::Cluster>,
    /// Those of the clusters.
    pub endpoints: Kept<Vec<model::Endpoint>>,
    /// Why the last version of some was not taken. By kind and name; a name that is not known is empty.
    pub refused: BTreeMap<(Kind, Arc<str>), String>,
    /// Listeners that are right but for their address, which can't be had now.
    homeless: BTreeMap<Arc<str>, Version<decode::Listener>>,
    /// All listeners have been named once.
    pub listed: bool,
    /// The control plane names all clusters, whether we want them or not.
    pub all_clusters: bool,
    changes: Changes,
    /// When that was last looked at, in microseconds.
    looked: u64,
}

/// What has changed of what is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub enum Changes {
    /// Nothing that anything follows from.
    Nothing,
    /// Endpoints that were known are others now. By the name that clusters call them by.
    Endpoints(BTreeSet<Arc<str>>),
    /// Anything.
    #[default]
    Anything,
}

/// Says whether a listener can be had here, and if not, why.
pub trait Admit {
    /// Of one whose address the table in force may have or not.
    fn admit(&self, listener: &model::Listener) -> Result<(), String>;
}

/// The names of each kind that are wanted. Of listeners all are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Named by listeners.
    pub routes: BTreeSet<Arc<str>>,
    /// Named by routes, by other clusters, or by requests.
    pub clusters: BTreeSet<Arc<str>>,
    /// Named by clusters.
    pub endpoints: BTreeSet<Arc<str>>,
}

macro_rules! of_kind {
    ($self:ident, $kind:expr, $kept:ident => $do:expr) => {
        match $kind {
            Kind::Listener => {
                let $kept = &$self.listeners;
                $do
            }
            Kind::Routes => {
                let $kept = &$self.routes;
                $do
            }
            Kind::Cluster => {
                let $kept = &$self.clusters;
                $do
            }
            Kind::Endpoints => {
                let $kept = &$self.endpoints;
                $do
            }
        }
    };
}

impl Changes {
    /// Endpoints have come; they have only `moved` if there were some before.
    fn add(&mut self, name: Arc<str>, moved: bool) {
        match self {
            _ if !moved => *self = Self::Anything,
            Self::Nothing => *self = Self::Endpoints(BTreeSet::from([name])),
            Self::Endpoints(names) => _ = names.insert(name),
            Self::Anything => {}
        }
    }
}

impl Resources {
    /// What has changed since this was last asked, silence that became too long among it. `now` is in microseconds.
    pub fn changes(&mut self, now: u64) -> Changes {
        let silence = self.next_silence(self.looked);
        self.looked = now;
        match std::mem::replace(&mut self.changes, Changes::Nothing) {
            _ if silence.is_some_and(|end| end <= now) => Changes::Anything,
            changes => changes,
        }
    }

    /// From now on these are asked for.
    pub fn want(&mut self, wanted: Wanted) {
        let others = [
            self.routes.want(wanted.routes),
            self.clusters.want(wanted.clusters),
            self.endpoints.want(wanted.endpoints),
        ];
        if others.contains(&true) {
            self.changes = Changes::Anything;
        }
        let mut refused = std::mem::take(&mut self.refused);
        refused.retain(|(kind, name), _| name.is_empty() || self.wants(*kind, name));
        self.refused = refused;
    }

    /// The names of a kind that are to be asked for; none of listeners.
    pub fn names(&self, kind: Kind) -> Arc<BTreeSet<Arc<str>>> {
        of_kind!(self, kind, kept => Arc::clone(kept.wanted()))
    }

    /// The version of each that is known and wanted.
    pub fn versions(&self, kind: Kind) -> BTreeMap<String, String> {
        of_kind!(self, kind, kept => {
            let present = kept.present().filter(|(name, _)| kind == Kind::Listener || kept.wanted().contains(*name));
            present.map(|(name, known)| (name.to_string(), known.version.to_string())).collect()
        })
    }

    /// The names of a kind that exist.
    pub fn present(&self, kind: Kind) -> BTreeSet<Arc<str>> {
        of_kind!(self, kind, kept => kept.present().map(|(name, _)| Arc::clone(name)).collect())
    }

    /// The control plane says that this does not exist.
    pub fn remove(&mut self, kind: Kind, name: &Arc<str>) {
        self.changes = Changes::Anything;
        self.refused.remove(&(kind, Arc::clone(name)));
        match kind {
            Kind::Listener => {
                self.homeless.remove(name);
                self.listeners.forget(name);
            }
            Kind::Routes => self.routes.absent(name),
            Kind::Cluster => self.clusters.absent(name),
            Kind::Endpoints => self.endpoints.absent(name),
        }
    }

    /// A stream has begun, on which the control plane names all clusters or only those that are asked for.
    pub fn begin(&mut self, all_clusters: bool) {
        self.all_clusters = all_clusters;
        self.end();
    }

    /// The stream has ended: whoever waits waits anew.
    pub fn end(&mut self) {
        self.changes = Changes::Anything;
        self.routes.restart();
        self.clusters.restart();
        self.endpoints.restart();
    }

    /// All clusters that exist have been named.
    pub fn no_more_clusters(&mut self) {
        if self.clusters.complete() {
            self.changes = Changes::Anything;
        }
    }

    /// All names of that kind have been sent.
    pub fn asked(&mut self, kind: Kind, now: u64) {
        match kind {
            Kind::Listener => {}
            Kind::Routes => self.routes.asked(now),
            Kind::Cluster => self.clusters.asked(now),
            Kind::Endpoints => self.endpoints.asked(now),
        }
    }

    /// When the next name counts as one that does not exist, in microseconds.
    pub fn next_silence(&self, now: u64) -> Option<u64> {
        let times = [
            self.routes.next_silence(now),
            self.clusters.next_silence(now),
            self.endpoints.next_silence(now),
        ];
        times.into_iter().flatten().min()
    }
}

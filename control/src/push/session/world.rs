//! The state-of-the-world form: each request names all that is wanted; a response of clusters or listeners holds all there
//! is of that, and what it does not hold is gone; endpoints and routes come one by one, and go with what they belong to.

use std::sync::Arc;

use outrigger_xds::{
    Kind, Resource, discovery::DiscoveryRequest,
    pb::envoy::config::endpoint::v3::ClusterLoadAssignment,
};
use prost::Message as _;

use super::{
    Session, TooMuch, Verdict,
    lane::{CHUNK, Draft, Lane, keep},
};
use crate::view::{Shelf, View};

impl Session {
    /// Takes a request in.
    ///
    /// What it names counts even if what it answers is history: of two requests the later knows better.
    ///
    /// # Errors
    /// When it asks for more than is remembered; nothing of it was taken then.
    pub fn replace(
        &mut self,
        kind: Kind,
        request: &DiscoveryRequest,
    ) -> Result<Option<Verdict>, TooMuch> {
        self.admit_instead(kind, &request.resource_names)?;
        let lane = &mut self.lanes[kind as usize];
        let refusal = request.error_detail.as_ref();
        let verdict = lane.verdict(
            &request.response_nonce,
            refusal.map(|it| it.message.as_str()),
        );
        let view = self.round.as_deref();
        let turn = lane
            .wanted
            .replace(&request.resource_names, kind.whole(), keep(kind, view));
        if turn.less {
            lane.forget(&turn.dropped);
        }
        let asked = turn.asked.iter();
        lane.due.extend(asked.map(|name| (Arc::clone(name), true)));
        if turn.all {
            lane.owed = true;
            if let Some(view) = view {
                lane.all(view);
            }
        }
        lane.rest();
        Ok(verdict)
    }
}

impl Lane {
    /// All there is, if something of it is due; or of endpoints and routes as much as fits.
    pub(super) fn make_world(&mut self, view: &View, proxyless: bool) -> Option<Draft> {
        match self.kind.whole() {
            true => self.make_whole(view, proxyless),
            false => self.make_parts(view, proxyless),
        }
    }

    fn make_whole(&mut self, view: &View, proxyless: bool) -> Option<Draft> {
        if self.due.is_empty() && !self.owed {
            return None;
        }
        let due = std::mem::take(&mut self.due);
        let owed = std::mem::take(&mut self.owed) || due.values().any(|asked| *asked);
        let mut set = self.set(view, proxyless);
        // What is gone stays until no route names it: the set without it follows at the end of the round.
        let kept: Vec<_> = match self.breaks() {
            true => self
                .held
                .iter()
                .filter(|it| !set.contains(&it.name))
                .map(Arc::clone)
                .collect(),
            false => Vec::new(),
        };
        self.gone = kept.iter().map(|it| Arc::clone(&it.name)).collect();
        kept.into_iter().for_each(|resource| set.insert(resource));
        let mut changed = self.held.differences(&set);
        if changed.is_empty() && !owed {
            return None;
        }
        changed.extend(
            due.into_iter()
                .filter(|(_, asked)| *asked)
                .map(|(name, _)| name),
        );
        let version = match self.gone.is_empty() {
            true => Arc::clone(view.version(self.kind)),
            false => format!("{}+{}", view.version(self.kind), self.gone.len()).into(),
        };
        Some(self.send(set, version, changed))
    }

    fn make_parts(&mut self, view: &View, proxyless: bool) -> Option<Draft> {
        let (mut resources, mut changed) = (Vec::new(), Vec::new());
        let mut size = 0;
        while size < CHUNK
            && let Some((name, asked)) = self.due.pop_first()
        {
            let found = self.find(&name, view, proxyless);
            let resource = match found {
                Some(resource) if asked || !self.has(&resource) => resource,
                Some(_) => continue,
                // No endpoints is an answer; silence would keep the cluster waiting.
                None if asked && self.kind == Kind::Endpoints => no_endpoints(&name),
                None => {
                    self.owed |= asked;
                    self.held.remove(&name);
                    continue;
                }
            };
            size += resource.body.len() + name.len();
            self.held.insert(Arc::clone(&resource));
            resources.push(resource);
            changed.push(name);
        }
        (!resources.is_empty() || self.owed).then(|| {
            self.owed = false;
            Draft {
                version: Arc::clone(view.version(self.kind)),
                resources,
                removed: Vec::new(),
                changed,
            }
        })
    }

    /// All clusters there are, without those that were kept for the sake of routes.
    pub(super) fn break_world(&mut self, view: &View) -> Option<Draft> {
        let gone = std::mem::take(&mut self.gone);
        let mut set = std::mem::take(&mut self.held);
        gone.iter().for_each(|name| drop(set.remove(name)));
        match gone.is_empty() {
            true => {
                self.held = set;
                None
            }
            false => Some(self.send(set, Arc::clone(view.version(self.kind)), Vec::new())),
        }
    }

    /// All that is wanted and there.
    fn set(&self, view: &View, proxyless: bool) -> Shelf {
        let mut set = match self.wanted.all() {
            true => view.all(self.kind).clone(),
            false => Shelf::default(),
        };
        for name in self.wanted.iter() {
            if let Some(resource) = self.find(name, view, proxyless) {
                set.insert(resource);
            }
        }
        set
    }

    fn send(&mut self, set: Shelf, version: Arc<str>, changed: Vec<Arc<str>>) -> Draft {
        self.held = set;
        Draft {
            version,
            resources: self.held.iter().map(Arc::clone).collect(),
            removed: Vec::new(),
            changed,
        }
    }
}

fn no_endpoints(name: &str) -> Arc<Resource> {
    let assignment = ClusterLoadAssignment {
        cluster_name: name.to_owned(),
        ..ClusterLoadAssignment::default()
    };
    let body = assignment.encode_to_vec().into();
    Arc::new(Resource::new(Kind::Endpoints, name.into(), "", body))
}

//! The delta form: subscriptions come and go by name, and only what changes is said.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use outrigger_xds::{Kind, Resource, discovery::DeltaDiscoveryRequest};

use super::{
    Session, TooMuch, Verdict,
    lane::{CHUNK, Draft, Lane, keep},
};
use crate::view::View;

impl Session {
    /// Takes a request in.
    ///
    /// # Errors
    /// When it asks for more than is remembered; nothing of it was taken then.
    pub fn change(
        &mut self,
        kind: Kind,
        request: &DeltaDiscoveryRequest,
    ) -> Result<Option<Verdict>, TooMuch> {
        // What a client has is said in its first request of a kind, and nowhere else.
        let none = BTreeMap::new();
        let has = match self.lanes[kind as usize].wanted.asked() {
            false => &request.initial_resource_versions,
            true => &none,
        };
        self.admit_more(kind, &request.resource_names_subscribe)?;
        self.admit_versions(has)?;
        let lane = &mut self.lanes[kind as usize];
        let refusal = request.error_detail.as_ref();
        let verdict = lane.verdict(
            &request.response_nonce,
            refusal.map(|it| it.message.as_str()),
        );
        let view = self.round.as_deref();
        let turn = lane.wanted.change(
            &request.resource_names_subscribe,
            &request.resource_names_unsubscribe,
            kind.whole(),
            keep(kind, view),
        );
        if turn.less {
            lane.forget(&turn.dropped);
        }
        if lane.wanted.all() {
            // The client may have dropped what it still wants as one of all.
            let dropped = turn.dropped.iter();
            lane.due
                .extend(dropped.map(|name| (Arc::clone(name), true)));
        }
        for (name, version) in has {
            lane.recall(name, version, view);
        }
        for name in turn.asked.iter() {
            let has_it = has.contains_key(&**name);
            lane.due.insert(Arc::clone(name), !has_it);
        }
        if turn.all {
            lane.owed = has.is_empty();
            if let Some(view) = view {
                lane.all(view);
            }
        }
        lane.rest();
        Ok(verdict)
    }
}

impl Lane {
    /// The client has this from a stream before.
    fn recall(&mut self, name: &str, version: &str, view: Option<&View>) {
        if !self.wanted.covers(name) {
            return;
        }
        let current = view.and_then(|view| view.get(self.kind, name));
        let current = current.filter(|resource| *resource.version == *version);
        self.held.insert(match current {
            Some(resource) => Arc::clone(resource),
            None => Arc::new(Resource {
                kind: self.kind,
                name: name.into(),
                version: version.into(),
                body: Bytes::new(),
            }),
        });
        self.due.entry(name.into()).or_insert(false);
    }

    /// As much as fits of what is due.
    pub(super) fn make_delta(&mut self, view: &View, proxyless: bool) -> Option<Draft> {
        let (mut resources, mut removed, mut changed) = (Vec::new(), Vec::new(), Vec::new());
        let mut size = 0;
        while size < CHUNK
            && let Some((name, asked)) = self.due.pop_first()
        {
            match self.find(&name, view, proxyless) {
                Some(resource) if asked || !self.has(&resource) => {
                    size += resource.body.len() + name.len();
                    self.held.insert(Arc::clone(&resource));
                    resources.push(resource);
                    changed.push(name);
                }
                Some(_) => {}
                None if self.held.contains(&name) && self.breaks() => self.gone.push(name),
                None if self.held.remove(&name).is_some() || asked => {
                    size += name.len();
                    removed.push(name);
                }
                None => {}
            }
        }
        let nothing = resources.is_empty() && removed.is_empty();
        (!nothing || std::mem::take(&mut self.owed)).then(|| {
            self.owed = false;
            Draft {
                version: Arc::clone(view.version(self.kind)),
                resources,
                removed,
                changed,
            }
        })
    }

    /// What is gone, now that nothing refers to it.
    pub(super) fn break_delta(&mut self, view: &View) -> Option<Draft> {
        let mut removed = std::mem::take(&mut self.gone);
        removed
            .retain(|name| view.get(self.kind, name).is_none() && self.held.remove(name).is_some());
        (!removed.is_empty()).then(|| Draft {
            version: Arc::clone(view.version(self.kind)),
            resources: Vec::new(),
            removed,
            changed: Vec::new(),
        })
    }

    /// Whether others refer to what is of this kind.
    pub(super) fn breaks(&self) -> bool {
        matches!(self.kind, Kind::Cluster | Kind::Endpoints)
    }
}

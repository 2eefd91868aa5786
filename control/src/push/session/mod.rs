//! One stream, without input and output: what a client asked for and has, and what is to be sent to it next.
//!
//! Requests and views go in, responses come out. Three rules make the order:
//!
//! - **Rounds.** A round brings the client from one view to another, make before break: clusters, endpoints, listeners,
//!   routes, then what is gone. The next round goes to the newest view there is then, so a burst of changes becomes one
//!   push to a client that is slow, and a change never overtakes another.
//! - **One at a time.** A kind has one response under way; the next goes out when the client has accepted or refused it.
//! - **First things first.** Nothing of a kind is sent while a kind that it refers to is being sent. So routes wait until
//!   the client has accepted their clusters, and a stalled client holds two responses, not a table. Two, because endpoints
//!   do not wait: Envoy accepts clusters only when they are warm, and that they are when it has their endpoints.

mod delta;
mod lane;
mod limit;
mod names;
mod wanted;
mod world;

use std::sync::Arc;

use outrigger_xds::{Kind, Resource};

use crate::view::View;
use lane::Lane;
pub use limit::TooMuch;

/// The order of a round.
const STEPS: [(Kind, Step); 6] = [
    (Kind::Cluster, Step::Make),
    (Kind::Endpoints, Step::Make),
    (Kind::Listener, Step::Make),
    (Kind::Routes, Step::Make),
    (Kind::Cluster, Step::Break),
    // A client that has dropped the cluster asks for its endpoints no more: there is seldom something left to do here.
    (Kind::Endpoints, Step::Break),
];

#[derive(Clone, Copy, PartialEq)]
enum Step {
    /// What is new or other. Also listeners and routes that are gone: nothing refers to them, and the address of an old
    /// listener may be that of a new one.
    Make,
    /// Clusters and endpoints that are gone: by now no route names them.
    Break,
}

/// How a stream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Only what changes is said.
    Delta,
    /// State of the world: all clusters, all listeners; endpoints and routes one by one.
    World,
}

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Response {
    /// Of what kind.
    pub kind: Kind,
    /// Names it on its stream.
    pub nonce: String,
    /// Of the kind as a whole.
    pub version: Arc<str>,
    /// New, changed, or asked for.
    pub resources: Vec<Arc<Resource>>,
    /// Gone, or never there. Only in the delta form.
    pub removed: Vec<Arc<str>>,
}

/// What a request said about a response.
#[derive(Debug, PartialEq)]
pub enum Verdict {
    /// It is in force.
    Accepted {
        /// The version of the response.
        version: Arc<str>,
    },
    /// It is refused, in whole or in part.
    Refused {
        /// The version of the response.
        version: Arc<str>,
        /// What was in the response, as far as the text of the refusal names it.
        names: Vec<Arc<str>>,
    },
}

/// The state of one stream.
#[derive(Debug)]
pub struct Session {
    form: Form,
    proxyless: bool,
    lanes: [Lane; 4],
    newest: Option<Arc<View>>,
    /// The view that the client is being brought to, or was last.
    round: Option<Arc<View>>,
    /// The view that the client has.
    reached: Option<Arc<View>>,
    serial: u64,
}

impl Session {
    /// That of a stream on which nothing was said. `proxyless`: the client is a gRPC library, whose listeners are what it
    /// dials.
    pub fn new(form: Form, proxyless: bool) -> Self {
        Self {
            form,
            proxyless,
            lanes: Kind::ALL.map(Lane::new),
            newest: None,
            round: None,
            reached: None,
            serial: 0,
        }
    }

    /// Takes note of what the client should see from now on.
    pub fn see(&mut self, view: Arc<View>) {
        self.newest = Some(view);
    }

    /// What is to be sent now. To be asked again until there is nothing: after a view, and after each request.
    pub fn respond(&mut self) -> Option<Response> {
        loop {
            if self.round.is_none() && !self.turn() {
                return None;
            }
            let view = Arc::clone(self.round.as_ref()?);
            for (kind, step) in STEPS {
                let warming = self.lanes[Kind::Cluster as usize].in_flight.is_some();
                match (kind, step) {
                    (Kind::Cluster, Step::Make) if warming => continue,
                    (Kind::Endpoints, Step::Make) => {}
                    _ if warming => return None,
                    _ => {}
                }
                if self.lanes[kind as usize].in_flight.is_some() {
                    return None;
                }
                if let Some(response) = self.step(kind, step, &view) {
                    return Some(response);
                }
            }
            self.reached = Some(view);
            if !self.turn() {
                return None;
            }
        }
    }

    /// Begins a round, if there is a view to go to.
    fn turn(&mut self) -> bool {
        let Some(newest) = &self.newest else {
            return false;
        };
        match &self.round {
            Some(round) if round.is(newest) => return false,
            Some(round) => match newest.since(round) {
                Some(changes) => {
                    changes.for_each(|(kind, name)| self.lanes[kind as usize].note(name));
                }
                None => self.lanes.iter_mut().for_each(|lane| lane.compare(newest)),
            },
            None => self.lanes.iter_mut().for_each(|lane| lane.compare(newest)),
        }
        self.round = Some(Arc::clone(newest));
        true
    }

    fn step(&mut self, kind: Kind, step: Step, view: &View) -> Option<Response> {
        let lane = &mut self.lanes[kind as usize];
        let draft = match (self.form, step) {
            (Form::Delta, Step::Make) => lane.make_delta(view, self.proxyless),
            (Form::Delta, Step::Break) => lane.break_delta(view),
            (Form::World, Step::Make) => lane.make_world(view, self.proxyless),
            (Form::World, Step::Break) => lane.break_world(view),
        }?;
        if kind == Kind::Cluster {
            self.lanes[Kind::Endpoints as usize].warm(&draft.changed, view);
        }
        self.serial += 1;
        let response = Response {
            kind,
            nonce: self.serial.to_string(),
            version: draft.version,
            resources: draft.resources,
            removed: draft.removed,
        };
        self.lanes[kind as usize].sent(&response);
        Some(response)
    }

    /// Whether the client has all of the newest view that it wants.
    pub fn settled(&self) -> bool {
        match (&self.newest, &self.reached) {
            (Some(newest), Some(reached)) => {
                reached.is(newest) && !self.lanes.iter().any(Lane::busy)
            }
            _ => false,
        }
    }

    /// The view that the client was last known to have.
    pub fn reached(&self) -> Option<&Arc<View>> {
        self.reached.as_ref()
    }

    /// How many resources of a kind it asked for by name, and whether for all.
    pub fn wanted(&self, kind: Kind) -> (usize, bool) {
        let wanted = &self.lanes[kind as usize].wanted;
        (wanted.len(), wanted.all())
    }

    /// How many resources of a kind the client was sent.
    pub fn held(&self, kind: Kind) -> usize {
        self.lanes[kind as usize].held.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;

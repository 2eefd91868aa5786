//! A second call of the same request, for an attempt beside the first one.
//!
//! It has what an attempt needs and nothing that is closed when a call ends: no account, no place among the requests of
//! its connection, no side of a protocol switch.

use std::{cell::Cell, rc::Rc, sync::Arc};

use smallvec::SmallVec;

use super::{Call, Wait};
use crate::{body::Body, telemetry::trail::Step};

/// No endpoint has this id.
const NONE: u64 = u64::MAX;

/// The endpoint that a call's attempt went to, where the fork can see it: the call itself is lent to the attempt.
pub(super) type Twin = Rc<Cell<u64>>;

impl Call {
    /// Another call of this request, before its attempt takes it. What is read of the body is kept for both.
    pub fn fork(&mut self) -> Box<Self> {
        self.keep_body();
        let limit = self.body_limit();
        let twin = Rc::new(Cell::new(NONE));
        self.twin = Some(Rc::clone(&twin));
        Box::new(Self {
            head: self.head.clone(),
            body: Body::default(),
            taken: self.spare.is_some(),
            spare: self.spare.as_mut().map(|spare| spare.again(limit)),
            twin: Some(twin),
            connection: Rc::clone(&self.connection),
            worker: Rc::clone(&self.worker),
            received: self.received,
            method: self.method.clone(),
            client: self.client,
            survey: self.survey,
            doubt: self.doubt,
            now: self.now,
            until: self.until,
            told: self.told,
            trailers: self.trailers,
            listener: Arc::clone(&self.listener),
            route: self.route.clone(),
            cluster: self.cluster.clone(),
            unknown: None,
            only: self.only.clone(),
            endpoint: None,
            probe: false,
            quota: None,
            diverted: self.diverted,
            permit: None,
            attempts: self.attempts,
            tried: SmallVec::from_slice(&self.tried),
            upgrade: None,
            tunnel: None,
            idle: None,
            given: None,
            wait: Wait::default(),
            admitted: None,
            retrying: None,
            trail: self.trail.is_some().then(Box::default),
            account: None,
        })
    }

    /// The balancer chose; whoever runs beside this call may want to know.
    pub fn picked(&self) {
        if let (Some(twin), Some(endpoint)) = (&self.twin, &self.endpoint) {
            twin.set(endpoint.id);
        }
    }

    /// Prefers other endpoints than the one that the call beside it is at.
    pub fn avoid_twin(&mut self) {
        if let Some(twin) = self.twin.take() {
            self.tried.push(twin.get());
        }
    }

    /// The attempt of `fork` answered first: what it met is what this call met.
    pub fn join(&mut self, fork: &Self) {
        self.endpoint.clone_from(&fork.endpoint);
        self.cluster.clone_from(&fork.cluster);
        self.diverted = fork.diverted;
        self.now = fork.now;
        if let (Some(trail), Some(other)) = (&mut self.trail, &fork.trail) {
            trail.record(Step::Hedge);
            other
                .steps()
                .iter()
                .for_each(|step| trail.record(step.clone()));
        }
    }

    /// The attempt of `fork` did not come first.
    pub fn outran(&mut self, fork: &Self) {
        if let Some(other) = &fork.trail {
            let steps = other.steps().iter().cloned();
            self.note_before_last([Step::Hedge].into_iter().chain(steps).chain([Step::Lost]));
        }
    }

    /// What was decided while an attempt was under way stands before what came of that.
    pub fn note_before_last(&mut self, steps: impl IntoIterator<Item = Step>) {
        if let Some(trail) = &mut self.trail {
            trail.insert_before_last(steps);
        }
    }
}

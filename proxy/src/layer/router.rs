//! Router: finds the call's route in the current snapshot, and its cluster: one of the route's by weight, or the one of its
//! host's name. A route that names its clusters costs nothing for the other kind. What an authority asks (`acme/`) is
//! answered in place of a route.
//!
//! On the way it asks whether the caller is let in: the listener's rules first, so that who is refused learns of no route,
//! then the route's.

use std::{rc::Rc, sync::Arc};

use http::{Response, header};
use outrigger_config::model::Destination;

use super::{Handle, respond::SERVER};
use crate::{
    authorization, body::Body, call::Call, error::Error, route::by_host::Names,
    telemetry::trail::Step, worker::Worker,
};

/// See the module.
pub struct Router<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S> Router<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }
}

impl<S> Router<S> {
    /// The cluster that is meant by the address that was called, on a transparent listener, else by the host.
    fn find(&self, call: &mut Call) {
        if let Some(meant) = self.worker.meant(call) {
            return call.means(meant);
        }
        let names = Names::of(&call.head);
        call.cluster = self.worker.by_host(&names);
        if call.cluster.is_none() {
            // For OnDemand, below the filters: they may have an answer without it, or another host in its place.
            call.unknown = Some(Box::new(names.into_owned()));
        }
    }
}

impl<S: Handle> Handle for Router<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        // Before all routes: one for every host may send it elsewhere. Before all rules: who asks is known to nobody.
        if let Some(acme) = &call.listener.acme
            && let Some(answer) = acme.answer(call.head.uri.path())
        {
            let mut response = Response::new(Body::from(answer));
            response.headers_mut().insert(header::SERVER, SERVER);
            return Ok(response);
        }
        if let Some(rules) = call.listener.authorization.clone() {
            authorization::admit(&rules, call)?;
        }
        let route = call.listener.find(&call.head).ok_or(Error::NoRoute)?;
        let route = Arc::clone(route);
        call.cluster = route
            .split(&mut self.worker.rng.borrow_mut())
            .map(Arc::clone);
        if call.cluster.is_none() && matches!(route.config.destination, Destination::Host) {
            self.find(call);
        }
        let rules = route.authorization.clone();
        call.route = Some(route);
        if let Some(rules) = rules {
            authorization::admit(&rules, call)?;
        }
        if let Some(cluster) = call.cluster.clone() {
            call.note(|_| Step::Cluster(Arc::clone(&cluster.config.name)));
        }
        self.next.handle(call).await
    }
}

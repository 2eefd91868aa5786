//! Router: finds the call's route in the current snapshot, and one of the route's clusters by weight.

use std::{rc::Rc, sync::Arc};

use http::Response;

use super::Handle;
use crate::{body::Body, call::Call, error::Error, telemetry::trail::Step, worker::Worker};

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

impl<S: Handle> Handle for Router<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let route = call.listener.find(&call.head).ok_or(Error::NoRoute)?;
        call.cluster = route
            .split(&mut self.worker.rng.borrow_mut())
            .map(Arc::clone);
        call.route = Some(Arc::clone(route));
        if let Some(cluster) = call.cluster.clone() {
            call.note(|_| Step::Cluster(Arc::clone(&cluster.config.name)));
        }
        self.next.handle(call).await
    }
}

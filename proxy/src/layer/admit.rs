//! Admit: cheap refusal of what there is no room for.
//!
//! Below Respond, which makes the answers; above Hop and Router: what is refused here costs no look at its head, no
//! route and no metric of one. In the order of what costs least: the process has too much to do (`overload`), the
//! listener's `limits.requests`. The connection stays open: to make a new one would cost both sides more than to ask again.

use std::rc::Rc;

use http::Response;

use super::Handle;
use crate::{
    body::Body,
    call::Call,
    error::Error,
    telemetry::{metrics::Label as _, trail::Step},
    worker::Worker,
};

/// See the module.
pub struct Admit<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S> Admit<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }
}

impl<S: Handle> Handle for Admit<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        overload(&self.worker, call)?;
        requests(call)?;
        self.next.handle(call).await
    }
}

/// The process has too much to do.
fn overload(worker: &Worker, call: &mut Call) -> Result<(), Error> {
    let Some(reason) = worker.overloaded() else {
        return Ok(());
    };
    call.note(|_| Step::Refused("overload"));
    Err(Error::Overloaded(reason.as_str()))
}

/// The listener has as many requests as it may.
fn requests(call: &mut Call) -> Result<(), Error> {
    match call.listener.limits.request() {
        Ok(admitted) => {
            call.admitted = admitted;
            Ok(())
        }
        Err(limit) => {
            call.note(|_| Step::Refused("listener"));
            Err(Error::LimitReached(limit.as_str()))
        }
    }
}

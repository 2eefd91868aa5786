//! Filters: a route's edits of the request and its response, the answers that need no endpoint, rate limits and faults.
//!
//! Below Router, which found the route; above Deadline and Retry: edits are made once a request, and an answer from
//! here costs no endpoint anything. What a fault holds up is no part of the request's time, nor of any attempt's.

use std::{rc::Rc, sync::Arc};

use http::{Response, header};
use outrigger_config::model::Scheme;
use tokio::time::sleep;

use super::{Handle, admit, respond::SERVER};
use crate::{
    body::Body,
    call::Call,
    clock,
    error::Error,
    fault::{Fault, Trouble},
    route::edit,
    snapshot::{Filter, Route},
    telemetry::{metrics::FaultKind, trail::Step},
    worker::Worker,
};

/// See the module.
pub struct Filters<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S> Filters<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }

    /// The edits of the request, in file order, up to a filter that answers it.
    async fn inward(
        &self,
        route: &Route,
        call: &mut Call,
    ) -> Result<Option<Response<Body>>, Error> {
        for filter in &route.filters {
            let mut answer: Response<Body> = match filter {
                Filter::RequestHeaders(edits) => {
                    edit::headers(&mut call.head.headers, edits);
                    continue;
                }
                Filter::Rewrite(rewrite) => {
                    rewrite
                        .apply(&mut call.head)
                        .map_err(|_| Error::BadRequest("rewritten path"))?;
                    continue;
                }
                Filter::RateLimit(limit) => {
                    admit::within(limit, call)?;
                    continue;
                }
                Filter::Fault(fault) => {
                    let trouble = fault.draw(&call.head, &mut self.worker.rng.borrow_mut());
                    make(fault, trouble, call).await?;
                    continue;
                }
                Filter::ResponseHeaders(_) => continue,
                Filter::Redirect(redirect) => redirect.response(&call.head, scheme(call)),
                Filter::Respond(respond) => respond.response(),
            };
            answer.headers_mut().insert(header::SERVER, SERVER);
            return Ok(Some(answer));
        }
        Ok(None)
    }
}

impl<S: Handle> Handle for Filters<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let route = match &call.route {
            Some(route) if !route.filters.is_empty() => Arc::clone(route),
            _ => return self.next.handle(call).await,
        };
        let mut response = match self.inward(&route, call).await? {
            Some(answer) => answer,
            None => self.next.handle(call).await?,
        };
        for filter in &route.filters {
            if let Filter::ResponseHeaders(edits) = filter {
                edit::headers(response.headers_mut(), edits);
            }
        }
        Ok(response)
    }
}

/// Makes the trouble that was drawn.
async fn make(fault: &Fault, trouble: Trouble, call: &mut Call) -> Result<(), Error> {
    if let Some(time) = trouble.delay {
        fault.metrics.fault(FaultKind::Delay);
        call.note(|_| Step::Delayed(time));
        // Boxed: a timer is large, and nearly no request has one here.
        Box::pin(sleep(time)).await;
        // The endpoint's time begins now.
        call.now = clock::now();
    }
    if let Some(abort) = trouble.abort {
        fault.metrics.fault(FaultKind::Abort);
        call.note(|_| Step::Aborted(abort));
        return Err(Error::Fault(abort));
    }
    Ok(())
}

/// How the client came: `x-forwarded-proto` is true by now.
fn scheme(call: &Call) -> Scheme {
    match call
        .head
        .headers
        .get("x-forwarded-proto")
        .map(|proto| proto.as_bytes())
    {
        Some(b"https") => Scheme::Https,
        _ => Scheme::Http,
    }
}

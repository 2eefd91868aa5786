//! Filters: a route's edits of the request and its response, and the answers that need no endpoint.
//!
//! Below Router, which found the route; above Deadline and Retry: edits are made once a request, and an answer from
//! here costs no endpoint anything.

use std::sync::Arc;

use http::{Response, header};
use outrigger_config::model::Scheme;

use super::{Handle, respond::SERVER};
use crate::{
    body::Body,
    call::Call,
    error::Error,
    route::edit,
    snapshot::{Filter, Route},
};

/// See the module.
pub struct Filters<S> {
    next: S,
}

impl<S> Filters<S> {
    /// Above `next`.
    pub fn new(next: S) -> Self {
        Self { next }
    }
}

impl<S: Handle> Handle for Filters<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        let route = match &call.route {
            Some(route) if !route.filters.is_empty() => Arc::clone(route),
            _ => return self.next.handle(call).await,
        };
        let mut response = match inward(&route, call)? {
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

/// The edits of the request, in file order, up to a filter that answers it.
fn inward(route: &Route, call: &mut Call) -> Result<Option<Response<Body>>, Error> {
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
            Filter::ResponseHeaders(_) => continue,
            Filter::Redirect(redirect) => redirect.response(&call.head, scheme(call)),
            Filter::Respond(respond) => respond.response(),
        };
        answer.headers_mut().insert(header::SERVER, SERVER);
        return Ok(Some(answer));
    }
    Ok(None)
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

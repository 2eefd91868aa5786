//! Observe: takes up each request and closes its accounts when its response's body has ended.
//!
//! Outermost. What it starts ends with the body it hands out (see `body.rs`), or with the request's future if the
//! client goes away first.

use std::{mem, rc::Rc};

use http::{Response, Version};
use tokio::task::spawn_local;

use super::{
    Handle,
    respond::{BrokenOff, Respond},
};
use crate::{
    body::Body,
    call::{Arrived, Call},
    downstream::Connection,
    worker::Worker,
};

/// See the module.
pub struct Observe<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S> Observe<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }
}

impl<S: Handle> Observe<Respond<S>> {
    /// Answers one request of `connection`.
    pub async fn serve(
        &self,
        arrived: Arrived,
        connection: Rc<Connection>,
    ) -> Result<Response<Body>, BrokenOff> {
        let mut call = Call::new(arrived, connection, Rc::clone(&self.worker));
        let mut response = self.next.respond(&mut call).await?;
        // An endpoint's HTTP/1.0 is its own affair.
        *response.version_mut() = Version::HTTP_11;
        call.answered(&mut response);
        let tunnel = call.tunnel.take().map(|tunnel| (tunnel, call.idle()));
        response.body_mut().observe(call);
        if let Some((tunnel, idle)) = tunnel {
            // The accounts stay open as long as the tunnel.
            let body = mem::take(response.body_mut());
            spawn_local(async move {
                tunnel.run(idle).await;
                drop(body);
            });
        }
        Ok(response)
    }
}

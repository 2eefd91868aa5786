//! OnDemand: has the control plane say what cluster is meant by a host that the table has none for.
//!
//! Below Filters, which may answer without any cluster, and whose rate limits keep wrong hosts from the control plane; below
//! Deadline, so that the wait is within the request's time; above Retry, which needs a cluster. All others pass by with
//! a look at one pointer. Without a control plane such a host is refused at once.
//!
//! Where a request names a port, both names are asked for, and the one that comes first is taken: it is not held up for a
//! better one that hardly exists.

use std::{rc::Rc, sync::Arc, time::Duration};

use http::Response;

use super::Handle;
use crate::{
    body::Body,
    call::Call,
    clock,
    error::Error,
    route::by_host::Names,
    snapshot::Cluster,
    telemetry::{metrics::Answer, trail::Step},
    worker::Worker,
};

/// See the module.
pub struct OnDemand<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S> OnDemand<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }

    async fn find(&self, call: &mut Call, names: &Names<'_>) -> Result<Arc<Cluster>, Error> {
        let on_demand = self.worker.on_demand().ok_or(Error::NoCluster)?;
        let asked = clock::now();
        let answer = on_demand.find(names).await;
        call.now = clock::now();
        let took = Duration::from_micros(call.now - asked);
        call.note(|_| match answer {
            Answer::Full => Step::Refused("on_demand"),
            Answer::Found | Answer::Denied | Answer::Silent => Step::OnDemand(took),
        });
        match answer {
            // It may have gone again since.
            Answer::Found => self.worker.by_host(names).ok_or(Error::NoCluster),
            Answer::Denied => Err(Error::NoCluster),
            Answer::Silent => Err(Error::ControlSilent),
            Answer::Full => Err(Error::LimitReached("unknown hosts")),
        }
    }
}

impl<S: Handle> Handle for OnDemand<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        if let Some(names) = call.unknown.take() {
            // Boxed, so that a request that does not wait has no room for it.
            match Box::pin(self.find(call, &names)).await {
                Ok(cluster) => call.cluster = Some(cluster),
                // Nobody knows what is meant but who called.
                Err(Error::NoCluster) => {
                    let transparent = call.listener.transparent.as_ref();
                    let transparent = transparent.ok_or(Error::NoCluster)?;
                    let meant = transparent.unknown(call.connection.ends());
                    let meant = meant.inspect_err(|_| call.note(|_| Step::Refused("unknown")))?;
                    call.means(meant);
                }
                Err(error) => return Err(error),
            }
            if let Some(cluster) = call.cluster.clone() {
                call.note(|_| Step::Cluster(Arc::clone(&cluster.config.name)));
            }
        }
        self.next.handle(call).await
    }
}

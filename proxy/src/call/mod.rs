//! What flows down the stack: one request and what the proxy knows about it.
//!
//! A `Call` is boxed once when the request arrives, passed down by `&mut`, and rides back up in the response's body.
//! When that body ends, or when the client goes away before, the call is over and its accounts are closed.

mod account;
mod spare;

use std::{net::IpAddr, rc::Rc, sync::Arc};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, request::Parts};
use http_body::Frame;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use smallvec::SmallVec;

use crate::{
    body::{Body, Progress},
    circuit_breaker::Permit,
    clock,
    downstream::{
        Connection,
        framing::Framing,
        survey::{Survey, X_OUTRIGGER_TRAIL},
    },
    error::Error,
    snapshot::{Cluster, Endpoint, Fallback, Listener, Route},
    telemetry::{
        trace::TraceContext,
        trail::{Step, Trail},
    },
    upstream::tunnel::Tunnel,
    worker::Worker,
};
use account::Account;
use spare::Spare;

/// One request on its way.
pub struct Call {
    /// The request as it will be sent on. An attempt takes it; what was not sent is put back.
    pub head: Parts,
    /// Its body.
    pub body: Body,
    /// Whether an attempt has taken the request and not given it back.
    taken: bool,
    /// What is needed to repeat the request after it was taken.
    spare: Option<Box<Spare>>,
    /// The downstream connection it came on.
    pub connection: Rc<Connection>,
    /// The worker that serves it.
    worker: Rc<Worker>,
    /// Who asked: the peer, or whom a trusted proxy named.
    pub client: IpAddr,
    /// What its headers said when it came.
    pub survey: Survey,
    /// What its raw head said of its framing.
    pub framing: Framing,
    /// When something last happened to it, in microseconds of [`clock`]: fresh enough for a pick, and free.
    pub now: u64,
    /// When its time, or that of the attempt under way, is up.
    pub until: u64,
    /// Whether the client takes trailers (`te: trailers`).
    pub trailers: bool,
    /// What it came in by.
    pub listener: Arc<Listener>,
    /// Found by the router.
    pub route: Option<Arc<Route>>,
    /// Chosen from the route's clusters.
    pub cluster: Option<Arc<Cluster>>,
    /// Picked for the attempt under way.
    pub endpoint: Option<Arc<Endpoint>>,
    /// Its cluster is not the one that the router chose, but the fallback of that one.
    pub diverted: bool,
    /// A circuit breaker let the attempt under way through, and wants to know what comes of it.
    pub permit: Option<Box<Permit>>,
    /// That attempt is to see whether an ejected endpoint is well again.
    pub probe: bool,
    /// Attempts begun.
    pub attempts: u32,
    /// Endpoints of failed attempts, by id; the next attempt prefers others.
    pub tried: SmallVec<[u64; 2]>,
    /// The client's side of a protocol switch, if it asked for one.
    pub upgrade: Option<OnUpgrade>,
    /// Both sides of a protocol switch that the endpoint agreed to.
    pub tunnel: Option<Tunnel>,
    /// What was decided on its way, if anybody wants to know.
    trail: Option<Box<Trail>>,
    account: Account,
}

impl Call {
    /// Takes up a request.
    pub fn new(
        request: Request<Incoming>,
        connection: Rc<Connection>,
        worker: Rc<Worker>,
    ) -> Box<Self> {
        let (head, body) = request.into_parts();
        let framing = connection.begin();
        let listener = connection.listener();
        let survey = Survey::of(&head.headers);
        let traced = worker.access_log().is_some() || (survey.trail && listener.config.trail);
        let now = clock::now();
        let mut call = Box::new(Self {
            account: Account::open(&head, now, worker.access_log().is_some()),
            now,
            until: u64::MAX,
            trail: traced.then(Box::default),
            client: connection.peer.ip(),
            survey,
            framing,
            trailers: false,
            head,
            body: Body::from(body),
            taken: false,
            spare: None,
            connection,
            worker,
            listener,
            route: None,
            cluster: None,
            endpoint: None,
            diverted: false,
            permit: None,
            probe: false,
            attempts: 0,
            tried: SmallVec::new(),
            upgrade: None,
            tunnel: None,
        });
        if let Some(counter) = call.account.counter() {
            call.body.count(counter);
        }
        call
    }

    /// When its head had been read, in microseconds of [`clock`].
    pub fn received(&self) -> u64 {
        self.account.received()
    }

    /// What stands in for its cluster. Nothing does for one that stands in itself.
    pub fn fallback(&self) -> Option<&Fallback> {
        let (route, cluster) = self.route.as_deref().zip(self.cluster.as_ref())?;
        route.fallback(cluster).filter(|_| !self.diverted)
    }

    /// The method that the client used.
    pub fn method(&self) -> &Method {
        self.account.method()
    }

    /// The tracing headers are written.
    pub fn traced(&mut self, trace: &TraceContext) {
        self.account.traced(&self.head.headers, trace);
    }

    /// Keeps what is needed to send the request once more; of its body, as much as a replay keeps.
    pub fn keep_spare(&mut self) {
        if self.spare.is_none() {
            self.spare = Some(Box::new(Spare::of(&self.head, self.body.again())));
        }
    }

    /// Hands the request over to be sent.
    pub fn take(&mut self) -> Request<Body> {
        self.taken = true;
        Request::from_parts(
            std::mem::replace(&mut self.head, nothing()),
            std::mem::take(&mut self.body),
        )
    }

    /// Takes back a request that was not sent.
    pub fn put_back(&mut self, request: Request<Body>) {
        self.taken = false;
        (self.head, self.body) = request.into_parts();
    }

    /// Makes the request whole for another attempt; whether that was possible.
    pub fn restore(&mut self) -> bool {
        if self.taken
            && let Some(spare) = self.spare.take().filter(|spare| spare.body.whole())
        {
            (self.head, self.body) = spare.unpack();
            self.taken = false;
        }
        !self.taken
    }

    /// Something was decided, or came of it. `step` is made only if somebody wants to know.
    pub fn note(&mut self, step: impl FnOnce(&Self) -> Step) {
        if let Some(mut trail) = self.trail.take() {
            trail.record(step(self));
            self.trail = Some(trail);
        }
    }

    /// The proxy itself makes the response.
    pub fn failed(&mut self, error: &Error) {
        self.now = clock::now();
        self.account.failed(error.reason());
        self.worker.metrics().error(error.reason());
    }

    /// The response's head is there.
    pub fn answered(&mut self, response: &mut Response<Body>) {
        // There will be no other attempt: nothing has to be kept for it.
        self.spare = None;
        self.account.answered(response.status(), self.now);
        if self.survey.grpc {
            self.account.trailers(response.headers());
        }
        if self.survey.trail
            && self.listener.config.trail
            && let Some(trail) = &self.trail
            && let Ok(trail) = HeaderValue::try_from(trail.to_string())
        {
            response.headers_mut().insert(X_OUTRIGGER_TRAIL, trail);
        }
    }

    /// A part of the response's body went by.
    pub fn see(&mut self, frame: &Frame<Bytes>) {
        if let Some(data) = frame.data_ref() {
            self.account.sent(data.len());
        } else if let Some(trailers) = frame.trailers_ref() {
            self.account.trailers(trailers);
        }
    }

    /// The response's body has ended, at `now`.
    pub fn end(&mut self, progress: Progress, now: u64) {
        self.account.ended(progress, now);
    }
}

/// The call is over, however it ended: before a response, the client went away.
impl Drop for Call {
    fn drop(&mut self) {
        let route = self.route.as_deref();
        let metrics = route.map_or(&self.listener.unrouted, |route| &route.metrics);
        self.account.close(metrics);
        if let Some(log) = self.worker.access_log() {
            self.account.log(log, self);
        }
        self.connection.end();
    }
}

/// A head with nothing in it.
fn nothing() -> Parts {
    Request::new(()).into_parts().0
}

//! What flows down the stack: one request and what the proxy knows about it.
//!
//! A `Call` is boxed once when the request arrives, passed down by `&mut`, and rides back up in the response's body.
//! When that body ends, or when the client goes away before, the call is over and its accounts are closed.

mod account;
mod fork;
mod wait;

use std::{net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Response, Version, request::Parts};
use http_body::{Body as _, Frame};
use smallvec::SmallVec;

use crate::{
    body::{Body, Progress},
    circuit_breaker::Permit,
    clock,
    downstream::{
        Connection,
        survey::{Survey, X_OUTRIGGER_TRAIL},
        unread::Generation,
        upgrade::OnUpgrade,
    },
    error::Error,
    http1::Malformed,
    idle_timeout::{Idle, Silent},
    layer::deadline::Told,
    limits::{Retrying, gate},
    rate_limit::Quota,
    route::by_host::Names,
    snapshot::{Cluster, Endpoint, Fallback, Listener, Route},
    telemetry::{
        trace::TraceContext,
        trail::{Step, Trail},
    },
    transparent::Meant,
    upstream::tunnel::Tunnel,
    worker::Worker,
};
use account::Account;
use fork::Twin;
pub use wait::Wait;

/// A request as it came.
pub struct Arrived {
    /// Its head.
    pub head: Parts,
    /// Its body.
    pub body: Body,
    /// Its client's side of a protocol switch, should it come to one.
    pub upgrade: Option<OnUpgrade>,
    /// Why it is not clear where it ends, if so.
    pub doubt: Option<Malformed>,
}

/// One request on its way.
pub struct Call {
    /// The request as it will be sent on.
    pub head: Parts,
    /// Its body. An attempt takes it; what was not sent is put back.
    pub body: Body,
    /// Whether an attempt has taken the body and not given it back.
    taken: bool,
    /// What is needed to send the body again after it was taken: read from its start.
    spare: Option<Body>,
    /// Where its attempt went to, if there may be another one beside it.
    twin: Option<Twin>,
    /// The downstream connection it came on.
    pub connection: Rc<Connection>,
    /// The worker that serves it.
    worker: Rc<Worker>,
    /// When its head had been read, in microseconds of [`clock`].
    received: u64,
    /// The method that the client used.
    method: Method,
    /// Who asked: the peer, or whom a trusted proxy named.
    pub client: IpAddr,
    /// What its headers said when it came.
    pub survey: Survey,
    /// Why it is not clear where it ends, if so.
    pub doubt: Option<Malformed>,
    /// When something last happened to it, in microseconds of [`clock`]: fresh enough for a pick, and free.
    pub now: u64,
    /// When its time, or that of the attempt under way, is up.
    pub until: u64,
    /// How its endpoint is told of that time, if it is.
    pub told: Told,
    /// Whether the attempt under way waits for a connection, where it may have to.
    pub wait: Wait,
    /// What it holds of its listener's limits, to its end.
    pub admitted: Option<gate::Permit>,
    /// What it holds of its cluster's limit of retries, to its end, once it is one.
    pub retrying: Option<Retrying>,
    /// Whether the client takes trailers (`te: trailers`).
    pub trailers: bool,
    /// What it came in by.
    pub listener: Arc<Listener>,
    /// Found by the router.
    pub route: Option<Arc<Route>>,
    /// Chosen from the route's clusters, or named by the request's host.
    pub cluster: Option<Arc<Cluster>>,
    /// Its host names a cluster that the table does not have.
    pub unknown: Option<Box<Names<'static>>>,
    /// The one endpoint of the cluster that was called, where there is no choice.
    pub only: Option<Arc<Endpoint>>,
    /// Picked for the attempt under way.
    pub endpoint: Option<Arc<Endpoint>>,
    /// The tightest of the rate limits that it met, to be told to the client.
    pub quota: Option<Box<Quota>>,
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
    /// The client's side of a protocol switch, if it asked for one that may be passed on.
    pub upgrade: Option<OnUpgrade>,
    /// Both sides of a protocol switch that the endpoint agreed to.
    pub tunnel: Option<Tunnel>,
    /// Watches that it moves, once that is needed.
    idle: Option<Rc<Idle>>,
    /// Its response was given away to its end, and its connection counts those.
    given: Option<Generation>,
    /// What was decided on its way, if anybody wants to know.
    trail: Option<Box<Trail>>,
    /// Closed when the call is over; a fork has none.
    account: Option<Account>,
}

impl Call {
    /// Takes up a request.
    pub fn new(arrived: Arrived, connection: Rc<Connection>, worker: Rc<Worker>) -> Box<Self> {
        let Arrived {
            head,
            body,
            upgrade,
            doubt,
        } = arrived;
        connection.begin();
        let listener = connection.listener();
        let survey = Survey::of(&head.headers);
        let traced = worker.access_log().is_some() || (survey.trail && listener.config.trail);
        let now = clock::now();
        let account = Account::open(&head, worker.access_log().is_some());
        let counter = account.counter();
        let mut call = Box::new(Self {
            account: Some(account),
            received: now,
            method: head.method.clone(),
            now,
            until: u64::MAX,
            told: Told::default(),
            wait: Wait::default(),
            admitted: None,
            retrying: None,
            trail: traced.then(Box::default),
            client: connection.peer.ip(),
            survey,
            doubt,
            trailers: false,
            head,
            body,
            taken: false,
            spare: None,
            twin: None,
            connection,
            worker,
            listener,
            route: None,
            cluster: None,
            unknown: None,
            only: None,
            endpoint: None,
            quota: None,
            diverted: false,
            permit: None,
            probe: false,
            attempts: 0,
            tried: SmallVec::new(),
            upgrade,
            tunnel: None,
            idle: None,
            given: None,
        });
        if let Some(counter) = counter {
            call.body.count(counter);
        }
        call
    }

    /// When its head had been read, in microseconds of [`clock`].
    pub fn received(&self) -> u64 {
        self.received
    }

    /// What stands in for its cluster. Nothing does for one that stands in itself.
    pub fn fallback(&self) -> Option<Arc<Fallback>> {
        let cluster = self.cluster.as_ref().filter(|_| !self.diverted)?;
        let name = &cluster.config.name;
        self.worker
            .with_snapshot(|snapshot| snapshot.clusters.fallback(name).map(Arc::clone))
    }

    /// The method that the client used.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The tracing headers are written.
    pub fn traced(&mut self, trace: &TraceContext) {
        if let Some(account) = &mut self.account {
            account.traced(&self.head.headers, trace);
        }
    }

    /// Goes to what was meant by the address that was called.
    pub fn means(&mut self, meant: Meant) {
        self.cluster = Some(meant.cluster);
        self.only = meant.endpoint;
    }

    /// Whether its client speaks HTTP/2, and chose so itself: what sidecars speak with each other says nothing of the
    /// applications behind them.
    pub fn is_http2_by_choice(&self) -> bool {
        self.head.version == Version::HTTP_2 && self.connection.secured().is_none()
    }

    /// Keeps what is needed to send the request once more: of its body, if it has one, as much as a replay keeps.
    pub fn keep_body(&mut self) {
        if self.spare.is_none() && !self.body.is_end_stream() {
            self.spare = Some(self.body.again(self.body_limit()));
        }
    }

    /// How much of its body is kept.
    fn body_limit(&self) -> usize {
        let route = self.route.as_ref();
        route.map_or(0, |route| route.retry.body_limit)
    }

    /// Whether all of the request is here to be sent again, its body to the end.
    pub fn kept_whole(&self) -> bool {
        match &self.spare {
            Some(spare) => spare.at_hand(),
            None => !self.taken && self.body.is_end_stream(),
        }
    }

    /// Whether it can be made whole for another attempt.
    pub fn restorable(&self) -> bool {
        let spare = self.spare.as_ref();
        !self.taken || spare.is_some_and(Body::whole)
    }

    /// Hands the body over to be sent. A request without one stays whole, and can be sent as often as need be.
    pub fn take_body(&mut self) -> Body {
        if self.body.is_end_stream() {
            return Body::default();
        }
        self.taken = true;
        std::mem::take(&mut self.body)
    }

    /// Takes back a body that was not sent.
    pub fn put_back_body(&mut self, body: Body) {
        self.taken = false;
        self.body = body;
    }

    /// Makes the request whole for another attempt; whether that was possible.
    pub fn restore(&mut self) -> bool {
        if self.taken
            && let Some(spare) = self.spare.take().filter(Body::whole)
        {
            spare.take_over();
            self.put_back_body(spare);
        }
        !self.taken
    }

    /// What watches that it moves; `None` if its route lets it rest for ever.
    pub fn idle(&mut self) -> Option<Rc<Idle>> {
        if self.idle.is_none() {
            let limit = self.route.as_ref()?.config.idle_timeout?;
            let (connection, worker) = (Rc::clone(&self.connection), Rc::clone(&self.worker));
            self.idle = Some(Idle::new(limit, connection, worker));
        }
        self.idle.clone()
    }

    /// The same, if it has a body to be sent, which is watched from now on.
    pub fn watch_request(&mut self) -> Option<Rc<Idle>> {
        if self.body.is_end_stream() {
            return None;
        }
        let idle = self.idle()?;
        self.body.watch(Rc::clone(&idle));
        Some(idle)
    }

    /// Through whom it rested for too long, if it did.
    pub fn silent(&self) -> Option<Silent> {
        self.idle.as_ref().and_then(|idle| idle.silent())
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
        if let Some(account) = &mut self.account {
            account.failed(error.reason());
        }
        self.worker.metrics().error(error.reason());
    }

    /// The response's head is there.
    pub fn answered(&mut self, response: &mut Response<Body>) {
        // There will be no other attempt: nothing has to be kept for it. Headers hold on to what they were read from.
        self.spare = None;
        self.head.headers = HeaderMap::new();
        if let Some(account) = &mut self.account {
            account.answered(response.status(), since(self.received, self.now));
            if self.survey.grpc {
                account.trailers(response.headers());
            }
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
        let Some(account) = &mut self.account else {
            return;
        };
        if let Some(data) = frame.data_ref() {
            account.sent(data.len());
        } else if let Some(trailers) = frame.trailers_ref() {
            account.trailers(trailers);
        }
    }

    /// The last part of the response's body went by: what is left is for the client to take.
    pub fn given_away(&mut self) {
        if let Some(unread) = self.connection.unread()
            && let Some(route) = &self.route
            && let Some(limit) = route.config.idle_timeout
            && self.given.is_none()
        {
            self.given = Some(unread.give(clock::micros(limit)));
        }
    }

    /// The response's body has ended, at `now`.
    pub fn end(&mut self, progress: Progress, now: u64) {
        if let Some(account) = &mut self.account {
            account.ended(progress, now);
        }
    }
}

/// The call is over, however it ended: before a response, the client went away.
impl Drop for Call {
    fn drop(&mut self) {
        let Some(account) = self.account.take() else {
            return;
        };
        account.close(self);
        if let Some(idle) = &self.idle {
            idle.forget();
        }
        if let (Some(given), Some(unread)) = (self.given, self.connection.unread()) {
            unread.end(given);
        }
        self.connection.end();
    }
}

/// The time between two moments in microseconds.
fn since(then: u64, now: u64) -> Duration {
    Duration::from_micros(now.saturating_sub(then))
}

//! What flows down the stack: one request and what the proxy knows about it.
//!
//! A `Call` is boxed once when the request arrives, passed down by `&mut`, and rides back up in the response's body.
//! When that body ends, or when the client goes away before, the call is over and its accounts are closed.

use std::{
    cell::Cell,
    net::IpAddr,
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header, request::Parts,
};
use hyper::{body::Incoming, upgrade::OnUpgrade};
use smallvec::SmallVec;

use crate::{
    body::{Body, Progress},
    clock,
    downstream::{
        Connection,
        framing::Framing,
        survey::{Survey, X_OUTRIGGER_TRAIL},
    },
    error::Error,
    snapshot::{Cluster, Endpoint, Listener, Route},
    telemetry::{
        access_log::{AccessLog, Entry},
        trace::{TraceContext, TraceId, X_REQUEST_ID},
        trail::{Step, Trail},
    },
    upstream::tunnel::Tunnel,
    worker::Worker,
};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The client went away before its response had begun; nginx's number, for the accounts only.
const CLIENT_GONE: u16 = 499;

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

/// What the metrics and the log will say.
struct Account {
    /// When its head had been read, in microseconds of [`clock`].
    received: u64,
    /// When its response's body ended.
    ended: Option<u64>,
    method: Method,
    status: StatusCode,
    grpc_status: Option<u8>,
    /// The proxy's own error, if it made the response.
    reason: Option<&'static str>,
    /// From `received` to the response's head.
    to_head: Option<Duration>,
    /// Bytes of the response's body.
    sent: u64,
    /// Only if there is an access log.
    logged: Option<Box<Logged>>,
}

/// What the access log needs of a request that is long gone by then.
struct Logged {
    time: SystemTime,
    uri: Uri,
    version: Version,
    host: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
    trace_id: Option<TraceId>,
    /// Bytes of the request's body.
    received: Rc<Cell<u64>>,
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
            account: Account {
                received: now,
                ended: None,
                method: head.method.clone(),
                status: StatusCode::from_u16(CLIENT_GONE).unwrap_or_default(),
                grpc_status: None,
                reason: None,
                to_head: None,
                sent: 0,
                logged: worker.access_log().map(|_| Box::new(Logged::new(&head))),
            },
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
            attempts: 0,
            tried: SmallVec::new(),
            upgrade: None,
            tunnel: None,
        });
        if let Some(logged) = &call.account.logged {
            call.body.count(Rc::clone(&logged.received));
        }
        call
    }

    /// When its head had been read, in microseconds of [`clock`].
    pub fn received(&self) -> u64 {
        self.account.received
    }

    /// The method that the client used.
    pub fn method(&self) -> &Method {
        &self.account.method
    }

    /// The tracing headers are written.
    pub fn traced(&mut self, trace: TraceContext) {
        if let Some(logged) = &mut self.account.logged {
            logged.trace_id = Some(trace.trace_id);
            logged.request_id = self.head.headers.get(&X_REQUEST_ID).cloned();
            // As it was before it travelled on: the Host may have come as an authority.
            logged.host = self.head.headers.get(header::HOST).cloned();
        }
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
        self.account.reason = Some(error.reason());
        self.worker.metrics().error(error.reason());
    }

    /// The response's head is there.
    pub fn answered(&mut self, response: &mut Response<Body>) {
        // There will be no other attempt: nothing has to be kept for it.
        self.spare = None;
        self.account.status = response.status();
        self.account.to_head = Some(Duration::from_micros(
            self.now.saturating_sub(self.account.received),
        ));
        if self.survey.grpc {
            self.trailers(response.headers());
        }
        if self.survey.trail
            && self.listener.config.trail
            && let Some(trail) = &self.trail
            && let Ok(trail) = HeaderValue::try_from(trail.to_string())
        {
            response.headers_mut().insert(X_OUTRIGGER_TRAIL, trail);
        }
    }

    /// Bytes of the response's body went by.
    pub fn sent(&mut self, bytes: usize) {
        self.account.sent += bytes as u64;
    }

    /// Trailers went by.
    pub fn trailers(&mut self, trailers: &HeaderMap) {
        let status = trailers
            .get(GRPC_STATUS)
            .and_then(|status| status.to_str().ok());
        self.account.grpc_status = status
            .and_then(|status| status.parse().ok())
            .or(self.account.grpc_status);
    }

    /// The response's body has ended, at `now`.
    pub fn end(&mut self, progress: Progress, now: u64) {
        self.account.ended = Some(now);
        match progress {
            Progress::Complete => {}
            Progress::Partial => {
                self.account.reason = self.account.reason.or(Some("downstream_gone"))
            }
            Progress::Broken => self.account.reason = Some("response_broken"),
        }
    }

    fn took(&self) -> Duration {
        let ended = self.account.ended.unwrap_or_else(clock::now);
        Duration::from_micros(ended.saturating_sub(self.account.received))
    }

    fn log(&self, log: &AccessLog, logged: &Logged) {
        let trail = self.trail.as_deref().cloned().unwrap_or_default();
        log.write(&Entry {
            time: logged.time,
            client: self.client,
            method: &self.account.method,
            host: logged.host.as_ref().map_or(b"", HeaderValue::as_bytes),
            path: logged.uri.path_and_query().map_or("", |path| path.as_str()),
            protocol: logged.version,
            status: self.account.status,
            grpc_status: self.account.grpc_status,
            error: self.account.reason,
            bytes_in: logged.received.get(),
            bytes_out: self.account.sent,
            duration: self.took(),
            time_to_head: self.account.to_head,
            listener: &self.listener.config.name,
            route: self.route.as_ref().map(|route| &*route.config.name),
            trace_id: logged.trace_id.as_ref(),
            request_id: logged.request_id.as_ref().map(HeaderValue::as_bytes),
            user_agent: logged.user_agent.as_ref().map(HeaderValue::as_bytes),
            trail: &trail,
        });
    }
}

/// The call is over, however it ended: before a response, the client went away.
impl Drop for Call {
    fn drop(&mut self) {
        if self.account.to_head.is_none() {
            self.account.reason = Some("downstream_gone");
        }
        let account = &self.account;
        let metrics = self
            .route
            .as_ref()
            .map_or(&self.listener.unrouted, |route| &route.metrics);
        metrics.record(
            &account.method,
            account.status,
            account.grpc_status,
            self.took(),
        );
        if let (Some(log), Some(logged)) = (self.worker.access_log(), &account.logged) {
            self.log(log, logged);
        }
        self.connection.end();
    }
}

/// A request, packed: it is kept for nearly every one and needed by nearly none, so keeping has to be cheap. A list of
/// headers is copied for half of what a map of them costs.
struct Spare {
    method: Method,
    uri: Uri,
    version: Version,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
}

impl Spare {
    fn of(head: &Parts, body: Body) -> Self {
        Self {
            method: head.method.clone(),
            uri: head.uri.clone(),
            version: head.version,
            headers: head
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            body,
        }
    }

    fn unpack(self) -> (Parts, Body) {
        let mut head = nothing();
        (head.method, head.uri, head.version) = (self.method, self.uri, self.version);
        head.headers.reserve(self.headers.len());
        for (name, value) in self.headers {
            head.headers.append(name, value);
        }
        (head, self.body)
    }
}

impl Logged {
    fn new(head: &Parts) -> Self {
        Self {
            time: SystemTime::now(),
            uri: head.uri.clone(),
            version: head.version,
            host: head.headers.get(header::HOST).cloned(),
            user_agent: head.headers.get(header::USER_AGENT).cloned(),
            request_id: None,
            trace_id: None,
            received: Rc::default(),
        }
    }
}

/// A head with nothing in it.
fn nothing() -> Parts {
    Request::new(()).into_parts().0
}

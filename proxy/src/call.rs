//! What flows down the stack: one request and what the proxy knows about it.
//!
//! A `Call` is boxed once when the request arrives, passed down by `&mut`, and rides back up in the response's body.
//! When that body ends, or when the client goes away before, the call is over and its accounts are closed.

use std::{net::IpAddr, rc::Rc, sync::Arc};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version, header, request::Parts};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use smallvec::SmallVec;

use crate::{
    body::{Body, Progress},
    clock,
    downstream::Connection,
    error::Error,
    snapshot::{Cluster, Endpoint, Listener, Route},
    telemetry::{access_log::Started, trace::TraceContext, trail::Trail},
    upstream::tunnel::Tunnel,
    worker::Worker,
};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The client went away before its response had ended; nginx's number, for the accounts only.
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
    spare: Option<Parts>,
    /// The downstream connection it came on.
    pub connection: Rc<Connection>,
    /// The worker that serves it.
    worker: Rc<Worker>,
    /// Who asked: the peer, or whom a trusted proxy named.
    pub client: IpAddr,
    /// Whether it is a gRPC request.
    pub grpc: bool,
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
    /// Where it stands in its trace.
    pub trace: Option<TraceContext>,
    /// What was decided on its way.
    pub trail: Trail,
    account: Account,
}

/// What the metrics and the log will say.
struct Account {
    /// When its head had been read, in microseconds of [`clock`].
    received: u64,
    method: Method,
    status: u16,
    grpc_status: Option<u8>,
    /// The proxy's own error, if it made the response.
    reason: Option<&'static str>,
    /// From `received` to the response's head, in microseconds.
    to_head: u64,
    /// Bytes of the response's body.
    sent: u64,
    /// What the log needs of a request that is long gone by then; only if there is a log.
    started: Option<Box<Started>>,
}

impl Call {
    /// Takes up a request.
    pub fn new(request: Request<Incoming>, connection: Rc<Connection>, worker: Rc<Worker>) -> Box<Self> {
        let (head, body) = request.into_parts();
        connection.begin();
        let listener = connection.listener();
        Box::new(Self {
            account: Account {
                received: clock::now(),
                method: head.method.clone(),
                status: CLIENT_GONE,
                grpc_status: None,
                reason: None,
                to_head: 0,
                sent: 0,
                started: worker.access_log().map(|_| Box::new(Started::new(&head))),
            },
            client: connection.peer.ip(),
            grpc: is_grpc(&head.headers),
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
            trace: None,
            trail: Trail::new(),
        })
    }

    /// The method that the client used.
    pub fn method(&self) -> &Method {
        &self.account.method
    }

    /// Whether the request can be sent twice without harm: its method is idempotent, and it has no body, which is gone
    /// once it was read.
    pub fn repeatable(&self) -> bool {
        self.account.method.is_idempotent() && self.body.is_end_stream()
    }

    /// Keeps what is needed to send a request without a body once more.
    pub fn keep_spare(&mut self) {
        if self.spare.is_none() && self.body.is_end_stream() {
            let mut spare = nothing();
            spare.method = self.head.method.clone();
            spare.uri = self.head.uri.clone();
            spare.version = self.head.version;
            spare.headers = self.head.headers.clone();
            self.spare = Some(spare);
        }
    }

    /// Hands the request over to be sent.
    pub fn take(&mut self) -> Request<Body> {
        self.taken = true;
        Request::from_parts(std::mem::replace(&mut self.head, nothing()), std::mem::take(&mut self.body))
    }

    /// Takes back a request that was not sent.
    pub fn put_back(&mut self, request: Request<Body>) {
        self.taken = false;
        (self.head, self.body) = request.into_parts();
    }

    /// Makes the request whole for another attempt; whether that was possible.
    pub fn restore(&mut self) -> bool {
        if self.taken && let Some(spare) = self.spare.take() {
            self.head = spare;
            self.taken = false;
        }
        !self.taken
    }

    /// The proxy itself makes the response.
    pub fn failed(&mut self, error: &Error) {
        self.account.reason = Some(error.reason());
        self.trail.error(error.reason());
        self.worker.metrics().error(error.reason());
    }

    /// The response's head is there.
    pub fn answered(&mut self, response: &mut Response<Body>) {
        self.account.status = response.status().as_u16();
        self.account.to_head = clock::now().saturating_sub(self.account.received);
        if self.grpc {
            self.trailers(response.headers());
        }
        if self.listener.config.trail && self.account.started... {
        }
    }

    /// Bytes of the response's body went by.
    pub fn sent(&mut self, bytes: usize) {
        self.account.sent += bytes as u64;
    }

    /// Trailers went by.
    pub fn trailers(&mut self, trailers: &HeaderMap) {
        let status = trailers.get(GRPC_STATUS).and_then(|status| status.to_str().ok());
        self.account.grpc_status = status.and_then(|status| status.parse().ok()).or(self.account.grpc_status);
    }
}

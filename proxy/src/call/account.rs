//! What the metrics and the access log will say of a call.

use std::{
    cell::Cell,
    rc::Rc,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, Version, header, request::Parts};

use super::{Call, since};
use crate::{
    body::Progress,
    clock,
    telemetry::{
        access_log::{AccessLog, Entry},
        trace::{TraceContext, TraceId, X_REQUEST_ID},
    },
};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// The client went away before its response had begun; nginx's number, for the accounts only.
const CLIENT_GONE: u16 = 499;

/// Opened with the request's head, closed when its response's body has ended. Times are microseconds of [`clock`].
pub struct Account {
    ended: Option<u64>,
    status: StatusCode,
    grpc_status: Option<u8>,
    /// Why the proxy itself made the response, or why it did not come to its end.
    reason: Option<&'static str>,
    /// From the request's head to the response's.
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

impl Account {
    /// For a request whose head has been read.
    pub fn open(head: &Parts, logged: bool) -> Self {
        Self {
            ended: None,
            status: StatusCode::from_u16(CLIENT_GONE).unwrap_or_default(),
            grpc_status: None,
            reason: None,
            to_head: None,
            sent: 0,
            logged: logged.then(|| Box::new(Logged::new(head))),
        }
    }

    /// Counts the bytes of the request's body, if anybody wants to know.
    pub fn counter(&self) -> Option<Rc<Cell<u64>>> {
        self.logged
            .as_ref()
            .map(|logged| Rc::clone(&logged.received))
    }

    /// The tracing headers are written; the Host, which may have come as an authority, is in its place.
    pub fn traced(&mut self, headers: &HeaderMap, trace: &TraceContext) {
        if let Some(logged) = &mut self.logged {
            logged.trace_id = Some(trace.trace_id);
            logged.request_id = headers.get(&X_REQUEST_ID).cloned();
            logged.host = headers.get(header::HOST).cloned();
        }
    }

    /// The proxy itself makes the response.
    pub fn failed(&mut self, reason: &'static str) {
        self.reason = Some(reason);
    }

    /// The response's head is there, so long after the request's.
    pub fn answered(&mut self, status: StatusCode, to_head: Duration) {
        self.status = status;
        self.to_head = Some(to_head);
    }

    /// Bytes of the response's body went by.
    pub fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
    }

    /// Trailers went by, or a head that is all there is.
    pub fn trailers(&mut self, trailers: &HeaderMap) {
        let status = trailers
            .get(GRPC_STATUS)
            .and_then(|status| status.to_str().ok());
        self.grpc_status = status
            .and_then(|status| status.parse().ok())
            .or(self.grpc_status);
    }

    /// The response's body has ended.
    pub fn ended(&mut self, progress: Progress, now: u64) {
        self.ended = Some(now);
        match progress {
            Progress::Complete => {}
            Progress::Partial => self.reason = self.reason.or(Some("downstream_gone")),
            Progress::Broken => self.reason = Some("response_broken"),
            Progress::Idle(_) => self.reason = self.reason.or(Some("idle_timeout")),
        }
    }

    /// Counts `call`, which is over and whose account this is, and writes its line.
    pub fn close(mut self, call: &Call) {
        if self.to_head.is_none() {
            self.reason = self.reason.or(Some("downstream_gone"));
        }
        let took = since(call.received, self.ended.unwrap_or_else(clock::now));
        let route = call.route.as_deref();
        let metrics = route.map_or(&call.listener.unrouted, |route| &route.metrics);
        metrics.record(&call.method, self.status, self.grpc_status, took);
        if let Some(log) = call.worker.access_log() {
            self.log(log, call, took);
        }
    }

    fn log(&self, log: &AccessLog, call: &Call, took: Duration) {
        let Some(logged) = &self.logged else {
            return;
        };
        let trail = call.trail.as_deref().cloned().unwrap_or_default();
        let session = call.connection.secured().map(|secured| &secured.session);
        log.write(&Entry {
            time: logged.time,
            client: call.client,
            method: &call.method,
            host: logged.host.as_ref().map_or(b"", HeaderValue::as_bytes),
            path: logged.uri.path_and_query().map_or("", |path| path.as_str()),
            tls: session.map(|session| session.version.as_str()),
            peer: session.and_then(|session| Some(session.peer.as_ref()?.name())),
            protocol: logged.version,
            status: self.status,
            grpc_status: self.grpc_status,
            error: self.reason,
            bytes_in: logged.received.get(),
            bytes_out: self.sent,
            duration: took,
            time_to_head: self.to_head,
            listener: &call.listener.config.name,
            route: call.route.as_ref().map(|route| &*route.config.name),
            trace_id: logged.trace_id.as_ref(),
            request_id: logged.request_id.as_ref().map(HeaderValue::as_bytes),
            user_agent: logged.user_agent.as_ref().map(HeaderValue::as_bytes),
            trail: &trail,
        });
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

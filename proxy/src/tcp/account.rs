//! What the metrics and the access log will say of a connection.

use std::{
    rc::Rc,
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::Flow;
use crate::{
    clock,
    downstream::Connection,
    error::Error,
    telemetry::{
        access_log::ConnectionEntry,
        metrics::{Label as _, OpenConnection, TcpMetrics, TcpResult},
        trail::Trail,
    },
    worker::Worker,
};

/// Opened when it is known where a connection goes, closed when it is over.
pub(super) struct Account<'a> {
    worker: &'a Worker,
    connection: &'a Rc<Connection>,
    metrics: Arc<TcpMetrics>,
    /// What was decided, where it is logged.
    pub(super) trail: Option<Trail>,
    name: Option<String>,
    time: Option<SystemTime>,
    /// In microseconds.
    began: u64,
    to_connect: Option<Duration>,
    _open: OpenConnection,
}

impl<'a> Account<'a> {
    pub(super) fn open(
        worker: &'a Worker,
        connection: &'a Rc<Connection>,
        metrics: Arc<TcpMetrics>,
        name: Option<String>,
    ) -> Self {
        Self {
            _open: metrics.open(),
            trail: None,
            time: worker.access_log().map(|_| SystemTime::now()),
            began: connection.since,
            to_connect: None,
            metrics,
            worker,
            connection,
            name,
        }
    }

    /// Whether anybody wants to know what was decided.
    pub(super) fn is_logged(&self) -> bool {
        self.time.is_some()
    }

    /// The name that the client asked for.
    pub(super) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// It has its endpoint.
    pub(super) fn connected(&mut self) {
        self.to_connect = Some(self.since());
    }

    /// It never came to an endpoint.
    pub(super) fn refused(self, error: &Error) {
        self.worker.metrics().error(error.reason());
        self.close(TcpResult::Refused, Some(error.reason()), (0, 0));
    }

    /// It is over.
    pub(super) fn end(self, result: TcpResult, flow: &Flow) {
        let error = Some(result.as_str()).filter(|_| result != TcpResult::Closed);
        self.close(result, error, flow.bytes());
    }

    fn close(self, result: TcpResult, error: Option<&'static str>, bytes: (u64, u64)) {
        let took = self.since();
        self.metrics.ended(result, took);
        let (Some(log), Some(time)) = (self.worker.access_log(), self.time) else {
            return;
        };
        let session = self.connection.secured().map(|secured| &secured.session);
        let peer = session.and_then(|session| session.peer.as_ref());
        log.write_connection(&ConnectionEntry {
            time,
            client: self.connection.peer.ip(),
            tls: session.map(|session| session.version.as_str()),
            peer: peer.map(|peer| peer.name()),
            server_name: self.name.as_deref(),
            error,
            bytes_in: bytes.0,
            bytes_out: bytes.1,
            duration: took,
            time_to_connect: self.to_connect,
            listener: &self.connection.listener().config.name,
            trail: &self.trail.unwrap_or_default(),
        });
    }

    fn since(&self) -> Duration {
        Duration::from_micros(clock::now().saturating_sub(self.began))
    }
}

//! What belongs to no route and no cluster: connections, the table in force, errors.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{
    Counter, Gauge, Label, Registry,
    counter_table::CounterTable,
    families,
    label::{ByLabel, labels},
};

labels! {
    /// Toward whom.
    pub enum Side {
        /// The callers.
        Downstream = "downstream",
        /// The endpoints.
        Upstream = "upstream",
    }
}

labels! {
    /// What became of a table that was offered.
    pub enum ReloadOutcome {
        /// It is in force.
        Applied = "applied",
        /// It had mistakes; the one before serves on.
        Refused = "refused",
    }
}

labels! {
    /// What became of a hand-over.
    pub enum HandoverOutcome {
        /// This process has the sockets of the one before it.
        Taken = "taken",
        /// The next process has those of this one.
        Given = "given",
        /// The next process did not get ready, or was not one.
        Failed = "failed",
    }
}

labels! {
    /// Why a caller's connection failed, or never came to a request that a route could take.
    pub enum DownstreamError {
        /// The kernel gave no socket: out of descriptors or memory.
        Accept = "accept",
        /// Not HTTP, or too large.
        BadHead = "bad_head",
        /// Two opinions on where the body ends (RFC 9112, 6.3).
        BadFraming = "bad_framing",
        /// The head did not come in time.
        HeadTimeout = "head_timeout",
        /// The connection broke.
        Reset = "reset",
        /// Frames of HTTP/2 that only cost.
        Flood = "flood",
        /// Nobody read the response.
        Unread = "unread",
        /// A trusted peer did not say, or not well, whose the connection is.
        ProxyProtocol = "proxy_protocol",
    }
}

labels! {
    /// What a connection was found to speak.
    pub enum DetectedProtocol {
        /// HTTP/1.
        Http1 = "http1",
        /// HTTP/2.
        Http2 = "http2",
        /// TLS.
        Tls = "tls",
        /// Something else.
        Opaque = "opaque",
        /// The server spoke first.
        ServerFirst = "server_first",
    }
}

/// One for the process.
#[derive(Debug)]
pub struct ProxyMetrics {
    registry: Registry,
    /// By [`Side`]. These and the reloads are shown from the start: a 0 is an answer, too.
    connections: [Gauge; 2],
    reloads: [Counter; 2],
    config_timestamp: Gauge,
    downstream_errors: ByLabel<DownstreamError, Counter>,
    detected: ByLabel<DetectedProtocol, Counter>,
    handovers: ByLabel<HandoverOutcome, Counter>,
    errors: CounterTable<&'static str>,
    _build_info: Gauge,
}

impl ProxyMetrics {
    /// `version` is of the program.
    pub fn new(registry: &Registry, version: &str) -> Self {
        let build_info = registry.handle(&families::BUILD_INFO, [version]);
        build_info.set(1.0);
        let connections = |side: Side| registry.handle(&families::CONNECTIONS, [side.as_str()]);
        let reloads =
            |outcome: ReloadOutcome| registry.handle(&families::CONFIG_RELOADS, [outcome.as_str()]);
        Self {
            connections: [connections(Side::Downstream), connections(Side::Upstream)],
            reloads: [
                reloads(ReloadOutcome::Applied),
                reloads(ReloadOutcome::Refused),
            ],
            config_timestamp: registry.handle(&families::CONFIG_TIMESTAMP, []),
            downstream_errors: ByLabel::new(),
            detected: ByLabel::new(),
            handovers: ByLabel::new(),
            errors: CounterTable::default(),
            registry: registry.clone(),
            _build_info: build_info,
        }
    }

    /// One more open connection, for as long as what is returned lives.
    pub fn connection(&self, side: Side) -> OpenConnection {
        OpenConnection::counted(&self.connections[side.index()])
    }

    /// A connection was found to speak this.
    pub fn detected(&self, protocol: DetectedProtocol) {
        let register = |label| self.registry.handle(&families::DETECTED, [label]);
        self.detected.get(protocol, register).increment();
    }

    /// A hand-over has ended.
    pub fn handover(&self, outcome: HandoverOutcome) {
        let register = |label| self.registry.handle(&families::HANDOVERS, [label]);
        self.handovers.get(outcome, register).increment();
    }

    /// A connection, or the head of a request, that went wrong before a route was found.
    pub fn downstream_error(&self, error: DownstreamError) {
        let register = |label| self.registry.handle(&families::DOWNSTREAM_ERRORS, [label]);
        self.downstream_errors.get(error, register).increment();
    }

    /// A request that the proxy answered with an error of its own; the reasons are a closed set.
    pub fn error(&self, reason: &'static str) {
        let register = || self.registry.handle(&families::ERRORS, [reason]);
        self.errors.get(reason, register).increment();
    }

    /// Counts requests that the admin server did not answer because of who sent them.
    pub fn admin_refused(&self) -> Counter {
        self.registry.handle(&families::ADMIN_REFUSALS, [])
    }

    /// Counts lines of the access log that stdout was too slow for.
    pub fn access_log_dropped(&self) -> Counter {
        self.registry.handle(&families::ACCESS_LOG_DROPPED, [])
    }

    /// Counts lines of the process's own log that stdout was too slow for.
    pub fn log_dropped(&self) -> Counter {
        self.registry.handle(&families::LOG_DROPPED, [])
    }

    /// A table was offered at this time.
    pub fn reload(&self, outcome: ReloadOutcome, at: SystemTime) {
        self.reloads[outcome.index()].increment();
        if outcome == ReloadOutcome::Applied {
            let since_epoch = at.duration_since(UNIX_EPOCH).unwrap_or_default();
            self.config_timestamp
                .set(since_epoch.as_millis() as f64 / 1e3);
        }
    }
}

/// Counts as open until dropped, whichever way the connection's task ends.
#[derive(Debug)]
pub struct OpenConnection(Gauge);

impl OpenConnection {
    /// One more of what `gauge` counts.
    pub(super) fn counted(gauge: &Gauge) -> Self {
        gauge.add(1.0);
        Self(gauge.clone())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.add(-1.0);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn the_process_shows_connections_reloads_and_errors() {
        let registry = Registry::default();
        let proxy = ProxyMetrics::new(&registry, "1.2.3");
        let _open = proxy.connection(Side::Downstream);
        drop(proxy.connection(Side::Downstream));
        proxy.reload(
            ReloadOutcome::Applied,
            UNIX_EPOCH + Duration::from_millis(1_700_000_000_250),
        );
        proxy.reload(
            ReloadOutcome::Refused,
            UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        );
        proxy.downstream_error(DownstreamError::BadFraming);
        proxy.error("no_endpoint");
        proxy.error("no_endpoint");
        insta::assert_snapshot!(registry.render(Instant::now()));
    }
}

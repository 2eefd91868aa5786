//! The connections of one listener to one cluster, of which nothing but bytes is known.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use super::{
    Counter, Gauge, Histogram, OpenConnection, Registry, families,
    label::{ByLabel, labels},
};

labels! {
    /// How a connection ended.
    pub enum TcpResult {
        /// Both sides ended it.
        Closed = "closed",
        /// The caller's side broke.
        DownstreamReset = "downstream_reset",
        /// The endpoint's side broke.
        UpstreamReset = "upstream_reset",
        /// Nothing had moved for too long.
        IdleTimeout = "idle_timeout",
        /// It never came to an endpoint.
        Refused = "refused",
    }
}

/// Lives as long as its listener goes to its cluster. Small until the first connection.
#[derive(Debug)]
pub struct TcpMetrics {
    registry: Registry,
    listener: Arc<str>,
    /// Empty for those that go nowhere.
    cluster: Arc<str>,
    connections: ByLabel<TcpResult, Counter>,
    used: OnceLock<Used>,
}

#[derive(Debug)]
struct Used {
    open: Gauge,
    duration: Histogram,
    bytes_in: Counter,
    bytes_out: Counter,
}

impl TcpMetrics {
    /// Registers nothing yet.
    pub fn new(registry: &Registry, listener: Arc<str>, cluster: Arc<str>) -> Arc<Self> {
        Arc::new(Self {
            registry: registry.clone(),
            listener,
            cluster,
            connections: ByLabel::new(),
            used: OnceLock::new(),
        })
    }

    /// One more is open, for as long as what is returned lives.
    pub fn open(&self) -> OpenConnection {
        OpenConnection::counted(&self.used().open)
    }

    /// So many bytes went by: of the caller's, and of the endpoint's.
    pub fn moved(&self, received: u64, sent: u64) {
        let used = self.used();
        used.bytes_in.add(received);
        used.bytes_out.add(sent);
    }

    /// One is over, after this time.
    pub fn ended(&self, result: TcpResult, duration: Duration) {
        let register = |label| {
            let labels = [&*self.listener, &*self.cluster, label];
            self.registry.handle(&families::TCP_CONNECTIONS, labels)
        };
        self.connections.get(result, register).increment();
        self.used().duration.observe(duration);
    }

    fn used(&self) -> &Used {
        self.used.get_or_init(|| {
            let (listener, cluster) = (&*self.listener, &*self.cluster);
            let bytes = |direction| {
                let labels = [listener, cluster, direction];
                self.registry.handle(&families::TCP_BYTES, labels)
            };
            let of = [listener, cluster];
            Used {
                open: self.registry.handle(&families::TCP_OPEN_CONNECTIONS, of),
                duration: self.registry.handle(&families::TCP_CONNECTION_DURATION, of),
                bytes_in: bytes("in"),
                bytes_out: bytes("out"),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn connections_are_told_apart_by_how_they_ended() {
        let registry = Registry::default();
        let metrics = TcpMetrics::new(&registry, "edge".into(), "db".into());
        assert_eq!(registry.render(Instant::now()), "");
        let _open = metrics.open();
        drop(metrics.open());
        metrics.moved(5, 7);
        metrics.ended(TcpResult::Closed, Duration::from_millis(3));
        metrics.ended(TcpResult::Refused, Duration::ZERO);
        let page = registry.render(Instant::now());
        let lines = page
            .lines()
            .filter(|line| !line.starts_with('#') && !line.contains("_bucket"));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
        outrigger_tcp_bytes_total{listener="edge",cluster="db",direction="in"} 5
        outrigger_tcp_bytes_total{listener="edge",cluster="db",direction="out"} 7
        outrigger_tcp_connection_duration_seconds_sum{listener="edge",cluster="db"} 0.003000
        outrigger_tcp_connection_duration_seconds_count{listener="edge",cluster="db"} 2
        outrigger_tcp_connections_total{listener="edge",cluster="db",result="closed"} 1
        outrigger_tcp_connections_total{listener="edge",cluster="db",result="refused"} 1
        outrigger_tcp_open_connections{listener="edge",cluster="db"} 1
        "#);
    }
}

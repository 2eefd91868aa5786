//! Defaults and their reasons.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use http::StatusCode;

use super::{LogFormat, RetryOn};

/// Loopback: it shows internals. Linkerd's port.
pub const ADMIN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4191);
/// No delay: outside Kubernetes nobody waits for `/ready`.
pub const DRAIN_DELAY: Duration = Duration::ZERO;
/// Kubernetes kills after 30 s.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(25);
/// Slow heads are attacks; Linkerd and Envoy have it off.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer than common clients keep connections (Envoy: 1 h, nginx: 75 s).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// As Envoy's 60 KiB.
pub const MAX_HEADER_BYTES: usize = 60 * 1024;
/// Enough for a browser or a gRPC channel, and a bound on what one peer can hold.
pub const MAX_STREAMS: u32 = 256;
/// A connect within a data centre takes a millisecond; Linkerd's.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// Shorter than the shortest common keep-alive of servers (Apache's 5 s), so that a server seldom closes under us.
pub const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// A burst's worth; what is over is closed.
pub const POOL_MAX_IDLE: usize = 256;
/// As servers commonly allow.
pub const POOL_MAX_STREAMS: u32 = 100;
/// Finagle's.
pub const EWMA_DECAY: Duration = Duration::from_secs(10);
/// As long as Envoy keeps an idle connection (its 5 min for a stream cut quiet event streams and gRPC watches), and an end
/// to what nobody will ever move again.
pub const STREAM_IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// First try and two more, for what was never sent.
pub const RETRY_ATTEMPTS: u32 = 3;
/// A record of TTL 0 is asked for once a second at most.
pub const DNS_MIN_TTL: Duration = Duration::from_secs(1);
/// A record of a day is asked for every minute: failover by DNS must work.
pub const DNS_MAX_TTL: Duration = Duration::from_secs(60);
/// Safe for any method: nothing was processed.
pub const RETRY_ON: [RetryOn; 2] = [RetryOn::ConnectFailure, RetryOn::RefusedStream];
/// An access log that somebody turns on without a word is for that somebody to read.
pub const LOG_FORMAT: LogFormat = LogFormat::Text;
/// Endpoints that say nothing are equal.
pub const ENDPOINT_WEIGHT: u32 = 1;
/// As the Gateway API: a client asks again next time, so a mistake can be taken back.
pub const REDIRECT_STATUS: StatusCode = StatusCode::FOUND;
/// A direct response that names no trouble has none.
pub const RESPOND_STATUS: StatusCode = StatusCode::OK;
/// A body in a file is text.
pub const RESPOND_CONTENT_TYPE: &str = "text/plain; charset=utf-8";
/// A fault that says no share is for every request: so it is seen at once in a test.
pub const FAULT_SHARE: f64 = 1.0;

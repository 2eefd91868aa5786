//! Every way in which a request can fail, as one table.
//!
//! An error answers five questions by exhaustive matches: the status a client sees, the reason that logs and metrics
//! name, the RFC 9209 error type, whose fault it is, and whether another attempt may be made. A response is made from
//! an error in `layer/respond.rs` and nowhere else.

use std::{io, time::Duration};

use http::StatusCode;
use outrigger_config::model::Abort;

use crate::{body::Cause, fault::abort};

/// Why a request got no response from an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request itself is wrong; what exactly is for the log.
    #[error("bad request: {0}")]
    BadRequest(&'static str),
    /// CONNECT on a listener that does not tunnel.
    #[error("method not allowed: this listener does not tunnel")]
    TunnelRefused,
    /// The connection was made for another host, and its certificate is not that host's.
    #[error("misdirected request: the connection is for another host")]
    Misdirected,
    /// The rules do not let the caller in.
    #[error("denied")]
    Denied,
    /// No route takes the request.
    #[error("no route")]
    NoRoute,
    /// No cluster is called what the host of the request says.
    #[error("no cluster of that name")]
    NoCluster,
    /// The table has no cluster of that name, and the control plane did not say in time whether there is one.
    #[error("the control plane is silent")]
    ControlSilent,
    /// A transfer coding other than `chunked`.
    #[error("not implemented: {0}")]
    NotImplemented(&'static str),
    /// The caller has had its share for now.
    #[error("rate limited")]
    RateLimited {
        /// When there is room for the next request.
        retry_after: Duration,
    },
    /// A fault that the route asks for.
    #[error("fault on purpose")]
    Fault(Abort),
    /// The proxy itself has too much to do.
    #[error("overloaded: {0}")]
    Overloaded(&'static str),
    /// As much is under way as may be; what is counted is for the log.
    #[error("limit reached: {0}")]
    LimitReached(&'static str),
    /// The cluster's circuit breaker is open.
    #[error("circuit open")]
    CircuitOpen {
        /// When it may be tried again.
        retry_after: Duration,
    },
    /// The cluster has no endpoint that can be picked.
    #[error("no endpoint")]
    NoEndpoint,
    /// The proxy itself is out of file descriptors, ports or memory.
    #[error("out of sockets: {0}")]
    OutOfSockets(#[source] io::Error),
    /// No connection: refused or unreachable.
    #[error("connect: {0}")]
    Connect(#[source] io::Error),
    /// No connection in time.
    #[error("connect timeout")]
    ConnectTimeout,
    /// TLS with the endpoint failed: it is not who it should be, or does not take us for who we are.
    #[error("tls: {0}")]
    Tls(#[source] rustls::Error),
    /// What TLS with the endpoint needs is not there yet.
    #[error("no certificate, or no roots, for tls yet")]
    TlsUnready,
    /// The endpoint does not speak the cluster's protocol.
    #[error("protocol: {0}")]
    Protocol(#[source] Cause),
    /// The endpoint said that it did not process the request.
    #[error("refused stream")]
    RefusedStream,
    /// The connection broke before a response came.
    #[error("reset: {0}")]
    Reset(#[source] Cause),
    /// The endpoint switched protocols though nobody had asked.
    #[error("protocol switch that nobody asked for")]
    UnaskedUpgrade,
    /// The downstream's body broke off or was malformed while it was sent on.
    #[error("request body: {0}")]
    RequestBody(#[source] Cause),
    /// Nothing more came of the downstream's body.
    #[error("request idle")]
    RequestIdle,
    /// One attempt took too long.
    #[error("attempt timeout")]
    AttemptTimeout,
    /// The request as a whole took too long.
    #[error("deadline exceeded")]
    DeadlineExceeded,
    /// The endpoint read no more of the request.
    #[error("idle timeout")]
    IdleTimeout,
}

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// The caller's.
    Downstream,
    /// Nobody's: somebody configured it so.
    Policy,
    /// The endpoint's, or the way to it.
    Upstream,
    /// The proxy's own.
    Proxy,
}

/// Whether another attempt may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retryable {
    /// Nothing was processed: any request may be sent again.
    Unsent,
    /// It may have been processed: only what is safe to repeat, and only if the policy says so.
    IfSafe,
    /// Another attempt would end the same, or there is no time for it.
    Never,
}

impl Error {
    /// Why a connection could not be made: the endpoint's fault, or our own.
    pub fn connect(error: io::Error) -> Self {
        use io::ErrorKind::{AddrNotAvailable, OutOfMemory};
        // EMFILE, ENFILE and ENOBUFS have no kind of their own.
        let exhausted = matches!(error.raw_os_error(), Some(24 | 23 | 105));
        match error.kind() {
            AddrNotAvailable | OutOfMemory => Self::OutOfSockets(error),
            _ if exhausted => Self::OutOfSockets(error),
            _ => Self::Connect(error),
        }
    }

    /// What the client sees.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::RequestBody(_) => StatusCode::BAD_REQUEST,
            Self::RequestIdle => StatusCode::REQUEST_TIMEOUT,
            Self::TunnelRefused => StatusCode::METHOD_NOT_ALLOWED,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Denied => StatusCode::FORBIDDEN,
            Self::NoRoute | Self::NoCluster => StatusCode::NOT_FOUND,
            Self::NotImplemented(_) => StatusCode::NOT_IMPLEMENTED,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Fault(fault) => abort::status(*fault),
            Self::Overloaded(_)
            | Self::LimitReached(_)
            | Self::CircuitOpen { .. }
            | Self::NoEndpoint
            | Self::ControlSilent
            | Self::TlsUnready
            | Self::OutOfSockets(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Connect(_)
            | Self::Tls(_)
            | Self::Protocol(_)
            | Self::RefusedStream
            | Self::Reset(_)
            | Self::UnaskedUpgrade => StatusCode::BAD_GATEWAY,
            Self::ConnectTimeout
            | Self::AttemptTimeout
            | Self::DeadlineExceeded
            | Self::IdleTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    /// The label in logs and metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "bad_request",
            Self::TunnelRefused => "tunnel_refused",
            Self::Misdirected => "misdirected",
            Self::Denied => "denied",
            Self::NoRoute => "no_route",
            Self::NoCluster => "no_cluster",
            Self::ControlSilent => "control_silent",
            Self::NotImplemented(_) => "not_implemented",
            Self::RateLimited { .. } => "rate_limited",
            Self::Fault(_) => "fault",
            Self::Overloaded(_) => "overloaded",
            Self::LimitReached(_) => "limit_reached",
            Self::CircuitOpen { .. } => "circuit_open",
            Self::NoEndpoint => "no_endpoint",
            Self::OutOfSockets(_) => "out_of_sockets",
            Self::Connect(_) => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls(_) => "tls",
            Self::TlsUnready => "tls_unready",
            Self::Protocol(_) => "protocol",
            Self::RefusedStream => "refused_stream",
            Self::Reset(_) => "reset",
            Self::UnaskedUpgrade => "unasked_upgrade",
            Self::RequestBody(_) => "request_body",
            Self::RequestIdle => "request_idle",
            Self::AttemptTimeout => "attempt_timeout",
            Self::DeadlineExceeded => "deadline_exceeded",
            Self::IdleTimeout => "idle_timeout",
        }
    }

    /// The error type of `proxy-status` (RFC 9209, 2.3), which says nothing of the inside.
    pub fn proxy_status(&self) -> &'static str {
        match self {
            Self::BadRequest(_) | Self::RequestBody(_) | Self::RequestIdle => "http_request_error",
            Self::TunnelRefused
            | Self::Misdirected
            | Self::Denied
            | Self::NotImplemented(_)
            | Self::RateLimited { .. }
            | Self::Fault(_)
            | Self::Overloaded(_) => "http_request_denied",
            Self::NoRoute | Self::NoCluster => "destination_not_found",
            Self::CircuitOpen { .. } | Self::NoEndpoint | Self::ControlSilent => {
                "destination_unavailable"
            }
            Self::LimitReached(_) | Self::OutOfSockets(_) => "connection_limit_reached",
            Self::Connect(_) => "connection_refused",
            Self::ConnectTimeout => "connection_timeout",
            Self::Tls(rustls::Error::InvalidCertificate(_)) => "tls_certificate_error",
            Self::Tls(rustls::Error::AlertReceived(_)) => "tls_alert_received",
            Self::Tls(_) => "tls_protocol_error",
            Self::TlsUnready => "proxy_configuration_error",
            Self::Protocol(_) | Self::UnaskedUpgrade => "http_protocol_error",
            Self::RefusedStream | Self::Reset(_) => "connection_terminated",
            Self::AttemptTimeout | Self::DeadlineExceeded | Self::IdleTimeout => {
                "http_response_timeout"
            }
        }
    }

    /// Whose fault it is. Only the upstream's is charged to an endpoint.
    pub fn blame(&self) -> Blame {
        match self {
            Self::BadRequest(_)
            | Self::TunnelRefused
            | Self::Misdirected
            | Self::NoRoute
            | Self::NoCluster
            | Self::NotImplemented(_)
            | Self::RequestBody(_)
            | Self::RequestIdle => Blame::Downstream,
            Self::Denied
            | Self::RateLimited { .. }
            | Self::Fault(_)
            | Self::Overloaded(_)
            | Self::LimitReached(_)
            | Self::CircuitOpen { .. } => Blame::Policy,
            Self::NoEndpoint
            | Self::Connect(_)
            | Self::ConnectTimeout
            | Self::Tls(_)
            | Self::Protocol(_)
            | Self::RefusedStream
            | Self::Reset(_)
            | Self::UnaskedUpgrade
            | Self::AttemptTimeout
            | Self::DeadlineExceeded
            | Self::IdleTimeout => Blame::Upstream,
            Self::ControlSilent | Self::TlsUnready | Self::OutOfSockets(_) => Blame::Proxy,
        }
    }

    /// Whether another attempt may be made.
    pub fn retryable(&self) -> Retryable {
        match self {
            Self::Connect(_)
            | Self::ConnectTimeout
            | Self::Tls(_)
            | Self::Protocol(_)
            | Self::RefusedStream => Retryable::Unsent,
            Self::Reset(_) | Self::AttemptTimeout => Retryable::IfSafe,
            Self::BadRequest(_)
            | Self::TunnelRefused
            | Self::Misdirected
            | Self::Denied
            | Self::NoRoute
            | Self::NoCluster
            | Self::TlsUnready
            | Self::ControlSilent
            | Self::NotImplemented(_)
            | Self::RateLimited { .. }
            | Self::Fault(_)
            | Self::Overloaded(_)
            | Self::LimitReached(_)
            | Self::CircuitOpen { .. }
            | Self::NoEndpoint
            | Self::OutOfSockets(_)
            | Self::UnaskedUpgrade
            | Self::RequestBody(_)
            | Self::RequestIdle
            | Self::DeadlineExceeded
            | Self::IdleTimeout => Retryable::Never,
        }
    }

    /// The gRPC status that says the same (as gRPC maps HTTP statuses, but for the time-outs, which are its own).
    pub fn grpc_status(&self) -> u8 {
        const DEADLINE_EXCEEDED: u8 = 4;
        const PERMISSION_DENIED: u8 = 7;
        const RESOURCE_EXHAUSTED: u8 = 8;
        const UNIMPLEMENTED: u8 = 12;
        const INTERNAL: u8 = 13;
        const UNAVAILABLE: u8 = 14;
        match self {
            Self::BadRequest(_) | Self::RequestBody(_) | Self::UnaskedUpgrade => INTERNAL,
            Self::TunnelRefused | Self::NoRoute | Self::NoCluster | Self::NotImplemented(_) => {
                UNIMPLEMENTED
            }
            Self::Denied => PERMISSION_DENIED,
            Self::RateLimited { .. } => RESOURCE_EXHAUSTED,
            Self::Fault(fault) => abort::grpc_status(*fault),
            Self::Overloaded(_)
            | Self::LimitReached(_)
            | Self::CircuitOpen { .. }
            | Self::ConnectTimeout
            | Self::NoEndpoint
            | Self::ControlSilent
            | Self::OutOfSockets(_)
            | Self::Misdirected
            | Self::Connect(_)
            | Self::Tls(_)
            | Self::TlsUnready
            | Self::Protocol(_)
            | Self::RefusedStream
            | Self::Reset(_) => UNAVAILABLE,
            Self::RequestIdle
            | Self::AttemptTimeout
            | Self::DeadlineExceeded
            | Self::IdleTimeout => DEADLINE_EXCEEDED,
        }
    }

    /// When it makes sense to ask again, where that is known.
    pub fn retry_after(&self) -> Option<Duration> {
        /// Of what is over as soon as others are done or back.
        const SOON: Duration = Duration::from_secs(1);
        match self {
            Self::RateLimited { retry_after } | Self::CircuitOpen { retry_after } => {
                Some(*retry_after)
            }
            Self::Overloaded(_) | Self::LimitReached(_) | Self::ControlSilent => Some(SOON),
            _ => None,
        }
    }
}

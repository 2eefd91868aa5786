//! Metrics as shared atomics, rendered as Prometheus text.
//!
//! Why not an exporter from the shelf: its series can't be removed with the route or cluster that they describe, and its
//! histograms keep every raw sample until somebody tidies up. Here a series lives as long as its handles (and some
//! minutes more, see [`Registry::sweep`]) and a histogram is 20 numbers.
//!
//! Three layers, from the outside in: the objects that the request path holds ([`RouteMetrics`], [`ClusterMetrics`],
//! [`ProxyMetrics`]), the handles in them ([`Counter`], [`Gauge`], [`Histogram`]), and the [`Registry`] that can find
//! and render them all. [`families`] is the list of all that is there to see.

mod authorization;
mod circuit_breaker;
mod cluster;
mod control;
mod counter_table;
pub mod families;
mod family;
mod filter;
mod handle;
mod health_check;
mod histogram;
mod label;
mod limit;
mod on_demand;
mod process;
mod proxy;
mod recorder;
mod registry;
mod route;
mod tcp;
mod text;
mod tls;
mod transparent;

pub use authorization::{AuthorizationMetrics, Decision};
pub use circuit_breaker::{BreakerState, CircuitBreakerMetrics};
pub use cluster::{
    AttemptResult, ClusterMetrics, EjectionReason, EndpointState, HedgeOutcome, Locality,
    RetryOutcome,
};
pub use control::{ControlMetrics, UpdateOutcome};
pub use family::Family;
pub use filter::{FaultKind, FilterMetrics};
pub use handle::{Counter, Gauge};
pub use health_check::{CheckResult, HealthCheckMetrics};
pub use histogram::Histogram;
pub use label::Label;
pub use limit::{
    ClusterLimit, ClusterLimitMetrics, ListenerLimit, ListenerLimitMetrics, OverloadMetrics,
    OverloadReason,
};
pub use on_demand::{Answer, OnDemandMetrics};
pub use proxy::{
    DetectedProtocol, DownstreamError, HandoverOutcome, OpenConnection, ProxyMetrics,
    ReloadOutcome, Side,
};
pub use registry::{Registry, page};
pub use route::RouteMetrics;
pub use tcp::{TcpMetrics, TcpResult};
pub use text::CONTENT_TYPE;
pub use tls::{HandshakeOutcome, OrderOutcome, Renewal, TlsMetrics};
pub use transparent::{Refusal, TransparentMetrics};

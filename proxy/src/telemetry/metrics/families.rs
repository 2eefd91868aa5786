//! Every metric of the proxy. Names are `outrigger_<noun>_<unit>[_total]` in base units.

use super::{Counter, Family, Gauge, Histogram};

/// By route; `grpc_status` is the number from the trailers, empty for what is not gRPC.
pub const REQUESTS: Family<Counter, 5> = Family::new(
    "outrigger_requests_total",
    "Requests whose response has ended.",
    ["listener", "route", "method", "status", "grpc_status"],
);

/// By route.
pub const REQUEST_DURATION: Family<Histogram, 2> = Family::new(
    "outrigger_request_duration_seconds",
    "From a request's head to the end of its response, all attempts included.",
    ["listener", "route"],
);

/// By [`AttemptResult`](super::AttemptResult).
pub const ATTEMPTS: Family<Counter, 2> = Family::new(
    "outrigger_attempts_total",
    "Tries at an endpoint; a request has one or more.",
    ["cluster", "result"],
);

/// By cluster.
pub const ATTEMPT_DURATION: Family<Histogram, 1> = Family::new(
    "outrigger_attempt_duration_seconds",
    "From an attempt's start to its response's end, or to its failure.",
    ["cluster"],
);

/// By [`RetryOutcome`](super::RetryOutcome).
pub const RETRIES: Family<Counter, 2> = Family::new(
    "outrigger_retries_total",
    "Retries by how they ended, and those that were wanted but not made.",
    ["cluster", "outcome"],
);

/// Of clusters that ever retried.
pub const RETRY_BUDGET_LEFT: Family<Gauge, 1> = Family::new(
    "outrigger_retry_budget_left",
    "Retries and hedges that the cluster's budget has room for now.",
    ["cluster"],
);

/// By [`HedgeOutcome`](super::HedgeOutcome).
pub const HEDGES: Family<Counter, 2> = Family::new(
    "outrigger_hedges_total",
    "Second attempts beside slow ones, and those that were wanted but not made.",
    ["cluster", "outcome"],
);

/// By [`EndpointState`](super::EndpointState).
pub const ENDPOINTS: Family<Gauge, 2> = Family::new(
    "outrigger_endpoints",
    "Endpoints of a cluster by their state.",
    ["cluster", "state"],
);

/// By [`EjectionReason`](super::EjectionReason).
pub const EJECTIONS: Family<Counter, 2> = Family::new(
    "outrigger_ejections_total",
    "Endpoints taken out of service for a time, by what for; each failed probe counts again.",
    ["cluster", "reason"],
);

/// 1 for the [`BreakerState`](super::BreakerState) that it is in, 0 for the others.
pub const CIRCUIT_BREAKER_STATE: Family<Gauge, 2> = Family::new(
    "outrigger_circuit_breaker_state",
    "The state that a cluster's circuit breaker is in.",
    ["cluster", "state"],
);

/// By the [`BreakerState`](super::BreakerState) that it came to.
pub const CIRCUIT_BREAKER_TRANSITIONS: Family<Counter, 2> = Family::new(
    "outrigger_circuit_breaker_transitions_total",
    "Changes of a circuit breaker's state.",
    ["cluster", "to"],
);

/// Whatever was then done in place of the attempt.
pub const CIRCUIT_BREAKER_REFUSALS: Family<Counter, 1> = Family::new(
    "outrigger_circuit_breaker_refusals_total",
    "Attempts that a circuit breaker did not let through.",
    ["cluster"],
);

/// By where the limit stands; `route` is empty for a listener's own.
pub const RATE_LIMITED: Family<Counter, 2> = Family::new(
    "outrigger_rate_limited_total",
    "Requests refused because the caller had its share.",
    ["listener", "route"],
);

/// By [`Decision`](super::Decision) and where the rules stand; `route` is empty for a listener's own.
pub const AUTHORIZATION: Family<Counter, 3> = Family::new(
    "outrigger_authorization_total",
    "Requests and connections that rules were asked about, by what was decided.",
    ["listener", "route", "decision"],
);

/// `fault` is `delay` or `abort`.
pub const FAULTS: Family<Counter, 3> = Family::new(
    "outrigger_faults_total",
    "Trouble made on purpose.",
    ["listener", "route", "fault"],
);

/// By [`Locality`](super::Locality), for clusters in which zones matter.
pub const ZONE_ATTEMPTS: Family<Counter, 2> = Family::new(
    "outrigger_zone_attempts_total",
    "Attempts at endpoints of the proxy's own zone, and of others.",
    ["cluster", "zone"],
);

/// 1 while it lasts.
pub const PANIC: Family<Gauge, 1> = Family::new(
    "outrigger_panic",
    "Whether so few endpoints are available that all are taken for available.",
    ["cluster"],
);

/// By [`CheckResult`](super::CheckResult).
pub const HEALTH_CHECKS: Family<Counter, 2> = Family::new(
    "outrigger_health_checks_total",
    "Health checks by how they ended.",
    ["cluster", "result"],
);

/// By [`TcpResult`](super::TcpResult); `cluster` is empty for those that went nowhere.
pub const TCP_CONNECTIONS: Family<Counter, 3> = Family::new(
    "outrigger_tcp_connections_total",
    "Connections passed on as bytes that are over.",
    ["listener", "cluster", "result"],
);

/// Of those that are known to go to a cluster.
pub const TCP_OPEN_CONNECTIONS: Family<Gauge, 2> = Family::new(
    "outrigger_tcp_open_connections",
    "Connections that are passed on as bytes.",
    ["listener", "cluster"],
);

/// `direction` is `in`, from callers to endpoints, or `out`.
pub const TCP_BYTES: Family<Counter, 3> = Family::new(
    "outrigger_tcp_bytes_total",
    "Bytes passed on, while they are.",
    ["listener", "cluster", "direction"],
);

/// By cluster.
pub const TCP_CONNECTION_DURATION: Family<Histogram, 2> = Family::new(
    "outrigger_tcp_connection_duration_seconds",
    "From a connection's start to its end.",
    ["listener", "cluster"],
);

/// By [`DetectedProtocol`](super::DetectedProtocol).
pub const DETECTED: Family<Counter, 1> = Family::new(
    "outrigger_detected_total",
    "Connections whose protocol was detected.",
    ["protocol"],
);

/// By [`Side`](super::Side).
pub const CONNECTIONS: Family<Gauge, 1> =
    Family::new("outrigger_connections", "Open connections.", ["side"]);

/// By [`HandshakeOutcome`](super::HandshakeOutcome); `version` is empty where none was agreed on.
pub const TLS_HANDSHAKES: Family<Counter, 3> = Family::new(
    "outrigger_tls_handshakes_total",
    "TLS handshakes by how they ended.",
    ["side", "version", "outcome"],
);

/// By [`Side`](super::Side).
pub const TLS_HANDSHAKE_DURATION: Family<Histogram, 1> = Family::new(
    "outrigger_tls_handshake_duration_seconds",
    "Time of TLS handshakes that ended well.",
    ["side"],
);

/// Of what is shown now, by the file that it came from.
pub const TLS_CERTIFICATE_EXPIRY: Family<Gauge, 1> = Family::new(
    "outrigger_tls_certificate_expiry_timestamp_seconds",
    "When a certificate of the proxy's own ends, in Unix time.",
    ["certificate"],
);

/// By [`Renewal`](super::Renewal).
pub const TLS_RELOADS: Family<Counter, 1> = Family::new(
    "outrigger_tls_reloads_total",
    "Certificates, roots and revocation lists that changed while the proxy ran.",
    ["outcome"],
);

/// By host and [`OrderOutcome`](super::OrderOutcome).
pub const ACME_ORDERS: Family<Counter, 2> = Family::new(
    "outrigger_acme_orders_total",
    "Certificates that were ordered from an authority.",
    ["host", "outcome"],
);

/// Of those who showed a certificate; the first hundred by name, the rest as `other`.
pub const PEER_REQUESTS: Family<Counter, 1> = Family::new(
    "outrigger_peer_requests_total",
    "Requests by who the caller's certificate says it is.",
    ["peer"],
);

/// By [`DownstreamError`](super::DownstreamError).
pub const DOWNSTREAM_ERRORS: Family<Counter, 1> = Family::new(
    "outrigger_downstream_errors_total",
    "Connections from callers that failed before or between requests, and heads that were refused.",
    ["reason"],
);

/// By the reason that the access log and the header `proxy-status` show, too.
pub const ERRORS: Family<Counter, 1> = Family::new(
    "outrigger_errors_total",
    "Requests that the proxy itself answered with an error.",
    ["reason"],
);

/// By [`ReloadOutcome`](super::ReloadOutcome).
pub const CONFIG_RELOADS: Family<Counter, 1> = Family::new(
    "outrigger_config_reloads_total",
    "Tables offered by a file or a control plane.",
    ["outcome"],
);

/// By [`HandoverOutcome`](super::HandoverOutcome).
pub const HANDOVERS: Family<Counter, 1> = Family::new(
    "outrigger_handovers_total",
    "Listening sockets handed over between two processes, and when that came to nothing.",
    ["outcome"],
);

/// Falls behind when tables are refused.
pub const CONFIG_TIMESTAMP: Family<Gauge, 0> = Family::new(
    "outrigger_config_timestamp_seconds",
    "When the table in force was taken, in Unix time.",
    [],
);

/// By [`Answer`](super::Answer).
pub const ON_DEMAND: Family<Counter, 1> = Family::new(
    "outrigger_control_on_demand_total",
    "Requests for hosts that the table had no cluster for, by what the control plane said.",
    ["answer"],
);

/// Always 1.
pub const BUILD_INFO: Family<Gauge, 1> = Family::new(
    "outrigger_build_info",
    "The version that runs.",
    ["version"],
);

/// Lines of the access log that the reader of stdout was too slow for.
pub const ACCESS_LOG_DROPPED: Family<Counter, 0> = Family::new(
    "outrigger_access_log_dropped_total",
    "Access log lines dropped because stdout was too slow.",
    [],
);

/// The same for the process's own log.
pub const LOG_DROPPED: Family<Counter, 0> = Family::new(
    "outrigger_log_dropped_total",
    "Process log lines dropped because stdout was too slow.",
    [],
);

/// By [`ClusterLimit`](super::ClusterLimit).
pub const LIMIT_REFUSALS: Family<Counter, 2> = Family::new(
    "outrigger_limit_refusals_total",
    "Requests that a limit of a cluster refused, and retries that were not made for it.",
    ["cluster", "limit"],
);

/// By [`ClusterLimit`](super::ClusterLimit).
pub const LIMIT_IN_USE: Family<Gauge, 2> = Family::new(
    "outrigger_limit_in_use",
    "How many there are now of what a limit of a cluster bounds.",
    ["cluster", "limit"],
);

/// Only with `limits.adaptive`.
pub const CONCURRENCY_LIMIT: Family<Gauge, 1> = Family::new(
    "outrigger_concurrency_limit",
    "Requests in flight that the adaptive limit of a cluster allows now.",
    ["cluster"],
);

/// By [`ListenerLimit`](super::ListenerLimit).
pub const LISTENER_REFUSALS: Family<Counter, 2> = Family::new(
    "outrigger_listener_refusals_total",
    "Connections and requests that a limit of a listener refused.",
    ["listener", "limit"],
);

/// By [`Refusal`](super::Refusal).
pub const TRANSPARENT_REFUSALS: Family<Counter, 2> = Family::new(
    "outrigger_transparent_refusals_total",
    "Connections, and requests for unknown hosts, that a transparent listener did not take.",
    ["listener", "reason"],
);

/// By [`OverloadReason`](super::OverloadReason).
pub const OVERLOAD_REFUSALS: Family<Counter, 1> = Family::new(
    "outrigger_overload_refusals_total",
    "Requests refused because the process had too much to do.",
    ["reason"],
);

/// 0 while nothing is asked of it.
pub const WORKER_DELAY: Family<Gauge, 0> = Family::new(
    "outrigger_worker_delay_seconds",
    "How long work waits for its worker, of the worker where it waits longest.",
    [],
);

/// Of whoever had no credential, or came from a foreign page.
pub const ADMIN_REFUSALS: Family<Counter, 0> = Family::new(
    "outrigger_admin_refusals_total",
    "Requests that the admin server did not answer because of who sent them.",
    [],
);

/// Only with `--control`.
pub const CONTROL_CONNECTED: Family<Gauge, 0> = Family::new(
    "outrigger_control_connected",
    "Whether there is a stream to a control plane.",
    [],
);

/// By kind of resource and [`UpdateOutcome`](super::UpdateOutcome).
pub const CONTROL_UPDATES: Family<Counter, 2> = Family::new(
    "outrigger_control_updates_total",
    "Responses of control planes.",
    ["kind", "outcome"],
);

/// Of the table that was pushed, or kept on the disk.
pub const CONTROL_TABLE_TIMESTAMP: Family<Gauge, 0> = Family::new(
    "outrigger_control_table_timestamp_seconds",
    "When the table of the control plane that is in force last changed, in Unix time.",
    [],
);

/// A number in place of a label: a series for each version would be one for each push.
pub const CONTROL_TABLE_HASH: Family<Gauge, 0> = Family::new(
    "outrigger_control_table_hash",
    "Hash of the version of the control plane's table in force: equal where versions are.",
    [],
);

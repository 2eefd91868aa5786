//! `health_check`: how endpoints are asked whether they are well.

mod http_probe;

use std::time::Duration;

use serde_json::json;

use super::{duration::duration, percent::percent};
use crate::{
    model::{HealthCheck, HttpProbe, Probe, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, default, keys, optional, text, whole},
    yaml::Node,
};
use http_probe::http_probe;

/// The kinds of a check: one of them, or none for HTTP with its defaults.
const KINDS: [&str; 3] = ["http", "tcp", "grpc"];

struct Keys {
    http: Option<HttpProbe>,
    tcp: Option<()>,
    grpc: Option<Grpc>,
    port: Option<u16>,
    interval: Duration,
    failing_interval: Duration,
    timeout: Duration,
    rise: u32,
    fall: u32,
    jitter: f64,
}

struct Grpc {
    service: String,
}

pub(super) fn health_check() -> Shape<HealthCheck> {
    let keys = keys!(Keys {
        /// An HTTP request, in the cluster's protocol. The default: `GET /health`, any status of 200 to 299.
        http: optional(http_probe()),
        /// A TCP connection that is accepted, and nothing more.
        tcp: optional(nothing()),
        /// The gRPC health protocol (`grpc.health.v1.Health/Check`): only SERVING passes.
        grpc: optional(grpc()),
        /// Asked of this port of the endpoint's address; of the endpoint itself when left out.
        port: optional(whole(1..=65_535)),
        /// From one check to the next, while all is well.
        interval: default(duration(), defaults::HEALTH_INTERVAL),
        /// The same while an endpoint is down, or its last check failed.
        failing_interval: default(duration(), defaults::HEALTH_FAILING_INTERVAL),
        /// For a whole check; the longest that an answer may take.
        timeout: default(duration(), defaults::HEALTH_TIMEOUT),
        /// Passes in a row that bring an endpoint up. One that keeps falling needs up to eight times as many.
        rise: default(whole(1..=100), defaults::HEALTH_RISE),
        /// Failures in a row that take an endpoint down.
        fall: default(whole(1..=100), defaults::HEALTH_FALL),
        /// The share by which the intervals are longer or shorter, at random.
        jitter: default(percent(), defaults::HEALTH_JITTER),
    });
    keys.rule(one_kind).convert(from_keys, to_keys)
}

fn from_keys(keys: Keys) -> HealthCheck {
    let probe = match (keys.grpc, keys.tcp) {
        (Some(Grpc { service }), _) => Probe::Grpc { service },
        (None, Some(())) => Probe::Tcp,
        (None, None) => Probe::Http(keys.http.unwrap_or_default()),
    };
    HealthCheck {
        probe,
        port: keys.port,
        interval: keys.interval,
        failing_interval: keys.failing_interval,
        timeout: keys.timeout,
        rise: keys.rise,
        fall: keys.fall,
        jitter: keys.jitter,
    }
}

fn to_keys(check: &HealthCheck) -> Keys {
    let (http, tcp, grpc) = match check.probe.clone() {
        Probe::Http(http) => (Some(http), None, None),
        Probe::Tcp => (None, Some(()), None),
        Probe::Grpc { service } => (None, None, Some(Grpc { service })),
    };
    Keys {
        http,
        tcp,
        grpc,
        port: check.port,
        interval: check.interval,
        failing_interval: check.failing_interval,
        timeout: check.timeout,
        rise: check.rise,
        fall: check.fall,
        jitter: check.jitter,
    }
}

fn one_kind(node: &Node, reader: &mut Reader) {
    let mut given = KINDS.iter().filter_map(|kind| node.entry(kind));
    if let (Some(first), Some(second)) = (given.next(), given.next()) {
        let fault = Fault::new(format!(
            "`{}` and `{}` exclude each other",
            first.key, second.key
        ));
        let hint = "an endpoint is asked in one way; leave all out for `GET /health`";
        reader.clash(
            &second.key_span,
            fault.hint(hint),
            &first.key_span,
            "first here",
        );
    }
}

fn grpc() -> Shape<Grpc> {
    keys!(Grpc {
        /// The service that is asked for; empty for the server as a whole.
        service: default(text(), String::new()),
    })
}

/// `{}`
fn nothing() -> Shape<()> {
    Shape::new(
        || json!({"type": "object", "maxProperties": 0}),
        |node, reader| match node.is_mapping() && node.entries().is_empty() {
            true => Some(()),
            false => {
                reader.mismatch(node, "an empty mapping");
                None
            }
        },
        |()| json!({}),
    )
}

//! Envoy: one worker thread beside its main thread.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Job, words};
use crate::scenario::Version;

/// Where `install-peers.sh` puts it, unless `OUTRIGGER_BENCH_ENVOY` names another.
pub(super) fn program() -> PathBuf {
    std::env::var_os("OUTRIGGER_BENCH_ENVOY").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/envoy/envoy").into(),
        PathBuf::from,
    )
}

pub(super) fn command(file: &str) -> Vec<String> {
    let program = program().display().to_string();
    words([
        &program,
        "--config-path",
        file,
        "--concurrency",
        "1",
        "--disable-hot-restart",
        "--log-level",
        "error",
    ])
}

pub(super) fn config(job: &Job) -> String {
    let codec = match job.downstream {
        Version::Http1 => "HTTP1",
        Version::Http2 => "HTTP2",
    };
    let upstream = match job.upstream {
        Version::Http1 => "http_protocol_options",
        Version::Http2 => "http2_protocol_options",
    };
    let connection_manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "codec_type": codec,
        "use_remote_address": true,
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "endpoints" } }],
        }]},
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
            },
        }],
    });
    // Far above the defaults of 1,024, which would refuse part of the larger scenarios.
    let most = 100_000;
    let endpoints: Vec<Value> = job
        .endpoints
        .iter()
        .map(|endpoint| json!({ "endpoint": { "address": address(endpoint) } }))
        .collect();
    let cluster = json!({
        "name": "endpoints",
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": {
            "cluster_name": "endpoints",
            "endpoints": [{ "lb_endpoints": endpoints }],
        },
        "circuit_breakers": { "thresholds": [{
            "max_connections": most, "max_pending_requests": most, "max_requests": most,
        }]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                "explicit_http_config": { upstream: {} },
            },
        },
    });
    let config = json!({ "static_resources": {
        "listeners": [{
            "name": "front",
            "address": address(&job.address),
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": connection_manager,
            }]}],
        }],
        "clusters": [cluster],
    }});
    format!("{config:#}\n")
}

fn address(address: &std::net::SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}

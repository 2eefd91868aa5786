//! Envoy: one worker thread beside its main thread.

mod policy;
mod tls;

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Setup, words};
use crate::job::{Door, Version};

/// The file that lists the endpoints where they will change: Envoy watches it.
pub(super) const ENDPOINTS: &str = "endpoints.json";

/// The cluster's name.
const CLUSTER: &str = "endpoints";

/// Where `install-peers.sh` puts it, unless `OUTRIGGER_BENCH_ENVOY` names another.
pub(super) fn program() -> PathBuf {
    std::env::var_os("OUTRIGGER_BENCH_ENVOY").map_or_else(
        || concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/envoy/envoy").into(),
        PathBuf::from,
    )
}

pub(super) fn command(file: &str, setup: &Setup) -> Vec<String> {
    let program = program().display().to_string();
    let workers = setup.workers.to_string();
    words([
        &program,
        "--config-path",
        file,
        "--concurrency",
        &workers,
        "--disable-hot-restart",
        "--log-level",
        "error",
    ])
}

pub(super) fn config(setup: &Setup) -> String {
    let codec = match setup.downstream {
        Version::Http1 => "HTTP1",
        Version::Http2 => "HTTP2",
    };
    let upstream = match setup.upstream {
        Version::Http1 => "http_protocol_options",
        Version::Http2 => "http2_protocol_options",
    };
    let mut route = json!({ "cluster": CLUSTER });
    let mut filters = vec![json!({
        "name": "envoy.filters.http.router",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        },
    })];
    let (kind, source, listed) = if setup.reloads() {
        let file = setup.directory.join(ENDPOINTS);
        let watched = json!({ "eds_config": {
            "path_config_source": { "path": file }, "resource_api_version": "V3",
        }});
        ("EDS", "eds_cluster_config", watched)
    } else {
        ("STATIC", "load_assignment", assignment(setup))
    };
    // Far above the defaults of 1,024, which would refuse part of the larger jobs.
    let most = 100_000;
    let mut cluster = json!({
        "name": CLUSTER,
        "type": kind,
        source: listed,
        "connect_timeout": "5s",
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
    if let Some(policy) = &setup.policy {
        policy::apply(policy, &mut route, &mut filters, &mut cluster);
    }
    let mut routes = vec![json!({ "match": { "prefix": "/" }, "route": route })];
    if let Some(path) = setup.forbidden {
        let refusal = json!({
            "match": { "path_separated_prefix": path }, "direct_response": { "status": 403 },
        });
        routes.insert(0, refusal);
    }
    let connection_manager = json!({
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "front",
        "codec_type": codec,
        "use_remote_address": true,
        "route_config": { "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": routes,
        }]},
        "http_filters": filters,
    });
    let mut chain = match setup.bytes {
        true => json!({ "filters": [{
            "name": "envoy.filters.network.tcp_proxy",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                "stat_prefix": "front",
                "cluster": CLUSTER,
            },
        }]}),
        false => json!({ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": connection_manager,
        }]}),
    };
    let mut listener_filters = Vec::new();
    match setup.door {
        Door::Limited(most) => {
            if let Some(filters) = chain["filters"].as_array_mut() {
                filters.insert(0, connection_limit(most));
            }
        }
        Door::Introduced => listener_filters.push(json!({
            "name": "envoy.filters.listener.proxy_protocol",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol",
                "allow_requests_without_proxy_protocol": true,
            },
        })),
        Door::Open | Door::Detecting => {}
    }
    if let Some(socket) = tls::front(setup) {
        chain["transport_socket"] = socket;
    }
    if let Some(socket) = tls::back(setup) {
        cluster["transport_socket"] = socket;
    }
    let config = json!({
        "node": { "id": "bench", "cluster": "bench" },
        "static_resources": {
            "listeners": [{
                "name": "front",
                "address": address(&setup.address),
                "listener_filters": listener_filters,
                "filter_chains": [chain],
            }],
            "clusters": [cluster],
        },
    });
    format!("{config:#}\n")
}

fn connection_limit(most: usize) -> Value {
    json!({
        "name": "envoy.filters.network.connection_limit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.network.connection_limit.v3.ConnectionLimit",
            "stat_prefix": "front",
            "max_connections": most,
        },
    })
}

/// What is in the file of the endpoints.
pub(super) fn endpoints(setup: &Setup) -> String {
    let mut assignment = assignment(setup);
    assignment["@type"] =
        json!("type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment");
    format!("{:#}\n", json!({ "resources": [assignment] }))
}

fn assignment(setup: &Setup) -> Value {
    let endpoints = setup.endpoints.iter();
    let endpoints: Vec<Value> = endpoints
        .map(|endpoint| json!({ "endpoint": { "address": address(endpoint) } }))
        .collect();
    json!({ "cluster_name": CLUSTER, "endpoints": [{ "lb_endpoints": endpoints }] })
}

fn address(address: &std::net::SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}

//! `protocol` and `pool`: how HTTP is spoken to the endpoints, and for how long on one connection.

use outrigger_config::model::{Cluster, Protocol};
use serde_json::json;

use crate::{
    Refused,
    any::{pack, unpack},
    pb::envoy::{
        config::{
            cluster::v3 as wire,
            core::v3::{Http1ProtocolOptions, Http2ProtocolOptions, HttpProtocolOptions as Common},
        },
        extensions::upstreams::http::v3::{
            HttpProtocolOptions,
            http_protocol_options::{
                ExplicitHttpConfig, UpstreamProtocolOptions, UseDownstreamHttpConfig,
                explicit_http_config::ProtocolConfig,
            },
        },
    },
    refused::Within,
    remainder::Keys,
    scalar::{is_zero, number, time, written_time},
};

/// Under which Envoy looks for it.
const NAME: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

pub(super) fn to_wire(cluster: &Cluster, message: &mut wire::Cluster) {
    let http1 = Http1ProtocolOptions::default();
    let http2 = Http2ProtocolOptions {
        max_concurrent_streams: number(cluster.pool.max_streams),
        ..Http2ProtocolOptions::default()
    };
    let explicit = |config| {
        UpstreamProtocolOptions::ExplicitHttpConfig(ExplicitHttpConfig {
            protocol_config: Some(config),
        })
    };
    let spoken = match cluster.protocol {
        Protocol::Http1 => explicit(ProtocolConfig::HttpProtocolOptions(http1)),
        Protocol::Http2 => explicit(ProtocolConfig::Http2ProtocolOptions(http2)),
        // The nearest: gRPC comes as HTTP/2, and most of the rest as HTTP/1.1.
        Protocol::Auto => {
            UpstreamProtocolOptions::UseDownstreamProtocolConfig(UseDownstreamHttpConfig {
                http_protocol_options: Some(http1),
                http2_protocol_options: Some(http2),
                http3_protocol_options: None,
            })
        }
    };
    let options = HttpProtocolOptions {
        common_http_protocol_options: Some(Common {
            idle_timeout: time(cluster.pool.idle_timeout),
            max_connection_duration: cluster.pool.max_age.and_then(time),
            ..Common::default()
        }),
        upstream_protocol_options: Some(spoken),
        ..HttpProtocolOptions::default()
    };
    message.typed_extension_protocol_options = [(NAME.to_owned(), pack(&options))].into();
}

/// Where nothing is said Envoy speaks HTTP/1.1, and so do we then: an endpoint need not know HTTP/2.
pub(super) fn from_wire(message: &wire::Cluster, keys: &mut Keys) -> Result<(), Refused> {
    let mut options = match message.typed_extension_protocol_options.get(NAME) {
        Some(config) => unpack::<HttpProtocolOptions>(config)
            .within(format_args!("typed_extension_protocol_options[{NAME}]"))?,
        None => HttpProtocolOptions {
            upstream_protocol_options: old(message),
            common_http_protocol_options: message.common_http_protocol_options,
            ..HttpProtocolOptions::default()
        },
    };
    let (protocol, http2) = match options.upstream_protocol_options.take() {
        None => ("http1", None),
        Some(UpstreamProtocolOptions::ExplicitHttpConfig(config)) => match config.protocol_config {
            None | Some(ProtocolConfig::HttpProtocolOptions(_)) => ("http1", None),
            Some(ProtocolConfig::Http2ProtocolOptions(http2)) => ("http2", Some(http2)),
            Some(ProtocolConfig::Http3ProtocolOptions(_)) => {
                return Err(Refused::new("HTTP/3 is not supported")).within(NAME);
            }
        },
        Some(UpstreamProtocolOptions::UseDownstreamProtocolConfig(config)) => {
            ("auto", config.http2_protocol_options)
        }
        // By ALPN, of which there is none without TLS: HTTP/1.1.
        Some(UpstreamProtocolOptions::AutoConfig(config)) => {
            ("http1", config.http2_protocol_options)
        }
    };
    keys.insert("protocol".to_owned(), json!(protocol));

    let mut pool = Keys::new();
    let common = options.common_http_protocol_options.unwrap_or_default();
    for (key, time) in [
        ("idle_timeout", common.idle_timeout),
        ("max_age", common.max_connection_duration),
    ] {
        if let Some(time) = time.filter(|time| !is_zero(time)) {
            pool.insert(key.to_owned(), written_time(&time).within(key)?.into());
        }
    }
    let streams = http2.and_then(|http2| http2.max_concurrent_streams);
    if let Some(streams) = streams {
        pool.insert("max_streams".to_owned(), streams.value.into());
    }
    keys.insert("pool".to_owned(), pool.into());
    Ok(())
}

/// The field that Envoy had before.
fn old(message: &wire::Cluster) -> Option<UpstreamProtocolOptions> {
    let http2 = message.http2_protocol_options.clone()?;
    let config = ExplicitHttpConfig {
        protocol_config: Some(ProtocolConfig::Http2ProtocolOptions(http2)),
    };
    Some(UpstreamProtocolOptions::ExplicitHttpConfig(config))
}

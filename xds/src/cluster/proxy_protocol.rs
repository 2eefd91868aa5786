//! `proxy_protocol`: a transport socket around the one that is spoken.

use outrigger_config::model::ProxyVersion;

use crate::{
    any::{self, pack},
    pb::envoy::{
        config::core::v3::{
            ProxyProtocolConfig, TransportSocket, proxy_protocol_config::Version,
            transport_socket::ConfigType,
        },
        extensions::transport_sockets::{
            proxy_protocol::v3::ProxyProtocolUpstreamTransport, raw_buffer::v3::RawBuffer,
        },
    },
};

/// Under which Envoy looks for it.
const NAME: &str = "envoy.transport_sockets.upstream_proxy_protocol";
const CLEARTEXT: &str = "envoy.transport_sockets.raw_buffer";

pub(super) fn to_wire(version: ProxyVersion) -> TransportSocket {
    let version = match version {
        ProxyVersion::V1 => Version::V1,
        ProxyVersion::V2 => Version::V2,
    };
    let transport = ProxyProtocolUpstreamTransport {
        config: Some(ProxyProtocolConfig {
            version: version.into(),
            ..ProxyProtocolConfig::default()
        }),
        transport_socket: Some(socket(CLEARTEXT, pack(&RawBuffer::default()))),
        ..ProxyProtocolUpstreamTransport::default()
    };
    socket(NAME, pack(&transport))
}

fn socket(name: &str, config: crate::pb::google::protobuf::Any) -> TransportSocket {
    TransportSocket {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

/// The word of the file for the version that a socket sends, and the socket within; `None`: it sends none.
pub(super) fn from_wire(socket: &TransportSocket) -> Option<(&'static str, TransportSocket)> {
    let Some(ConfigType::TypedConfig(config)) = &socket.config_type else {
        return None;
    };
    let transport = any::unpack::<ProxyProtocolUpstreamTransport>(config).ok()?;
    let version = transport.config.map(|config| config.version);
    let version = match version {
        Some(version) if version == i32::from(Version::V2) => "v2",
        _ => "v1",
    };
    let cleartext = || self::socket(CLEARTEXT, pack(&RawBuffer::default()));
    Some((
        version,
        transport.transport_socket.unwrap_or_else(cleartext),
    ))
}

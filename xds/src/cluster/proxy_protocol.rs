//! `proxy_protocol`: a transport socket around the one that is spoken.

use outrigger_config::model::ProxyVersion;

use crate::{
    Refused,
    any::{self, pack},
    pb::{
        envoy::{
            config::core::v3::{
                ProxyProtocolConfig, TransportSocket, proxy_protocol_config::Version,
                transport_socket::ConfigType,
            },
            extensions::transport_sockets::{
                proxy_protocol::v3::ProxyProtocolUpstreamTransport, raw_buffer::v3::RawBuffer,
            },
        },
        google::protobuf::Any,
    },
    refused::Within,
};

/// Under which Envoy looks for it.
const NAME: &str = "envoy.transport_sockets.upstream_proxy_protocol";
const CLEARTEXT: &str = "envoy.transport_sockets.raw_buffer";

/// Around what is spoken; `None`: cleartext, which has to be said here.
pub(super) fn around(spoken: Option<TransportSocket>, version: ProxyVersion) -> TransportSocket {
    let version = match version {
        ProxyVersion::V1 => Version::V1,
        ProxyVersion::V2 => Version::V2,
    };
    let spoken = spoken.unwrap_or_else(|| socket(CLEARTEXT, pack(&RawBuffer::default())));
    let transport = ProxyProtocolUpstreamTransport {
        config: Some(ProxyProtocolConfig {
            version: version.into(),
            ..ProxyProtocolConfig::default()
        }),
        transport_socket: Some(spoken),
        ..ProxyProtocolUpstreamTransport::default()
    };
    socket(NAME, pack(&transport))
}

fn socket(name: &str, config: Any) -> TransportSocket {
    TransportSocket {
        name: name.to_owned(),
        config_type: Some(ConfigType::TypedConfig(config)),
    }
}

/// The word of the file for the version that a socket sends, and the socket within; `None`: it sends none.
pub(super) fn from_wire(
    socket: &TransportSocket,
) -> Result<Option<(&'static str, Option<TransportSocket>)>, Refused> {
    let config = match &socket.config_type {
        Some(ConfigType::TypedConfig(config))
            if any::is::<ProxyProtocolUpstreamTransport>(config) =>
        {
            config
        }
        _ => return Ok(None),
    };
    let transport: ProxyProtocolUpstreamTransport = any::unpack(config)?;
    let config = transport.config.unwrap_or_default();
    let rest = ProxyProtocolConfig {
        version: 0,
        ..config.clone()
    };
    if rest != ProxyProtocolConfig::default() {
        let reason = "only the addresses of a connection are told, no TLVs";
        return Err(Refused::new(reason)).within("config");
    }
    let version = match config.version == i32::from(Version::V2) {
        true => "v2",
        false => "v1",
    };
    Ok(Some((version, transport.transport_socket)))
}

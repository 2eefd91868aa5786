//! Where a resource's parts come from, and over what a connection is made.

use crate::{
    Refused, any,
    pb::envoy::{
        config::core::v3::{
            AggregatedConfigSource, ApiVersion, ConfigSource, TransportSocket,
            config_source::ConfigSourceSpecifier, transport_socket::ConfigType,
        },
        extensions::transport_sockets::raw_buffer::v3::RawBuffer,
    },
};

/// From the stream on which this comes too.
pub(crate) fn ads() -> ConfigSource {
    ConfigSource {
        resource_api_version: ApiVersion::V3.into(),
        config_source_specifier: Some(ConfigSourceSpecifier::Ads(AggregatedConfigSource {})),
        ..ConfigSource::default()
    }
}

/// There is one stream for everything.
pub(crate) fn check(source: Option<&ConfigSource>) -> Result<(), Refused> {
    match source.and_then(|source| source.config_source_specifier.as_ref()) {
        Some(ConfigSourceSpecifier::Ads(_) | ConfigSourceSpecifier::Self_(_)) => Ok(()),
        _ => Err(Refused::new("only `ads` and `self` are supported")),
    }
}

/// Whether a transport socket is none.
pub(crate) fn is_cleartext(socket: &TransportSocket) -> bool {
    match &socket.config_type {
        Some(ConfigType::TypedConfig(config)) => any::is::<RawBuffer>(config),
        None => socket.name == "envoy.transport_sockets.raw_buffer",
    }
}

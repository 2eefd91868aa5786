//! What a listener says of connections and requests: Envoy's HTTP connection manager.

use outrigger_config::model::{Destination, Listener};
use serde_json::json;

use crate::{
    Refused, any,
    pb::envoy::{
        config::core::v3::{Http2ProtocolOptions, HttpProtocolOptions},
        extensions::filters::{
            http::router::v3::Router,
            network::http_connection_manager::v3::{
                HttpConnectionManager, HttpFilter, Rds,
                http_connection_manager::{
                    CodecType, ForwardClientCertDetails, PathWithEscapedSlashesAction,
                    RouteSpecifier, ServerHeaderTransformation, SetCurrentClientCertDetails,
                    StripPortMode, UpgradeConfig,
                },
                http_filter::ConfigType,
            },
        },
    },
    refused::Within,
    remainder::Keys,
    scalar::{is_zero, number, time, truth, written_time},
    source,
};

const CONNECT: &str = "CONNECT";

/// As our proxy calls itself in `via`.
const VIA: &str = "1.1 outrigger";

pub(super) fn to_wire(listener: &Listener) -> HttpConnectionManager {
    let upgrade = |kind: &str| UpgradeConfig {
        upgrade_type: kind.to_owned(),
        ..UpgradeConfig::default()
    };
    let connect = listener.connect.then_some(CONNECT);
    HttpConnectionManager {
        stat_prefix: listener.name.to_string(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(source::ads()),
            route_config_name: listener.name.to_string(),
        })),
        http_filters: vec![router()],
        common_http_protocol_options: Some(HttpProtocolOptions {
            idle_timeout: time(listener.idle_timeout),
            ..HttpProtocolOptions::default()
        }),
        request_headers_timeout: time(listener.header_timeout),
        max_request_headers_kb: number(
            u32::try_from(listener.max_header_bytes.div_ceil(1024)).unwrap_or(u32::MAX),
        ),
        http2_protocol_options: Some(Http2ProtocolOptions {
            max_concurrent_streams: number(listener.max_streams),
            allow_connect: listener.connect,
            ..Http2ProtocolOptions::default()
        }),
        upgrade_configs: std::iter::once("websocket")
            .chain(connect)
            .map(upgrade)
            .collect(),
        via: if listener.via {
            VIA.to_owned()
        } else {
            String::new()
        },
        // What peers say of the client is replaced, as here where nobody is trusted.
        use_remote_address: truth(true),
        forward_client_cert_details: match listener.forward_client_cert {
            true => ForwardClientCertDetails::SanitizeSet.into(),
            false => ForwardClientCertDetails::Sanitize.into(),
        },
        // As our proxy writes it; the hash it always has there, too.
        set_current_client_cert_details: listener.forward_client_cert.then_some(
            SetCurrentClientCertDetails {
                subject: truth(true),
                dns: true,
                uri: true,
                ..SetCurrentClientCertDetails::default()
            },
        ),
        server_header_transformation: ServerHeaderTransformation::PassThrough.into(),
        normalize_path: truth(true),
        // Clusters are named without a port there.
        strip_port_mode: by_host(listener).then_some(StripPortMode::StripAnyHostPort(true)),
        path_with_escaped_slashes_action: PathWithEscapedSlashesAction::KeepUnchanged.into(),
        ..HttpConnectionManager::default()
    }
}

/// Whether a request may name its cluster itself.
pub(super) fn by_host(listener: &Listener) -> bool {
    let mut routes = listener.routes.iter();
    routes.any(|route| route.destination == Destination::Host)
}

/// The filter that routes, which has to be the last.
pub(crate) fn router() -> HttpFilter {
    HttpFilter {
        name: "envoy.filters.http.router".to_owned(),
        config_type: Some(ConfigType::TypedConfig(any::pack(&Router::default()))),
        ..HttpFilter::default()
    }
}

/// What is not said has our defaults; a time of 0, which is for ever there, too: there is no such thing here.
pub(super) fn from_wire(manager: &HttpConnectionManager, keys: &mut Keys) -> Result<(), Refused> {
    refuse(manager)?;
    let common = manager.common_http_protocol_options.as_ref();
    for (key, field, time) in [
        (
            "header_timeout",
            "request_headers_timeout",
            manager.request_headers_timeout,
        ),
        (
            "idle_timeout",
            "common_http_protocol_options.idle_timeout",
            common.and_then(|common| common.idle_timeout),
        ),
    ] {
        if let Some(time) = time.filter(|time| !is_zero(time)) {
            keys.insert(key.to_owned(), written_time(&time).within(field)?.into());
        }
    }
    if let Some(kilobytes) = manager.max_request_headers_kb {
        let bytes = u64::from(kilobytes.value) * 1024;
        keys.insert("max_header_bytes".to_owned(), json!(bytes));
    }
    let http2 = manager.http2_protocol_options.as_ref();
    if let Some(streams) = http2.and_then(|http2| http2.max_concurrent_streams) {
        keys.insert("max_streams".to_owned(), json!(streams.value));
    }
    let upgrades = manager.upgrade_configs.iter();
    let mut on = upgrades.filter(|it| it.enabled.is_none_or(|enabled| enabled.value));
    let connect = on.any(|it| it.upgrade_type.eq_ignore_ascii_case(CONNECT));
    keys.insert("connect".to_owned(), json!(connect));
    keys.insert("via".to_owned(), json!(!manager.via.is_empty()));
    let details = manager.forward_client_cert_details;
    // What would be appended to a caller's word there stands alone here: less is believed.
    let forwarded = [
        ForwardClientCertDetails::SanitizeSet,
        ForwardClientCertDetails::AppendForward,
    ];
    let forwarded = forwarded.iter().any(|it| details == i32::from(*it));
    keys.insert("forward_client_cert".to_owned(), json!(forwarded));
    // Nobody's word is replaced there: whoever connects is trusted.
    if !manager.use_remote_address.is_some_and(|it| it.value) {
        keys.insert("trusted_proxies".to_owned(), json!(["0.0.0.0/0", "::/0"]));
    }
    Ok(())
}

fn refuse(manager: &HttpConnectionManager) -> Result<(), Refused> {
    for (is_set, field) in [
        (
            manager.codec_type == i32::from(CodecType::Http3),
            "codec_type",
        ),
        (
            [
                ForwardClientCertDetails::ForwardOnly,
                ForwardClientCertDetails::AlwaysForwardOnly,
            ]
            .iter()
            .any(|it| manager.forward_client_cert_details == i32::from(*it)),
            "forward_client_cert_details",
        ),
        (manager.xff_num_trusted_hops != 0, "xff_num_trusted_hops"),
        (
            !manager.original_ip_detection_extensions.is_empty(),
            "original_ip_detection_extensions",
        ),
        (
            !manager.early_header_mutation_extensions.is_empty(),
            "early_header_mutation_extensions",
        ),
    ] {
        if is_set {
            return Err(Refused::new("not supported")).within(field);
        }
    }
    Ok(())
}

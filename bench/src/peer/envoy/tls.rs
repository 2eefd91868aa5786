//! TLS, as Envoy says it.

use serde_json::{Value, json};

use crate::{
    job::Version,
    peer::{Setup, Wire},
    tls::{Certificates, NAME},
};

const KIND: &str = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3";

/// What callers have to speak; `None`: cleartext.
pub(super) fn front(setup: &Setup) -> Option<Value> {
    let shown = setup.shown(setup.front)?;
    let mutual = setup.front == Wire::Mutual;
    Some(socket(&json!({
        "@type": format!("{KIND}.DownstreamTlsContext"),
        "common_tls_context": common(shown, setup.downstream, mutual),
        "require_client_certificate": mutual,
    })))
}

/// What endpoints are spoken to in; `None`: cleartext.
pub(super) fn back(setup: &Setup) -> Option<Value> {
    let shown = setup.shown(setup.back)?;
    Some(socket(&json!({
        "@type": format!("{KIND}.UpstreamTlsContext"),
        "common_tls_context": common(shown, setup.upstream, true),
        "sni": NAME,
    })))
}

fn socket(config: &Value) -> Value {
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": config })
}

fn common(shown: &Certificates, version: Version, verifies: bool) -> Value {
    let alpn = match version {
        Version::Http1 => "http/1.1",
        Version::Http2 => "h2",
    };
    let mut common = json!({
        "tls_certificates": [{
            "certificate_chain": { "filename": shown.cert() },
            "private_key": { "filename": shown.key() },
        }],
        "alpn_protocols": [alpn],
    });
    if verifies {
        common["validation_context"] = json!({ "trusted_ca": { "filename": shown.ca() } });
    }
    common
}

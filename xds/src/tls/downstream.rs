//! `tls` of a listener.

use outrigger_config::model::{Alpn, ClientCertificates, Listener, ListenerTls};
use serde_json::{Value, json};

use super::{
    MESH, certificate, context, file, is_mesh, mesh, min_version, only_files, pair, params, path,
    socket,
};
use crate::{
    Refused,
    pb::{
        envoy::{
            config::core::v3::TransportSocket,
            extensions::transport_sockets::tls::v3::{
                CertificateValidationContext, CommonTlsContext, DownstreamTlsContext,
                common_tls_context::ValidationContextType,
            },
        },
        google::protobuf::BoolValue,
    },
    refused::Within,
    remainder::Keys,
};

/// `None`: cleartext.
pub(crate) fn to_wire(listener: &Listener) -> Option<TransportSocket> {
    let own = match listener.tls.as_ref()? {
        ListenerTls::Own(own) => own,
        ListenerTls::Mesh(_) => {
            return Some(socket(&DownstreamTlsContext {
                common_tls_context: Some(mesh()),
                require_client_certificate: Some(BoolValue { value: true }),
                ..DownstreamTlsContext::default()
            }));
        }
    };
    let (ca, required) = match &own.clients {
        ClientCertificates::Off => (None, false),
        ClientCertificates::Optional(ca) => (Some(ca), false),
        ClientCertificates::Required(ca) => (Some(ca), true),
    };
    let validation = ca.map(|ca| {
        ValidationContextType::ValidationContext(CertificateValidationContext {
            trusted_ca: ca.ca.first().and_then(|path| file(path)),
            crl: ca.crl.first().and_then(|path| file(path)),
            ..CertificateValidationContext::default()
        })
    });
    let alpn = own.alpn.iter().map(|alpn| alpn.as_str().to_owned());
    Some(socket(&DownstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_params: params(own.min_version),
            tls_certificates: own.certificates.iter().map(certificate).collect(),
            alpn_protocols: alpn.collect(),
            validation_context_type: validation,
            ..CommonTlsContext::default()
        }),
        require_client_certificate: required.then_some(BoolValue { value: true }),
        ..DownstreamTlsContext::default()
    }))
}

/// `tls` of what a transport socket says.
pub(crate) fn from_wire(socket: &TransportSocket) -> Result<Value, Refused> {
    let context: DownstreamTlsContext = context(socket)?;
    let common = context.common_tls_context.unwrap_or_default();
    if is_mesh(&common) {
        return Ok(json!(MESH));
    }
    only_files(&common)?;
    let mut keys = Keys::new();
    let mut certificates = Vec::new();
    for (index, certificate) in common.tls_certificates.iter().enumerate() {
        let place = format_args!("tls_certificates[{index}]").to_string();
        let (cert, key) = pair(certificate).within(place)?;
        certificates.push(json!({"cert": cert, "key": key}));
    }
    // That there is none may be made up for by metadata: `acme` has no field of its own. Else the whole is refused.
    keys.insert("certificates".to_owned(), certificates.into());
    let required = context
        .require_client_certificate
        .is_some_and(|it| it.value);
    match &common.validation_context_type {
        None if required => {
            return Err(Refused::new("nothing says who is to be believed"))
                .within("validation_context");
        }
        None => {}
        Some(ValidationContextType::ValidationContext(validation)) => {
            clients(validation, required, &mut keys).within("validation_context")?;
        }
        Some(_) => {
            return Err(Refused::new("only files are supported")).within("validation_context");
        }
    }
    keys.insert("min_version".to_owned(), min_version(&common));
    let known = [Alpn::Http2, Alpn::Http1].map(Alpn::as_str);
    let offered = common.alpn_protocols.iter();
    let offered: Vec<&String> = offered.filter(|it| known.contains(&it.as_str())).collect();
    keys.insert("alpn".to_owned(), json!(offered));
    Ok(keys.into())
}

fn clients(
    validation: &CertificateValidationContext,
    required: bool,
    keys: &mut Keys,
) -> Result<(), Refused> {
    let rest = CertificateValidationContext {
        trusted_ca: None,
        crl: None,
        watched_directory: None,
        ..validation.clone()
    };
    if rest != CertificateValidationContext::default() {
        return Err(Refused::new(
            "only roots and revocation lists are supported",
        ));
    }
    let ask = if required { "required" } else { "optional" };
    keys.insert("client_certificates".to_owned(), json!(ask));
    let ca = path(validation.trusted_ca.as_ref()).within("trusted_ca")?;
    keys.insert("client_ca".to_owned(), ca);
    if validation.crl.is_some() {
        let crl = path(validation.crl.as_ref()).within("crl")?;
        keys.insert("crl".to_owned(), crl);
    }
    Ok(())
}

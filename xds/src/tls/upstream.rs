//! `tls` of a cluster.

use outrigger_config::model::{Cluster, ClusterTls, Endpoints, Trust};
use serde_json::{Value, json};

use super::{
    MESH, certificate, context, file, is_mesh, mesh, min_version, only_files, pair, params, path,
    socket,
};
use crate::{
    Refused,
    pb::envoy::{
        config::core::v3::TransportSocket,
        extensions::transport_sockets::tls::v3::{
            CertificateValidationContext, CommonTlsContext, UpstreamTlsContext,
            certificate_validation_context::{SystemRootCerts, TrustChainVerification},
            common_tls_context::ValidationContextType,
        },
    },
    refused::Within,
    remainder::Keys,
};

/// `None`: cleartext.
pub(crate) fn to_wire(cluster: &Cluster) -> Option<TransportSocket> {
    let own = match cluster.tls.as_ref()? {
        ClusterTls::Own(own) => own,
        ClusterTls::Mesh { .. } => {
            return Some(socket(&UpstreamTlsContext {
                common_tls_context: Some(mesh()),
                ..UpstreamTlsContext::default()
            }));
        }
    };
    let mut validation = CertificateValidationContext::default();
    match &own.trust {
        Trust::System => validation.system_root_certs = Some(SystemRootCerts {}),
        // Several travel beside it: to whom that says nothing the first has to do, who believes less then.
        Trust::Files(files) => validation.trusted_ca = files.first().and_then(|path| file(path)),
        Trust::Nobody => {
            validation.trust_chain_verification = TrustChainVerification::AcceptUntrusted.into();
        }
    }
    let by_dns = match &cluster.endpoints {
        Endpoints::Dns(dns) => Some(dns.name.trim_end_matches('.').to_owned()),
        Endpoints::Static(_) => None,
    };
    let sni = own.server_name.clone().or(by_dns).unwrap_or_default();
    Some(socket(&UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_params: params(own.min_version),
            tls_certificates: own.certificate.iter().map(certificate).collect(),
            validation_context_type: Some(ValidationContextType::ValidationContext(validation)),
            ..CommonTlsContext::default()
        }),
        // Of its own accord Envoy does not look whose certificate it is.
        auto_sni_san_validation: !sni.is_empty() && own.trust != Trust::Nobody,
        sni,
        ..UpstreamTlsContext::default()
    }))
}

/// `tls` of what a transport socket says.
pub(crate) fn from_wire(socket: &TransportSocket) -> Result<Value, Refused> {
    let context: UpstreamTlsContext = context(socket)?;
    let common = context.common_tls_context.unwrap_or_default();
    if is_mesh(&common) {
        return Ok(json!(MESH));
    }
    only_files(&common)?;
    let mut keys = Keys::new();
    if context.auto_host_sni {
        return Err(Refused::new(
            "a name by the host of a request is not supported",
        ))
        .within("auto_host_sni");
    }
    if !context.sni.is_empty() {
        keys.insert("server_name".to_owned(), json!(context.sni));
    }
    match &common.tls_certificates[..] {
        [] => {}
        [only] => {
            let (cert, key) = pair(only).within("tls_certificates[0]")?;
            keys.insert("cert".to_owned(), cert);
            keys.insert("key".to_owned(), key);
        }
        _ => return Err(Refused::new("only one is supported")).within("tls_certificates"),
    }
    keys.insert("min_version".to_owned(), min_version(&common));
    let Some(ValidationContextType::ValidationContext(validation)) =
        &common.validation_context_type
    else {
        // There it would mean that anybody is believed.
        return Err(Refused::new("nothing says who is to be believed"))
            .within("validation_context");
    };
    trust(validation, &mut keys).within("validation_context")?;
    Ok(keys.into())
}

fn trust(validation: &CertificateValidationContext, keys: &mut Keys) -> Result<(), Refused> {
    let rest = CertificateValidationContext {
        trusted_ca: None,
        system_root_certs: None,
        watched_directory: None,
        trust_chain_verification: 0,
        ..validation.clone()
    };
    if rest != CertificateValidationContext::default() {
        return Err(Refused::new("only roots are supported"));
    }
    let anybody = validation.trust_chain_verification != 0;
    match (&validation.trusted_ca, validation.system_root_certs) {
        (None, None) if anybody => {
            let key = "insecure_skip_verify_i_know_what_this_means";
            keys.insert(key.to_owned(), json!(true));
        }
        (Some(_), None) if !anybody => {
            let ca = path(validation.trusted_ca.as_ref()).within("trusted_ca")?;
            keys.insert("ca".to_owned(), ca);
        }
        (None, Some(_)) if !anybody => {}
        _ => {
            return Err(Refused::new(
                "roots, of a file or of the system, or none at all",
            ));
        }
    }
    Ok(())
}

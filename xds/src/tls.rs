//! TLS, as the transport sockets of clusters and listeners.
//!
//! Files are named as they are in a table, and are those of the machine that the resource is for; what stands in a message
//! itself, a key above all, is refused. The identity of the mesh is the secret called `mesh`, which other clients have to be
//! given by other means: without it they do not connect, as they should not.
//!
//! What bounds whom to believe and is not understood is refused. To pass it over would be to believe more.

mod downstream;
mod upstream;

use serde_json::{Value, json};

use crate::{
    Refused, any,
    pb::envoy::{
        config::core::v3::{
            DataSource, TransportSocket, data_source::Specifier, transport_socket::ConfigType,
        },
        extensions::transport_sockets::tls::v3::{
            CommonTlsContext, SdsSecretConfig, TlsCertificate, TlsParameters,
            common_tls_context::ValidationContextType, tls_parameters::TlsProtocol,
        },
    },
    refused::Within,
};
use outrigger_config::model::{Certificate, TlsVersion};

pub(crate) use downstream::{from_wire as listener_keys, to_wire as of_listener};
pub(crate) use upstream::{from_wire as cluster_keys, to_wire as of_cluster};

/// Under which Envoy knows it.
const NAME: &str = "envoy.transport_sockets.tls";

/// The secret, and the word of our file, for the identity of the process.
const MESH: &str = "mesh";

fn socket<M: prost::Message + prost::Name>(context: &M) -> TransportSocket {
    TransportSocket {
        name: NAME.to_owned(),
        config_type: Some(ConfigType::TypedConfig(any::pack(context))),
    }
}

/// What is in a transport socket that is not cleartext.
fn context<M: prost::Message + prost::Name + Default>(
    socket: &TransportSocket,
) -> Result<M, Refused> {
    match &socket.config_type {
        Some(ConfigType::TypedConfig(config)) if any::is::<M>(config) => any::unpack(config),
        _ => Err(Refused::new(format!("`{}` is not supported", socket.name))),
    }
}

/// As a member of a mesh.
fn mesh() -> CommonTlsContext {
    let secret = || SdsSecretConfig {
        name: MESH.to_owned(),
        sds_config: None,
    };
    CommonTlsContext {
        tls_params: params(TlsVersion::Tls13),
        tls_certificate_sds_secret_configs: vec![secret()],
        validation_context_type: Some(ValidationContextType::ValidationContextSdsSecretConfig(
            secret(),
        )),
        ..CommonTlsContext::default()
    }
}

fn is_mesh(common: &CommonTlsContext) -> bool {
    let named = |secret: &SdsSecretConfig| secret.name == MESH;
    let shown = &common.tls_certificate_sds_secret_configs;
    let believed = match &common.validation_context_type {
        Some(ValidationContextType::ValidationContextSdsSecretConfig(secret)) => named(secret),
        _ => false,
    };
    believed && matches!(&shown[..], [only] if named(only)) && common.tls_certificates.is_empty()
}

fn params(version: TlsVersion) -> Option<TlsParameters> {
    let least = match version {
        TlsVersion::Tls12 => TlsProtocol::TlSv12,
        TlsVersion::Tls13 => TlsProtocol::TlSv13,
    };
    Some(TlsParameters {
        tls_minimum_protocol_version: least.into(),
        ..TlsParameters::default()
    })
}

/// What is older than we speak becomes the oldest that we do.
fn min_version(common: &CommonTlsContext) -> Value {
    let least = common.tls_params.as_ref();
    let least = least.map(|params| params.tls_minimum_protocol_version);
    match least == Some(TlsProtocol::TlSv13.into()) {
        true => json!("1.3"),
        false => json!("1.2"),
    }
}

fn file(path: &std::path::Path) -> Option<DataSource> {
    Some(DataSource {
        specifier: Some(Specifier::Filename(path.to_string_lossy().into_owned())),
        ..DataSource::default()
    })
}

/// The path of a file; what is in the message itself is not taken.
fn path(source: Option<&DataSource>) -> Result<Value, Refused> {
    match source.and_then(|source| source.specifier.as_ref()) {
        Some(Specifier::Filename(path)) => Ok(json!(path)),
        Some(_) => Err(Refused::new("only files are supported")),
        None => Err(Refused::new("no file is named")),
    }
}

fn certificate(pair: &Certificate) -> TlsCertificate {
    TlsCertificate {
        certificate_chain: file(&pair.cert),
        private_key: file(&pair.key),
        ..TlsCertificate::default()
    }
}

/// `cert` and `key` of what is shown.
fn pair(certificate: &TlsCertificate) -> Result<(Value, Value), Refused> {
    let rest = TlsCertificate {
        certificate_chain: None,
        private_key: None,
        watched_directory: None,
        tls_params: None,
        ..certificate.clone()
    };
    if rest != TlsCertificate::default() {
        return Err(Refused::new(
            "only a chain and a key without password are supported",
        ));
    }
    Ok((
        path(certificate.certificate_chain.as_ref()).within("certificate_chain")?,
        path(certificate.private_key.as_ref()).within("private_key")?,
    ))
}

/// Refuses certificates and roots from elsewhere than files.
fn only_files(common: &CommonTlsContext) -> Result<(), Refused> {
    let rest = CommonTlsContext {
        tls_params: None,
        tls_certificates: Vec::new(),
        alpn_protocols: Vec::new(),
        key_log: None,
        validation_context_type: None,
        ..common.clone()
    };
    match rest == CommonTlsContext::default() {
        true => Ok(()),
        false => Err(Refused::new(
            "certificates from elsewhere than files are not supported",
        )),
    }
}

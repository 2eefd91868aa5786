//! Who is believed in a mesh, where names of hosts mean nothing: whoever its roots vouch for, by the SPIFFE ID in the
//! certificate; and, for who insists, anybody at all.

use std::{fmt, sync::Arc};

use outrigger_config::model::SpiffeId;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    server::{
        ParsedCertificate,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::{certificate::Facts, source::Roots};

/// Why a certificate that roots vouch for is refused all the same.
#[derive(Clone, Copy, Debug, thiserror::Error)]
enum Stranger {
    #[error("no SPIFFE ID in it")]
    NoIdentity,
    #[error("another identity than those that the cluster may have")]
    Another,
}

impl From<Stranger> for Error {
    fn from(stranger: Stranger) -> Self {
        let error = CertificateError::Other(rustls::OtherError(Arc::new(stranger)));
        Self::InvalidCertificate(error)
    }
}

fn identity(certificate: &CertificateDer<'_>) -> Result<SpiffeId, Stranger> {
    let facts = Facts::of(certificate).ok();
    facts
        .and_then(|facts| facts.identity())
        .ok_or(Stranger::NoIdentity)
}

/// Takes callers that `inner` takes and that have an identity.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) inner: Arc<dyn ClientCertVerifier>,
}

impl ClientCertVerifier for Members {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .inner
            .verify_client_cert(certificate, intermediates, now)?;
        identity(certificate)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// How endpoints are judged where their names say nothing.
pub(super) struct Endpoints {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) whom: Whom,
}

/// Who an endpoint may be.
pub(super) enum Whom {
    /// Whoever these vouch for, and of those only these, if there are any.
    Members(Roots, Vec<SpiffeId>),
    /// Anybody.
    Anybody,
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Endpoints")
    }
}

impl ServerCertVerifier for Endpoints {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Whom::Members(roots, identities) = &self.whom {
            let parsed = ParsedCertificate::try_from(certificate)?;
            let algorithms = self.provider.signature_verification_algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &parsed,
                roots,
                intermediates,
                now,
                algorithms,
            )?;
            let identity = identity(certificate)?;
            if !identities.is_empty() && !identities.contains(&identity) {
                return Err(Stranger::Another.into());
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

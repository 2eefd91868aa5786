//! Certificates that the proxy signs itself: what it shows before there is a better one, and what proves to an authority
//! that a host leads here (RFC 8737, 3).

use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::Failure;
use crate::tls::provider;

/// The subject of what stands in for a certificate. Clients that say why they refuse it show this.
pub(super) const PLACEHOLDER: &str = "outrigger: no certificate yet";

/// How long a placeholder may stay before the metrics and the log speak of its end.
const LIFE: Duration = Duration::from_secs(30 * 86_400);

/// Something to show for `host`, and its key: in PEM.
pub(super) fn placeholder(host: &str, now: SystemTime) -> Result<String, Failure> {
    let (certificate, key) = make(host, PLACEHOLDER, None, now).map_err(failed)?;
    Ok(certificate.pem() + &key.serialize_pem())
}

/// What shows for `host` that the account of this digest is its owner's.
pub(super) fn proof(host: &str, digest: &[u8], now: SystemTime) -> Result<CertifiedKey, Failure> {
    let (certificate, key) = make(host, host, Some(digest), now).map_err(failed)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let key = provider()
        .key_provider
        .load_private_key(key)
        .map_err(failed)?;
    Ok(CertifiedKey::new(vec![certificate.der().clone()], key))
}

fn make(
    host: &str,
    subject: &str,
    digest: Option<&[u8]>,
    now: SystemTime,
) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
    let mut params = CertificateParams::new([host.to_owned()])?;
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, subject);
    params.distinguished_name = name;
    // Clocks differ.
    params.not_before = (now - Duration::from_secs(3_600)).into();
    params.not_after = (now + LIFE).into();
    let proof = digest.map(CustomExtension::new_acme_identifier);
    params.custom_extensions.extend(proof);
    let key = KeyPair::generate()?;
    Ok((params.self_signed(&key)?, key))
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::Cryptography(error.to_string())
}

//! Reads PEM files (RFC 7468), and says what is in the way when one is something else.

use std::{fs, path::Path};

use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use super::flaw::{Flaw, Kind};

/// Far more than the largest bundle of roots: a wrong path must not fill the memory.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The certificates in `file`, at least one.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    objects(file, "certificate")
}

/// The key in `file`.
pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Flaw> {
    let mut keys = objects(file, "private key")?;
    Ok(keys.swap_remove(0))
}

/// The revocation lists in `file`, at least one.
pub(super) fn revocations(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Flaw> {
    objects(file, "revocation list")
}

fn objects<T: PemObject>(file: &Path, expected: &'static str) -> Result<Vec<T>, Flaw> {
    let bytes = read(file)?;
    let objects: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
    match objects {
        Ok(objects) if !objects.is_empty() => Ok(objects),
        Ok(_) => Err(absent(&bytes, expected).of(file)),
        // Nothing of the content: it may be a key's.
        Err(pem::Error::MissingSectionEnd { .. }) => {
            Err(Kind::BrokenPem("a section has no end: is the file cut short?".to_owned()).of(file))
        }
        Err(pem::Error::IllegalSectionStart { .. }) => {
            Err(Kind::BrokenPem("a section has no proper beginning".to_owned()).of(file))
        }
        Err(_) => {
            Err(Kind::BrokenPem("what stands between the marks is not base64".to_owned()).of(file))
        }
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Flaw> {
    let unreadable = |error| Kind::Unreadable(error).of(file);
    let length = fs::metadata(file).map_err(unreadable)?.len();
    if length > MOST_BYTES {
        return Err(Kind::BrokenPem(format!("{length} bytes are no such file")).of(file));
    }
    fs::read(file).map_err(unreadable)
}

/// What there is in place of what was expected.
fn absent(bytes: &[u8], expected: &'static str) -> Kind {
    if bytes.trim_ascii().is_empty() {
        return Kind::Empty;
    }
    let found = labels(bytes);
    if found.is_empty() {
        // A SEQUENCE, as all that we look for is.
        let der = bytes.first() == Some(&0x30);
        return Kind::NotPem { der };
    }
    if expected == "private key" && found.iter().any(|label| label.contains("ENCRYPTED")) {
        return Kind::Encrypted;
    }
    Kind::OtherLabel { expected, found }
}

/// What stands in `-----BEGIN ...-----`, each once.
fn labels(bytes: &[u8]) -> Vec<String> {
    let mut labels = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        let label = line
            .trim_ascii()
            .strip_prefix(b"-----BEGIN ")
            .and_then(|rest| rest.strip_suffix(b"-----"));
        let plain = |label: &&[u8]| {
            label.len() < 64
                && label
                    .iter()
                    .all(|b| b.is_ascii_uppercase() || *b == b' ' || b.is_ascii_digit())
        };
        if let Some(label) = label.filter(plain) {
            let label = format!("`{}`", String::from_utf8_lossy(label));
            if !labels.contains(&label) {
                labels.push(label);
            }
        }
    }
    labels
}

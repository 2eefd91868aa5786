//! Reads PEM files (RFC 7468), and says what is in the way when one is something else. Never what is in it: it may be a key.

use std::{fs, io, path::Path};

use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer,
    pem::{self, PemObject},
};

/// Far more than the largest bundle of roots: a wrong path must not fill the memory.
const MOST_BYTES: u64 = 16 << 20;

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Flaw {
    /// It can't be read.
    #[error("can't be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is something else.
    #[error("{0} bytes are no such file")]
    TooLong(u64),
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// It is not PEM.
    #[error("no PEM: nothing in it begins with `-----BEGIN`")]
    NotPem {
        /// It begins as DER does.
        der: bool,
    },
    /// It is PEM of other things.
    #[error("no {expected} in it, but {}", found.join(", "))]
    OtherLabel {
        /// What is wanted.
        expected: &'static str,
        /// What is there.
        found: Vec<String>,
    },
    /// It is PEM cut short, or not base64.
    #[error("broken PEM: {0}")]
    Broken(&'static str),
    /// A key that nobody can open without a password.
    #[error("the key is encrypted")]
    Encrypted,
}

impl Flaw {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Unreadable(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "the user that the process runs as must be able to read it"
            }
            Self::Unreadable(error) if error.kind() == io::ErrorKind::NotFound => {
                "a relative path is looked for where the process was started"
            }
            Self::NotPem { der: true } => {
                "it looks like DER: `openssl x509 -inform der -in FILE -out FILE.pem` turns a certificate into PEM"
            }
            Self::OtherLabel { expected, found } => {
                let holds = |what| found.iter().any(|label| label.contains(what));
                match *expected {
                    "certificate" if holds("PRIVATE KEY") => "are `cert` and `key` swapped?",
                    "private key" if holds("CERTIFICATE") => "are `cert` and `key` swapped?",
                    "certificate" if holds("CERTIFICATE REQUEST") => {
                        "a request has to be signed by an authority first"
                    }
                    _ => return None,
                }
            }
            Self::Encrypted => {
                "a process has nobody to ask for the password: `openssl pkey -in FILE -out FILE.plain`, for its eyes only"
            }
            _ => return None,
        })
    }
}

/// The certificates in `file`, at least one.
///
/// # Errors
/// When there is none.
pub fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    objects(file, "certificate")
}

/// The first key in `file`.
///
/// # Errors
/// When there is none.
pub fn key(file: &Path) -> Result<PrivateKeyDer<'static>, Flaw> {
    let mut keys = objects(file, "private key")?;
    Ok(keys.swap_remove(0))
}

/// The revocation lists in `file`, at least one.
///
/// # Errors
/// When there is none.
pub fn revocations(file: &Path) -> Result<Vec<CertificateRevocationListDer<'static>>, Flaw> {
    objects(file, "revocation list")
}

fn objects<T: PemObject>(file: &Path, expected: &'static str) -> Result<Vec<T>, Flaw> {
    let bytes = read(file)?;
    let objects: Result<Vec<T>, _> = T::pem_slice_iter(&bytes).collect();
    match objects {
        Ok(objects) if !objects.is_empty() => Ok(objects),
        Ok(_) => Err(absent(&bytes, expected)),
        Err(error) => Err(Flaw::Broken(match error {
            pem::Error::MissingSectionEnd { .. } => "a section has no end: is the file cut short?",
            pem::Error::IllegalSectionStart { .. } => "a section has no proper beginning",
            _ => "what stands between the marks is not base64",
        })),
    }
}

/// All of it, if it is not too much.
pub(crate) fn read(file: &Path) -> Result<Vec<u8>, Flaw> {
    match fs::metadata(file)?.len() {
        length if length > MOST_BYTES => Err(Flaw::TooLong(length)),
        _ => Ok(fs::read(file)?),
    }
}

/// What there is in place of what was expected.
fn absent(bytes: &[u8], expected: &'static str) -> Flaw {
    if bytes.trim_ascii().is_empty() {
        return Flaw::Empty;
    }
    let found = labels(bytes);
    if found.is_empty() {
        // A SEQUENCE, as all that we look for is.
        let der = bytes.first() == Some(&0x30);
        return Flaw::NotPem { der };
    }
    if expected == "private key" && found.iter().any(|label| label.contains("ENCRYPTED")) {
        return Flaw::Encrypted;
    }
    Flaw::OtherLabel { expected, found }
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

//! Files that are looked at again when they change.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustls::RootCertStore;
use rustls_pki_types::{
    CertificateDer, PrivateKeyDer,
    pem::{self, PemObject},
};

use super::Mistake;

/// Far more than any of them has: a wrong path must not fill the memory.
const MOST_BYTES: u64 = 16 << 20;

/// What tells one content from the next: device, inode, seconds and nanoseconds of its change, size. `None`: it can't be
/// looked at.
pub(crate) type Stamp = Option<(u64, u64, i64, i64, u64)>;

pub(crate) fn stamp(path: &Path) -> Stamp {
    let of = fs::metadata(path).ok()?;
    Some((of.dev(), of.ino(), of.mtime(), of.mtime_nsec(), of.size()))
}

pub(crate) fn wrong(path: &Path, cause: impl Into<String>) -> Mistake {
    Mistake::File(path.to_owned(), cause.into())
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Mistake> {
    let unreadable = |error: std::io::Error| wrong(path, error.to_string());
    match fs::metadata(path).map_err(unreadable)?.len() {
        length if length > MOST_BYTES => Err(wrong(path, format!("{length} bytes are too many"))),
        _ => fs::read(path).map_err(unreadable),
    }
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Mistake> {
    let bytes = read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(wrong(path, "there is no certificate in it, in PEM")),
    }
}

pub(crate) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Mistake> {
    // Nothing is said of what is in the file: it may be a key after all.
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|error| {
        let cause = match error {
            pem::Error::NoItemsFound => "there is no key in it, in PEM",
            _ => "it is no key in PEM",
        };
        wrong(path, cause)
    })
}

pub(crate) fn roots(paths: &[PathBuf]) -> Result<RootCertStore, Mistake> {
    let mut roots = RootCertStore::empty();
    for path in paths {
        for certificate in certificates(path)? {
            let added = roots.add(certificate);
            added.map_err(|_| wrong(path, "a certificate in it can't be a root"))?;
        }
    }
    Ok(roots)
}

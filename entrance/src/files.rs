//! Files that are looked at again when they change.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::{Mistake, pem};

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

/// What is in a file, in PEM.
fn of<T>(path: &Path, content: Result<T, pem::Flaw>) -> Result<T, Mistake> {
    content.map_err(|flaw| {
        let hint = flaw.hint().map(|hint| format!("\nhint: {hint}"));
        wrong(path, format!("{flaw}{}", hint.unwrap_or_default()))
    })
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Mistake> {
    of(path, pem::read(path))
}

pub(crate) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Mistake> {
    of(path, pem::certificates(path))
}

pub(crate) fn key(path: &Path) -> Result<PrivateKeyDer<'static>, Mistake> {
    of(path, pem::key(path))
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

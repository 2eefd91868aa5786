//! The directory of accounts and certificates, for the proxy's own eyes. A file is replaced as a whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::SystemTime,
};

use outrigger_config::model::{Acme, Certificate, ListenerTls};
use outrigger_entrance::pem;
use rustls_pki_types::CertificateDer;

use super::{
    Failure,
    self_signed::{PLACEHOLDER, placeholder},
};
use crate::tls::{
    Flaw,
    certificate::{Facts, Pair},
    flaw::Kind,
};

/// What a listener shows, with what the proxy gets for it: files that are there, and become better ones.
///
/// # Errors
/// When they can't be made.
pub fn with_own(tls: &ListenerTls, acme: Option<&Acme>) -> Result<ListenerTls, Flaw> {
    let mut tls = tls.clone();
    if let ListenerTls::Own(own) = &mut tls {
        for host in &own.acme {
            let none = || {
                let why = "this process has none: its own file must say where certificates are got";
                Kind::Unusable(why.to_owned()).of("acme")
            };
            own.certificates.push(place(acme.ok_or_else(none)?, host)?);
        }
    }
    Ok(tls)
}

/// Where the certificate of a host lies. If there is none yet, there is something else to show, as everybody does.
fn place(acme: &Acme, host: &str) -> Result<Certificate, Flaw> {
    let certificate = acme.certificate(host);
    let replaced = match Pair::load(&certificate) {
        Ok(pair) => is_placeholder(&pair.facts) && pair.facts.now(SystemTime::now()).is_err(),
        // What is wrong with it is said by whoever loads it.
        Err(flaw) => {
            matches!(&flaw.kind, Kind::Pem(pem::Flaw::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound)
        }
    };
    if replaced {
        let pem = placeholder(host, SystemTime::now());
        let pem = pem.map_err(|error| Kind::Unusable(error.to_string()).of(&certificate.cert))?;
        write(&certificate.cert, pem.as_bytes())?;
    }
    Ok(certificate)
}

fn is_placeholder(facts: &Facts) -> bool {
    facts.subject.contains(PLACEHOLDER)
}

/// A certificate of an authority.
pub(super) struct Held {
    pub(super) certificate: CertificateDer<'static>,
    pub(super) facts: Facts,
}

/// The certificate of a host, if there is one that is more than a placeholder and can be used.
pub(super) fn held(acme: &Acme, host: &str) -> Option<Held> {
    let pair = Pair::load(&acme.certificate(host)).ok()?;
    let certificate = pair.key.cert.first()?.clone();
    let held = Held {
        certificate,
        facts: pair.facts,
    };
    (!is_placeholder(&held.facts) && held.facts.names.cover(host)).then_some(held)
}

/// The account with the authority of this directory.
pub(super) fn account(acme: &Acme) -> PathBuf {
    let name: String = acme
        .directory
        .trim_start_matches("https://")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '.' {
                c
            } else {
                '-'
            }
        })
        .collect();
    acme.storage.join("accounts").join(name + ".json")
}

/// Held while certificates are got: of the processes that share a directory, one does it.
pub(super) fn lock(acme: &Acme) -> Result<File, Failure> {
    let path = acme.storage.join("lock");
    let file = private(&path).map_err(|error| Kind::Unwritable(error).of(&path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Failure::Busy),
        Err(TryLockError::Error(error)) => Err(Kind::Unwritable(error).of(path).into()),
    }
}

/// Writes a file.
pub(super) fn write(path: &Path, content: &[u8]) -> Result<(), Flaw> {
    replace(path, content).map_err(|error| Kind::Unwritable(error).of(path))
}

fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    let unfinished = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = private(&unfinished)?;
    file.set_len(0)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    // The new name has to last, too.
    File::open(directory)?.sync_all()
}

/// A file that nobody else reads: keys are in it.
fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    options.open(path)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

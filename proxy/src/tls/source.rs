//! Where certificates, keys and roots come from.

use std::{path::PathBuf, sync::Arc};

use outrigger_config::model::Certificate;
use outrigger_entrance::pem;
use rustls::RootCertStore;
use rustls_pki_types::CertificateRevocationListDer;

use super::{
    certificate::Pair,
    flaw::{Flaw, Kind},
};

/// Gives what is asked for as it is now. Files do; a service that gives each process its identity is another, which the
/// [`Store`](super::Store) can take in their place.
pub trait Source {
    /// A certificate with its key.
    ///
    /// # Errors
    /// Why there is none that can be used.
    fn pair(&self, of: &Certificate) -> Result<Pair, Flaw>;

    /// Roots of trust.
    ///
    /// # Errors
    /// Why there are none that can be used.
    fn roots(&self, of: &[PathBuf]) -> Result<Roots, Flaw>;

    /// What is revoked.
    ///
    /// # Errors
    /// Why that can't be known.
    fn revoked(&self, of: &[PathBuf]) -> Result<Revoked, Flaw>;
}

/// Who vouches for others.
pub type Roots = Arc<RootCertStore>;

/// What some of them have taken back.
pub type Revoked = Arc<[CertificateRevocationListDer<'static>]>;

/// Files in PEM.
#[derive(Clone, Copy, Debug)]
pub struct Files;

impl Source for Files {
    fn pair(&self, of: &Certificate) -> Result<Pair, Flaw> {
        Pair::load(of)
    }

    /// A root that has expired does no harm: it is refused when it is met. A bundle has some.
    fn roots(&self, of: &[PathBuf]) -> Result<Roots, Flaw> {
        let mut roots = RootCertStore::empty();
        for file in of {
            for certificate in pem::certificates(file).map_err(|flaw| Kind::from(flaw).of(file))? {
                roots
                    .add(certificate)
                    .map_err(|error| Kind::BadRoot(error.to_string()).of(file))?;
            }
        }
        Ok(Arc::new(roots))
    }

    fn revoked(&self, of: &[PathBuf]) -> Result<Revoked, Flaw> {
        let mut lists = Vec::new();
        for file in of {
            lists.extend(pem::revocations(file).map_err(|flaw| Kind::from(flaw).of(file))?);
        }
        Ok(lists.into())
    }
}

/// The roots of the system, and what it says of those that it can't give.
///
/// # Errors
/// When it has none.
pub fn system_roots() -> Result<Roots, Flaw> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Some that are old or odd are left out, as by everybody.
    let (added, _left_out) = roots.add_parsable_certificates(found.certs);
    match added {
        0 => {
            let why = found.errors.first().map(ToString::to_string);
            Err(Kind::NoSystemRoots(why).of("ca: system"))
        }
        _ => Ok(Arc::new(roots)),
    }
}

//! A certificate with its key: read, judged, and ready to be shown.

use std::{
    net::IpAddr,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use outrigger_config::model::{self, SpiffeId};
use outrigger_entrance::pem;
use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{
    flaw::{Flaw, Kind},
    names::Names,
    provider,
};

/// A certificate, those of its issuers, and its key.
#[derive(Debug)]
pub struct Pair {
    /// As rustls shows it.
    pub key: Arc<CertifiedKey>,
    /// What it says of its owner.
    pub facts: Facts,
}

/// What a certificate says of its owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its owner's names.
    pub names: Names,
    /// Its owner's distinguished name (RFC 4514), for people.
    pub subject: String,
    /// From when it is good.
    pub begins: SystemTime,
    /// Until when.
    pub ends: SystemTime,
    /// Whether it is of an authority; then whether it has signed itself.
    authority: Option<bool>,
}

impl Pair {
    /// Reads a pair and judges it, but for its time: see [`Facts::now`].
    ///
    /// # Errors
    /// Why it can't be shown.
    pub fn load(files: &model::Certificate) -> Result<Self, Flaw> {
        let chain = pem::certificates(&files.cert);
        let chain = chain.map_err(|flaw| Kind::from(flaw).of(&files.cert))?;
        let facts = Facts::of(&chain[0]).map_err(|kind| kind.of(&files.cert))?;
        // Whatever the CA: read first, so that a swap of the two is noticed.
        let key = pem::key(&files.key).map_err(|flaw| Kind::from(flaw).of(&files.key))?;
        let key = provider()
            .key_provider
            .load_private_key(key)
            .map_err(|error| Kind::BadKey(error.to_string()).of(&files.key))?;
        let key = CertifiedKey::new(chain, key);
        if key.keys_match().is_err() {
            return Err(mismatch(&files.cert, &key).of(&files.key));
        }
        if let Some(self_signed) = facts.authority {
            return Err(Kind::Authority { self_signed }.of(&files.cert));
        }
        Ok(Self {
            key: Arc::new(key),
            facts,
        })
    }
}

/// A key that belongs to another certificate, perhaps to another one of the chain.
fn mismatch(certificate: &Path, pair: &CertifiedKey) -> Kind {
    let owns = |one: &CertificateDer<'static>| {
        CertifiedKey::new(vec![one.clone()], Arc::clone(&pair.key))
            .keys_match()
            .is_ok()
    };
    Kind::Mismatch {
        certificate: certificate.to_owned(),
        of_another: pair.cert.iter().position(owns).map(|index| index + 1),
    }
}

impl Facts {
    /// Of a certificate in DER.
    ///
    /// # Errors
    /// When it is none.
    pub fn of(der: &[u8]) -> Result<Self, Kind> {
        let malformed = |error: &dyn std::fmt::Display| Kind::Malformed(error.to_string());
        let (_, certificate) = X509Certificate::from_der(der).map_err(|error| malformed(&error))?;
        let constraints = certificate
            .basic_constraints()
            .map_err(|error| malformed(&error))?;
        let is_authority = constraints.is_some_and(|constraints| constraints.value.ca);
        let self_signed = certificate.subject() == certificate.issuer();
        let validity = certificate.validity();
        Ok(Self {
            names: names(&certificate)?,
            subject: certificate.subject().to_string(),
            begins: time(validity.not_before.timestamp()),
            ends: time(validity.not_after.timestamp()),
            authority: is_authority.then_some(self_signed),
        })
    }

    /// # Errors
    /// When its time is over, or has not come.
    pub fn now(&self, now: SystemTime) -> Result<(), Kind> {
        if now > self.ends {
            Err(Kind::Expired(self.ends))
        } else if now < self.begins {
            Err(Kind::NotYet(self.begins))
        } else {
            Ok(())
        }
    }

    /// Who its owner is in a mesh: its only URI, a SPIFFE ID (X509-SVID, 2).
    pub fn identity(&self) -> Option<SpiffeId> {
        match &self.names.uris[..] {
            [only] => SpiffeId::parse(only),
            _ => None,
        }
    }

    /// What is left of its time if that is so little that somebody should have renewed it: a fifth of its life, as who
    /// renews does it at a third, and 30 days at most.
    pub fn running_out(&self, now: SystemTime) -> Option<Duration> {
        const MOST: Duration = Duration::from_secs(30 * 86_400);
        let life = self.ends.duration_since(self.begins).unwrap_or_default();
        let left = self.ends.duration_since(now).unwrap_or_default();
        (left < (life / 5).min(MOST)).then_some(left)
    }
}

fn names(certificate: &X509Certificate<'_>) -> Result<Names, Kind> {
    let mut names = Names::default();
    let extension = certificate
        .subject_alternative_name()
        .map_err(|error| Kind::Malformed(error.to_string()))?;
    let Some(extension) = extension else {
        return Ok(names);
    };
    for name in &extension.value.general_names {
        match name {
            GeneralName::DNSName(name) => names.dns.push(name.to_ascii_lowercase().into()),
            GeneralName::URI(uri) => names.uris.push((*uri).into()),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                let v6 = || <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
                names.ips.extend(v4.or_else(|_| v6()).ok());
            }
            _ => {}
        }
    }
    Ok(names)
}

/// Certificates of the last century are as good as those of its end.
fn time(seconds: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

//! Who is at the other end, by the certificate that was checked in the handshake.

use std::{fmt::Write, time::SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use outrigger_config::model::SpiffeId;
use rustls_pki_types::CertificateDer;

use super::certificate::Facts;

/// What a checked certificate says of a peer.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Who it is in the mesh.
    pub identity: Option<SpiffeId>,
    /// All that its certificate says.
    pub facts: Facts,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
}

impl Peer {
    /// By the first of `certificates`; `None`: it showed none.
    pub fn of(certificates: Option<&[CertificateDer<'_>]>) -> Option<Self> {
        let certificate = certificates?.first()?;
        // It was checked: it is one.
        let facts = Facts::of(certificate).ok()?;
        let mut fingerprint = [0; 32];
        fingerprint.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Some(Self {
            identity: facts.identity(),
            facts,
            fingerprint,
        })
    }

    /// Whether the certificate's time is over. A resumed handshake checks none: who was somebody yesterday must not come
    /// back by a ticket.
    pub fn has_expired(&self, now: SystemTime) -> bool {
        self.facts.now(now).is_err()
    }

    /// What it is called in logs and metrics: its identity, else its first name, else its subject.
    pub fn name(&self) -> &str {
        let names = &self.facts.names;
        self.identity
            .as_ref()
            .map(SpiffeId::as_str)
            .or(names.uris.first().map(|uri| &**uri))
            .or(names.dns.first().map(|name| &**name))
            .unwrap_or(&self.facts.subject)
    }

    /// An element of `x-forwarded-client-cert`, in the form that Envoy gave it; `by` is who was asked.
    pub fn forwarded(&self, by: Option<&SpiffeId>) -> String {
        let mut element = String::new();
        if let Some(by) = by {
            let _ = write!(element, "By={};", by.as_str());
        }
        element.push_str("Hash=");
        for byte in self.fingerprint {
            let _ = write!(element, "{byte:02x}");
        }
        let subject = self
            .facts
            .subject
            .replace('\\', "\\\\")
            .replace('"', "\\\"");
        let _ = write!(element, ";Subject=\"{subject}\"");
        for (key, names) in [
            ("URI", &self.facts.names.uris),
            ("DNS", &self.facts.names.dns),
        ] {
            for name in names {
                let plain = !name.contains(['"', '\\', ',', ';', '=']);
                let _ = match plain {
                    true => write!(element, ";{key}={name}"),
                    false => write!(
                        element,
                        ";{key}=\"{}\"",
                        name.replace('\\', "\\\\").replace('"', "\\\"")
                    ),
                };
            }
        }
        element
    }
}

//! Handshakes, certificates and peers.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustls::{AlertDescription, Error, InvalidMessage, PeerIncompatible};

use super::{
    Counter, Gauge, Histogram, Label, Registry, Side, families,
    label::{ByLabel, labels},
};
use crate::tls::session::Version;

labels! {
    /// How a handshake ended.
    pub enum HandshakeOutcome {
        /// Well, with all that belongs to it.
        Full = "full",
        /// Well, and short: an earlier one stood in.
        Resumed = "resumed",
        /// It did not end in time, or nobody waited for it any longer.
        GivenUp = "given_up",
        /// The peer went away.
        Closed = "closed",
        /// What came is not TLS.
        NotTls = "not_tls",
        /// No version, suite or protocol that both sides speak.
        NothingShared = "nothing_shared",
        /// The peer showed no certificate, and has to.
        NoCertificate = "no_certificate",
        /// The peer's certificate is not believed.
        BadCertificate = "bad_certificate",
        /// The peer does not believe ours, or has another reason of its own.
        Refused = "refused",
        /// The peer breaks the rules.
        Broken = "broken",
        /// There is no certificate to show yet, or nothing to judge by.
        Unready = "unready",
    }
}

impl HandshakeOutcome {
    /// Of a handshake that failed.
    pub fn of(error: &io::Error) -> Self {
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        match cause {
            Some(Error::NoCertificatesPresented) => Self::NoCertificate,
            Some(Error::InvalidCertificate(_) | Error::InvalidCertRevocationList(_)) => {
                Self::BadCertificate
            }
            Some(Error::AlertReceived(AlertDescription::CertificateRequired)) => {
                Self::NoCertificate
            }
            Some(Error::AlertReceived(_)) => Self::Refused,
            Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => Self::NotTls,
            Some(Error::PeerIncompatible(
                PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon,
            )) => Self::BadCertificate,
            Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Self::NothingShared,
            Some(_) => Self::Broken,
            None => Self::Closed,
        }
    }
}

labels! {
    /// What became of a file that changed.
    pub enum Renewal {
        /// It is shown, or believed, from now on.
        Applied = "applied",
        /// Something is wrong with it; the one before serves on.
        Refused = "refused",
    }
}

labels! {
    /// What became of an order of a certificate.
    pub enum OrderOutcome {
        /// It is there.
        Obtained = "obtained",
        /// It is not, and will be tried again.
        Failed = "failed",
    }
}

/// Peers that are counted by name; the rest is `other`. A mesh has more services than anybody looks at here.
const MOST_PEERS: usize = 100;

/// One for the process.
#[derive(Debug)]
pub struct TlsMetrics {
    registry: Registry,
    sides: [Handshakes; 2],
    renewals: ByLabel<Renewal, Counter>,
    peers: Mutex<HashMap<Box<str>, Counter>>,
}

#[derive(Debug)]
struct Handshakes {
    side: Side,
    tls12: ByLabel<HandshakeOutcome, Counter>,
    tls13: ByLabel<HandshakeOutcome, Counter>,
    failed: ByLabel<HandshakeOutcome, Counter>,
    duration: ByLabel<Side, Histogram>,
}

impl TlsMetrics {
    /// Registers nothing yet: who speaks no TLS sees none.
    pub fn new(registry: &Registry) -> Self {
        let handshakes = |side| Handshakes {
            side,
            tls12: ByLabel::new(),
            tls13: ByLabel::new(),
            failed: ByLabel::new(),
            duration: ByLabel::new(),
        };
        Self {
            registry: registry.clone(),
            sides: [handshakes(Side::Downstream), handshakes(Side::Upstream)],
            renewals: ByLabel::new(),
            peers: Mutex::default(),
        }
    }

    /// A handshake ended well.
    pub fn handshake(&self, side: Side, version: Version, resumed: bool, took: Duration) {
        let handshakes = &self.sides[side.index()];
        let outcomes = match version {
            Version::Tls12 => &handshakes.tls12,
            Version::Tls13 => &handshakes.tls13,
        };
        let outcome = match resumed {
            true => HandshakeOutcome::Resumed,
            false => HandshakeOutcome::Full,
        };
        let labels = |outcome| [side.as_str(), version.as_str(), outcome];
        let register = |outcome| {
            self.registry
                .handle(&families::TLS_HANDSHAKES, labels(outcome))
        };
        outcomes.get(outcome, register).increment();
        let register = |side| {
            self.registry
                .handle(&families::TLS_HANDSHAKE_DURATION, [side])
        };
        handshakes.duration.get(side, register).observe(took);
    }

    /// A handshake failed.
    pub fn failed(&self, side: Side, outcome: HandshakeOutcome) {
        let handshakes = &self.sides[side.index()];
        let labels = |outcome| [handshakes.side.as_str(), "", outcome];
        let register = |outcome| {
            self.registry
                .handle(&families::TLS_HANDSHAKES, labels(outcome))
        };
        handshakes.failed.get(outcome, register).increment();
    }

    /// A file changed.
    pub fn renewal(&self, outcome: Renewal) {
        let register = |label| self.registry.handle(&families::TLS_RELOADS, [label]);
        self.renewals.get(outcome, register).increment();
    }

    /// An order of a certificate for this host has ended. They are few, and all in the table.
    pub fn order(&self, host: &str, outcome: OrderOutcome) {
        let labels = [host, outcome.as_str()];
        self.registry
            .handle(&families::ACME_ORDERS, labels)
            .increment();
    }

    /// When the certificate in this file ends; shown as long as what is returned lives.
    pub fn expiry(&self, file: &Path) -> Gauge {
        let file = file.to_string_lossy();
        self.registry
            .handle(&families::TLS_CERTIFICATE_EXPIRY, [&*file])
    }

    /// Counts the requests of this peer.
    pub fn peer(&self, name: &str) -> Counter {
        let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = peers.get(name) {
            return counter.clone();
        }
        let counted = if peers.len() < MOST_PEERS {
            name
        } else {
            "other"
        };
        let counter = self.registry.handle(&families::PEER_REQUESTS, [counted]);
        if counted == name {
            peers.insert(name.into(), Counter::clone(&counter));
        }
        counter
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use rustls::CertificateError;

    use super::*;

    #[test]
    fn handshakes_are_counted_by_how_they_end_and_peers_up_to_a_bound() {
        let registry = Registry::default();
        let tls = TlsMetrics::new(&registry);
        assert_eq!(registry.render(Instant::now()), "");
        tls.handshake(
            Side::Downstream,
            Version::Tls13,
            false,
            Duration::from_millis(1),
        );
        tls.handshake(
            Side::Upstream,
            Version::Tls12,
            true,
            Duration::from_millis(1),
        );
        for (error, outcome) in [
            (Error::NoCertificatesPresented, "no_certificate"),
            (
                Error::InvalidCertificate(CertificateError::Expired),
                "bad_certificate",
            ),
            (Error::AlertReceived(AlertDescription::UnknownCA), "refused"),
        ] {
            let failed = HandshakeOutcome::of(&io::Error::other(error));
            assert_eq!(failed.as_str(), outcome);
            tls.failed(Side::Downstream, failed);
        }
        for number in 0..MOST_PEERS + 20 {
            tls.peer(&format!("spiffe://a/{number}")).increment();
        }
        let shown = registry.render(Instant::now());
        for line in [
            r#"outrigger_tls_handshakes_total{side="downstream",version="1.3",outcome="full"} 1"#,
            r#"outrigger_tls_handshakes_total{side="upstream",version="1.2",outcome="resumed"} 1"#,
            r#"outrigger_tls_handshakes_total{side="downstream",version="",outcome="refused"} 1"#,
            r#"outrigger_peer_requests_total{peer="other"} 20"#,
        ] {
            assert!(shown.contains(line), "{line}\n{shown}");
        }
    }
}

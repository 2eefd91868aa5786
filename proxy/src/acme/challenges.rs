//! What the authority is answered when it comes to see whose a host is. The keeper writes it, workers look: only where a
//! table asks for certificates.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use foldhash::HashMap;
use rustls::{server::ClientHello, sign::CertifiedKey};

/// What a handshake that is one of these questions offers, and nothing else (RFC 8737, 4).
pub const ALPN: &[u8] = b"acme-tls/1";

/// Where the others are asked (RFC 8555, 8.3).
const PATH: &str = "/.well-known/acme-challenge/";

/// Answers, as long as they are waited for.
#[derive(Debug, Default)]
pub struct Challenges {
    /// By token.
    answers: ArcSwap<HashMap<Box<str>, Bytes>>,
    /// By host.
    certificates: ArcSwap<HashMap<Box<str>, Arc<CertifiedKey>>>,
}

/// An answer, which is given until this is dropped.
pub struct Given {
    challenges: Arc<Challenges>,
    key: Box<str>,
}

impl Challenges {
    /// The answer to a request for `path`, if that is a question of which it is waited for.
    pub fn answer(&self, path: &str) -> Option<Bytes> {
        let token = path.strip_prefix(PATH)?;
        self.answers.load().get(token).cloned()
    }

    /// Whether this handshake is a question.
    pub fn asked(hello: &ClientHello<'_>) -> bool {
        hello
            .alpn()
            .is_some_and(|mut protocols| protocols.any(|protocol| protocol == ALPN))
    }

    /// The answer to a handshake for `host`.
    pub fn certificate(&self, host: Option<&str>) -> Option<Arc<CertifiedKey>> {
        self.certificates.load().get(host?).cloned()
    }

    /// Answers requests for this token.
    pub(super) fn say(self: &Arc<Self>, token: &str, answer: &str) -> Given {
        let answer = Bytes::copy_from_slice(answer.as_bytes());
        self.answers.rcu(|answers| {
            let mut answers = HashMap::clone(answers);
            answers.insert(token.into(), answer.clone());
            answers
        });
        self.given(token)
    }

    /// Answers handshakes for this host.
    pub(super) fn show(self: &Arc<Self>, host: &str, certificate: CertifiedKey) -> Given {
        let certificate = Arc::new(certificate);
        self.certificates.rcu(|certificates| {
            let mut certificates = HashMap::clone(certificates);
            certificates.insert(host.into(), Arc::clone(&certificate));
            certificates
        });
        self.given(host)
    }

    fn given(self: &Arc<Self>, key: &str) -> Given {
        Given {
            challenges: Arc::clone(self),
            key: key.into(),
        }
    }
}

impl Drop for Given {
    fn drop(&mut self) {
        // A token is no host.
        self.challenges.answers.rcu(|answers| {
            let mut answers = HashMap::clone(answers);
            answers.remove(&self.key);
            answers
        });
        self.challenges.certificates.rcu(|certificates| {
            let mut certificates = HashMap::clone(certificates);
            certificates.remove(&self.key);
            certificates
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_given_as_long_as_it_is_waited_for() {
        let challenges = Arc::new(Challenges::default());
        let given = challenges.say("token", "token.print");
        let other = challenges.say("other", "other.print");
        let path = "/.well-known/acme-challenge/token";
        assert_eq!(challenges.answer(path).unwrap(), "token.print");
        assert_eq!(challenges.answer("/token"), None);
        assert_eq!(challenges.answer("/.well-known/acme-challenge/"), None);
        drop(given);
        assert_eq!(challenges.answer(path), None);
        drop(other);
        assert!(challenges.answers.load().is_empty());
    }
}

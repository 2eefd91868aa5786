//! What is said of pairs that can't be shown.

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use rustls_pki_types::PrivateKeyDer;

use super::*;

/// A directory that goes with the test.
struct Stage(PathBuf);

impl Stage {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("outrigger-pair-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn load(&self, cert: &[u8], key: &[u8]) -> Result<Pair, String> {
        let files = model::Certificate {
            cert: self.0.join("tls.crt"),
            key: self.0.join("tls.key"),
        };
        fs::write(&files.cert, cert).unwrap();
        fs::write(&files.key, key).unwrap();
        let directory = format!("{}/", self.0.display());
        Pair::load(&files).map_err(|flaw| flaw.to_string().replace(&directory, ""))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A certificate for these names, and its key.
fn issued(names: &[&str], edit: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    edit(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

fn words(result: Result<Pair, String>) -> String {
    result
        .map(|_| "fine".to_owned())
        .unwrap_or_else(|flaw| flaw)
}

#[test]
fn each_flaw_is_told_in_words_with_a_hint() {
    let stage = Stage::new("flaws");
    let (cert, key) = issued(&["a.example"], |_| ());
    let (other_cert, other_key) = issued(&["b.example"], |_| ());
    let (ca_cert, ca_key) = issued(&[], |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let request = "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n";
    let chain = format!("{other_cert}{cert}");
    let der = CertificateParams::new(vec![]).unwrap();
    let der = der.self_signed(&KeyPair::generate().unwrap()).unwrap();
    let cases: [(&str, &[u8], &[u8]); 12] = [
        ("fine", cert.as_bytes(), key.as_bytes()),
        ("another key", cert.as_bytes(), other_key.as_bytes()),
        ("chain upside down", chain.as_bytes(), key.as_bytes()),
        ("an authority", ca_cert.as_bytes(), ca_key.as_bytes()),
        ("swapped", key.as_bytes(), cert.as_bytes()),
        ("empty", b" \n", key.as_bytes()),
        ("DER", der.der(), key.as_bytes()),
        ("text", b"hello", key.as_bytes()),
        ("a request", request.as_bytes(), key.as_bytes()),
        ("encrypted", cert.as_bytes(), encrypted.as_bytes()),
        ("cut short", &cert.as_bytes()[..200], key.as_bytes()),
        (
            "no certificate",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            key.as_bytes(),
        ),
    ];
    let told = cases.map(|(name, cert, key)| format!("{name}\n  {}", words(stage.load(cert, key))));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_certificate_says_who_until_when() {
    let stage = Stage::new("facts");
    let now = SystemTime::now();
    let day = Duration::from_secs(86_400);
    let (cert, key) = issued(
        &["Shop.Example.com", "*.example.org", "192.0.2.1"],
        |params| {
            params.not_before = (now - 10 * day).into();
            params.not_after = (now + 90 * day).into();
        },
    );
    let facts = stage.load(cert.as_bytes(), key.as_bytes()).unwrap().facts;
    assert_eq!(
        facts.names.dns,
        ["shop.example.com".into(), "*.example.org".into()]
    );
    assert!(facts.names.cover("192.0.2.1"));
    assert_eq!(facts.identity(), None);
    assert!(facts.now(now).is_ok());
    assert!(matches!(facts.now(now + 91 * day), Err(Kind::Expired(_))));
    assert!(matches!(facts.now(now - 11 * day), Err(Kind::NotYet(_))));
    // A fifth of 100 days.
    assert_eq!(facts.running_out(now + 69 * day), None);
    assert!(facts.running_out(now + 71 * day).is_some());
}

proptest! {
    #[test]
    fn no_bytes_of_a_peer_or_a_file_break_the_reading(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = Facts::of(&bytes);
        let _ = PrivateKeyDer::try_from(bytes.as_slice());
    }

    #[test]
    fn no_flip_of_a_certificate_breaks_the_reading(at in 0_usize..300, to in any::<u8>()) {
        let (cert, _) = issued(&["a.example", "192.0.2.1"], |_| ());
        let der = <CertificateDer<'_> as rustls_pki_types::pem::PemObject>::from_pem_slice(cert.as_bytes()).unwrap();
        let mut der = der.to_vec();
        let at = at % der.len();
        der[at] = to;
        if let Ok(facts) = Facts::of(&der) {
            facts.names.cover("a.example");
            let _ = facts.identity();
        }
    }
}

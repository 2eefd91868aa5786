//! Certificates that peers show, and what endpoints are told of them.

use outrigger::tls::Peer;
use outrigger_config::model::SpiffeId;
use rustls_pki_types::CertificateDer;

/// The keys of an element of `x-forwarded-client-cert`.
const KEYS: [&str; 5] = ["By", "Hash", "Subject", "URI", "DNS"];

/// What is read as a certificate has names of which nothing comes to be another key or another element of the header
/// that tells of it: whoever gets a certificate for odd names becomes nobody else.
pub fn certificate(bytes: &[u8]) {
    let Some(peer) = Peer::of(Some(&[CertificateDer::from(bytes)])) else {
        return;
    };
    let by = SpiffeId::parse("spiffe://a.test/b").expect("it is one");
    let told = peer.forwarded(Some(&by));
    let pairs = pairs(&told);
    let count = |key: &str| pairs.iter().filter(|(name, _)| name == key).count();
    assert!(
        pairs.iter().all(|(name, _)| KEYS.contains(&&**name)),
        "{told:?}"
    );
    assert_eq!(
        (count("By"), count("Hash"), count("Subject")),
        (1, 1, 1),
        "{told:?}"
    );
    let names = &peer.facts.names;
    assert_eq!(
        (count("URI"), count("DNS")),
        (names.uris.len(), names.dns.len()),
        "{told:?}"
    );
    assert_eq!(pairs[0].1, by.as_str());
    let uris = pairs.iter().filter(|(name, _)| name == "URI");
    assert!(
        uris.map(|(_, uri)| &**uri)
            .eq(names.uris.iter().map(|uri| &**uri))
    );
    if let Some(identity) = &peer.identity {
        assert_eq!(peer.name(), identity.as_str());
        assert_eq!(SpiffeId::parse(identity.as_str()).as_ref(), Some(identity));
    }
}

/// An element, taken apart as its readers do.
fn pairs(element: &str) -> Vec<(String, String)> {
    let mut pairs = vec![(String::new(), String::new())];
    let (mut in_key, mut quoted, mut escaped) = (true, false, false);
    for letter in element.chars() {
        let (key, value) = pairs.last_mut().unwrap();
        match letter {
            _ if escaped => {
                escaped = false;
                value.push(letter);
            }
            '\\' if quoted => escaped = true,
            '"' if !in_key => quoted = !quoted,
            ',' if !quoted => panic!("another element: {element:?}"),
            ';' if !quoted => {
                in_key = true;
                pairs.push((String::new(), String::new()));
            }
            '=' if in_key => in_key = false,
            _ if in_key => key.push(letter),
            _ => value.push(letter),
        }
    }
    assert!(!quoted && !escaped, "{element:?}");
    pairs
}

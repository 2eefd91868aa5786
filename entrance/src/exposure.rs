//! Which ports may be open to whom.

use std::net::{IpAddr, SocketAddr};

use super::{Mistake, Settings};

/// What has to be said to open a port to anybody. One word for all processes, and none that is typed by accident.
pub const FLAG: &str = "--insecure-open-ports-i-know-what-this-means";

/// Whether only this machine reaches it.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Beyond loopback there must be TLS and a credential: a token in cleartext is everybody's soon.
pub(crate) fn check(
    what: &'static str,
    address: SocketAddr,
    settings: &Settings,
    open_ports: bool,
) -> Result<(), Mistake> {
    let roots = settings.tls.as_ref().map(|tls| &tls.client_ca);
    if !settings.allow_identities.is_empty() && roots.is_none_or(Vec::is_empty) {
        return Err(Mistake::NoRoots(what));
    }
    let tls = settings.tls.is_some();
    let credential = settings.token_file.is_some() || !settings.allow_identities.is_empty();
    match is_loopback(address.ip()) || open_ports || (tls && credential) {
        true => Ok(()),
        false => Err(Mistake::Open {
            what,
            address,
            tls,
            credential,
        }),
    }
}

/// What is missing.
pub(crate) fn missing(tls: bool, credential: bool) -> &'static str {
    match (tls, credential) {
        (false, false) => "it has neither TLS nor a credential",
        (false, true) => "it has no TLS, and a credential in cleartext is soon everybody's",
        (true, _) => "it asks for no credential",
    }
}

/// Where that is said.
pub(crate) fn advice(what: &str) -> &'static str {
    match what {
        "xds" => {
            "give --tls-cert, --tls-key and, for proxies, --client-ca with --xds-allow-identity, or --xds-token-file"
        }
        "http" => {
            "give --tls-cert, --tls-key and, for operators, --client-ca with --http-allow-identity, or --http-token-file"
        }
        _ => "give it `tls` and `allow_identities` or `token_file`, or let it listen on 127.0.0.1",
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::TlsFiles;

    fn settings(tls: bool, token: bool) -> Settings {
        let tls = tls.then(|| TlsFiles {
            cert: PathBuf::new(),
            key: PathBuf::new(),
            client_ca: Vec::new(),
        });
        Settings {
            tls,
            allow_identities: Vec::new(),
            token_file: token.then(PathBuf::new),
            http2: false,
        }
    }

    fn opens(address: &str, settings: &Settings) -> bool {
        check("http", address.parse().unwrap(), settings, false).is_ok()
    }

    #[test]
    fn beyond_loopback_both_are_needed() {
        for address in ["0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::ffff:10.0.0.1]:1"] {
            assert!(opens(address, &settings(true, true)));
            for (tls, token) in [(false, false), (true, false), (false, true)] {
                let settings = settings(tls, token);
                assert!(!opens(address, &settings), "{address} {tls} {token}");
                assert!(check("xds", address.parse().unwrap(), &settings, true).is_ok());
            }
        }
        for address in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(opens(address, &settings(false, false)), "{address}");
        }
    }

    #[test]
    fn an_identity_needs_somebody_who_vouches() {
        let mut settings = settings(true, true);
        settings.allow_identities = vec!["*".parse().unwrap()];
        assert!(!opens("127.0.0.1:1", &settings));
    }

    #[test]
    fn the_message_says_what_to_do() {
        let address = "0.0.0.0:4181".parse().unwrap();
        let error = check("http", address, &settings(true, false), false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "http would be open to whoever reaches 0.0.0.0:4181: it asks for no credential\n\
             hint: give --tls-cert, --tls-key and, for operators, --client-ca with --http-allow-identity, or \
             --http-token-file; on a network where nobody else is, say \
             --insecure-open-ports-i-know-what-this-means"
        );
    }
}

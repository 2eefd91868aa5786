//! Certificates that the proxy gets for itself, and the listeners that ask for some.

use std::{net::IpAddr, path::PathBuf};

use http::Uri;
use serde_json::json;

use super::{
    name::parse_host,
    tls::{file, files},
};
use crate::{
    model::{Acme, Challenge, default as defaults},
    problem::{Fault, Step, quote},
    reader::Reader,
    shape::{Shape, choice, default, flag, keys, list, optional, parsed, required, word},
    yaml::Node,
};

struct Keys {
    terms_agreed: (),
    contact: Vec<String>,
    directory: String,
    ca: Option<Vec<PathBuf>>,
    storage: PathBuf,
    challenges: Vec<Challenge>,
}

pub(super) fn acme() -> Shape<Acme> {
    let keys = keys!(Keys {
        /// That you have read the authority's terms of service, and agree to them: Let's Encrypt's are at
        /// https://letsencrypt.org/repository/.
        terms_agreed: required(agreed()).hint(
            "read the authority's terms of service; if you agree to them, say `terms_agreed: true`"
        ),
        /// Mail addresses that the authority may write to.
        contact: default(list(mail()), Vec::new()),
        /// The authority: the URL of its directory. Let's Encrypt's when left out.
        directory: default(url(), defaults::ACME_DIRECTORY.to_owned()),
        /// Who vouches for the authority's server: one file of roots or several. The system's when left out.
        ca: optional(files()),
        /// A directory of the proxy's own, for the account's key and the certificates.
        storage: default(file(), PathBuf::from(defaults::ACME_STORAGE)),
        /// How it is proven whose the hosts are. When one fails the next is tried.
        challenges: default(
            list(challenge()).refine(some, Clone::clone),
            defaults::ACME_CHALLENGES.to_vec()
        ),
    });
    keys.convert(
        |keys| Acme {
            directory: keys.directory,
            ca: keys.ca.unwrap_or_default(),
            contact: keys.contact,
            storage: keys.storage,
            challenges: keys.challenges,
        },
        |acme| Keys {
            terms_agreed: (),
            contact: acme.contact.clone(),
            directory: acme.directory.clone(),
            ca: Some(acme.ca.clone()).filter(|ca| !ca.is_empty()),
            storage: acme.storage.clone(),
            challenges: acme.challenges.clone(),
        },
    )
}

/// Nobody agrees by leaving something out, or on behalf of another.
fn agreed() -> Shape<()> {
    flag().refine(
        |agreed| match agreed {
            true => Ok(()),
            false => Err(Fault::new("no authority gives certificates without that")
                .hint("agree to its terms of service, or leave `acme` out")),
        },
        |()| true,
    )
}

fn mail() -> Shape<String> {
    let schema = json!({"type": "string", "format": "email", "examples": ["ops@example.com"]});
    let parse = |text: &str| {
        let fault = || Fault::new(format!("{} is no mail address", quote(text)));
        let good = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_graphic());
        match text.split_once('@') {
            _ if text.starts_with("mailto:") => Err(fault().hint("leave `mailto:` out")),
            Some((who, host)) if good(who) && good(host) && !host.contains('@') => {
                Ok(text.to_owned())
            }
            _ => Err(fault().hint("one like `ops@example.com`")),
        }
    };
    parsed("a mail address", schema, parse, String::clone)
}

fn url() -> Shape<String> {
    let schema =
        json!({"type": "string", "pattern": "^https://", "examples": [defaults::ACME_DIRECTORY]});
    let parse = |text: &str| {
        let fault = || Fault::new(format!("{} is no URL of a directory", quote(text)));
        match text.parse::<Uri>() {
            Ok(url) if url.scheme_str() == Some("https") && url.authority().is_some() => {
                Ok(text.to_owned())
            }
            Ok(url) if url.scheme_str() == Some("http") => {
                Err(fault().hint("authorities speak TLS only: `https://`"))
            }
            _ => Err(fault().hint(
                "one like `https://acme-staging-v02.api.letsencrypt.org/directory`, for tests",
            )),
        }
    };
    parsed("the URL of a directory", schema, parse, String::clone)
}

fn challenge() -> Shape<Challenge> {
    choice(
        "a challenge",
        [
            word(
                Challenge::TlsAlpn01.as_str(),
                "Within a handshake, at port 443 of the host.",
                Challenge::TlsAlpn01,
            ),
            word(
                Challenge::Http01.as_str(),
                "In cleartext, at port 80 of the host.",
                Challenge::Http01,
            ),
        ],
    )
}

fn some(challenges: Vec<Challenge>) -> Result<Vec<Challenge>, Fault> {
    match challenges.is_empty() {
        true => Err(Fault::new("no challenge is named: nothing could be proven")),
        false => Ok(challenges),
    }
}

/// Hosts of a listener that certificates are got for.
pub(super) fn hosts() -> Shape<Vec<String>> {
    list(host())
}

fn host() -> Shape<String> {
    let schema = json!({"type": "string", "examples": ["shop.example.com"]});
    let parse = |text: &str| {
        let fault = || Fault::new(format!("{} can't be proven to be yours", quote(text)));
        if text.starts_with("*.") {
            return Err(fault().hint(
                "a wildcard takes a challenge by DNS, which is not spoken here: list the hosts",
            ));
        }
        let host = parse_host(text)?;
        if host.parse::<IpAddr>().is_ok() || host.contains(['_', '[']) || !host.contains('.') {
            return Err(
                fault().hint("name a host that the whole internet knows, like `shop.example.com`")
            );
        }
        Ok(host)
    };
    parsed(
        "a host like `shop.example.com`",
        schema,
        parse,
        String::clone,
    )
}

/// Rule of a file: who asks for certificates has said where they are got.
pub(super) fn asked_of_somebody(node: &Node, reader: &mut Reader) {
    if node.get("acme").is_some() {
        return;
    }
    let listeners = node.get("listeners").map(Node::items).unwrap_or_default();
    for (index, listener) in listeners.iter().enumerate() {
        let Some(asked) = listener.get("tls").and_then(|tls| tls.entry("acme")) else {
            continue;
        };
        let steps: [Step; 4] = [
            "listeners".into(),
            index.into(),
            "tls".into(),
            "acme".into(),
        ];
        let fault = Fault::new("this file does not say where certificates are got")
            .hint("at its top: `acme: { terms_agreed: true, contact: [ops@example.com] }`");
        reader.within(&steps, |reader| reader.report(&asked.key_span, fault));
    }
}

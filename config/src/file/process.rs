//! What concerns the whole process: admin address, access log, drain.

use std::path::PathBuf;

use super::{
    address::bind_address,
    authorization::identity_match,
    duration::{duration_or_zero, parse},
    name::host,
    tls::{file, files},
};
use crate::{
    model::{AccessLog, Admin, AdminTls, Certificate, Drain, LogFormat, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, absent, choice, default, keys, list, optional, required, word},
    yaml::Node,
};

pub(super) fn admin() -> Shape<Admin> {
    let keys = keys!(Admin {
        /// Where `/metrics`, `/ready` and the rest are served, as IP:port. Loopback by default: it shows internals. Beyond
        /// loopback it needs `tls` and a credential: `allow_identities` or `token_file`.
        address: default(bind_address(), defaults::ADMIN),
        /// What it shows its callers. Cleartext when left out.
        tls: optional(admin_tls()),
        /// Who is let in by a certificate that `tls.client_ca` vouches for: identities, in which `*` stands for a segment,
        /// at the end for all below.
        allow_identities: absent(list(identity_match()), Vec::new()),
        /// Who is let in by `authorization: Bearer ...`: a file of tokens, one a line, looked at again when it changes.
        token_file: optional(file()),
        /// Names besides its addresses and `localhost` that it is called by; others may be a foreign page's.
        allow_hosts: absent(list(host()), Vec::new()),
    });
    keys.rule(identities_by_ca)
}

struct AdminTlsKeys {
    cert: PathBuf,
    key: PathBuf,
    client_ca: Option<Vec<PathBuf>>,
}

fn admin_tls() -> Shape<AdminTls> {
    let keys = keys!(AdminTlsKeys {
        /// A file in PEM: the certificate, and after it those of its issuers.
        cert: required(file()),
        /// A file in PEM: the certificate's key.
        key: required(file()),
        /// Who vouches for callers that show a certificate: one file of roots or several.
        client_ca: optional(files()),
    });
    keys.convert(
        |keys| AdminTls {
            certificate: Certificate {
                cert: keys.cert,
                key: keys.key,
            },
            client_ca: keys.client_ca.unwrap_or_default(),
        },
        |tls| AdminTlsKeys {
            cert: tls.certificate.cert.clone(),
            key: tls.certificate.key.clone(),
            client_ca: Some(tls.client_ca.clone()).filter(|files| !files.is_empty()),
        },
    )
}

/// Who is let in by a certificate is one for whom somebody vouches, and the other way round.
fn identities_by_ca(node: &Node, reader: &mut Reader) {
    let ca = node.get("tls").and_then(|tls| tls.entry("client_ca"));
    match (node.entry("allow_identities"), ca) {
        (Some(identities), None) => {
            let fault = Fault::new("nobody vouches for these identities").hint(
                "name the roots: `tls: { cert: ..., key: ..., client_ca: /etc/tls/mesh-ca.crt }`",
            );
            reader.within(&["allow_identities".into()], |reader| {
                reader.report(&identities.key_span, fault);
            });
        }
        (None, Some(ca)) => {
            let fault = Fault::new("nobody is let in by a certificate")
                .cause("never looked at")
                .hint("say who is: `allow_identities: [\"spiffe://example.org/ops/*\"]`");
            reader.within(&["tls".into(), "client_ca".into()], |reader| {
                reader.report(&ca.key_span, fault);
            });
        }
        _ => {}
    }
}

pub(super) fn access_log() -> Shape<AccessLog> {
    let text = word("text", "For people.", LogFormat::Text);
    let json = word("json", "For machines.", LogFormat::Json);
    keys!(AccessLog {
        /// How a line looks.
        format: default(choice("a format", [text, json]), defaults::LOG_FORMAT),
    })
}

pub(super) fn drain() -> Shape<Drain> {
    let keys = keys!(Drain {
        /// From `/ready` turning 503 to refusing new connections: load balancers notice in this time.
        delay: default(duration_or_zero(), defaults::DRAIN_DELAY),
        /// From the signal to the hard end.
        timeout: default(duration_or_zero(), defaults::DRAIN_TIMEOUT),
    });
    keys.rule(delay_within_timeout)
}

fn delay_within_timeout(node: &Node, reader: &mut Reader) {
    let time = |key, absent| match node.get(key) {
        Some(node) => parse(node.text()?).ok(),
        None => Some(absent),
    };
    let delay = time("delay", defaults::DRAIN_DELAY);
    let timeout = time("timeout", defaults::DRAIN_TIMEOUT);
    if let (Some(delay), Some(timeout), Some(place)) = (delay, timeout, node.entry("delay"))
        && delay > timeout
    {
        let fault = Fault::new("the delay outlasts the whole drain")
            .hint("`timeout` counts from the signal too: make it the longer one");
        reader.within(&["delay".into()], |reader| {
            reader.report(&place.value.span, fault)
        });
    }
}

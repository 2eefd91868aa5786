//! `tls` of a listener, and the redirect of those who come without.

use std::path::PathBuf;

use super::{super::acme::hosts, MESH, certificate, files, is_mesh, version};
use crate::{
    model::{
        Alpn, Certificate, ClientCa, ClientCertificates, ListenerTls, Redirect, Scheme, ServerTls,
        Strangers, TlsVersion, default as defaults,
    },
    problem::Fault,
    reader::Reader,
    shape::{
        Shape, absent, choice, default, flag, keys, list, optional, required, split, variant,
        whole, word,
    },
    yaml::{Content, Node},
};

pub(in crate::file) fn listener_tls() -> Shape<ListenerTls> {
    const ABOUT: &str =
        "As the process's `identity`: TLS 1.3, for those alone who have one of the same mesh.";
    let mesh = choice(
        "a mapping, or `mesh`",
        [
            word(MESH, ABOUT, ListenerTls::Mesh(Strangers::Refused)),
            variant!(
                "mesh",
                "As the process's `identity`: TLS 1.3, for those who have one of the same mesh.",
                strangers(),
                ListenerTls::Mesh
            ),
        ],
    );
    let own = own().convert(ListenerTls::Own, |tls| match tls {
        ListenerTls::Own(own) => own.clone(),
        // Written as a word.
        ListenerTls::Mesh(_) => from_keys(Keys::default()),
    });
    let looks_like_mesh = |node: &Node| is_mesh(node) || !node.is_mapping();
    split(looks_like_mesh, mesh, own, |tls| {
        matches!(tls, ListenerTls::Mesh(_))
    })
}

fn strangers() -> Shape<Strangers> {
    choice(
        "`strict` or `permissive`",
        [
            word("strict", "Nobody else is served.", Strangers::Refused),
            word(
                "permissive",
                "Others are served as well, as they come.",
                Strangers::Served,
            ),
        ],
    )
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Ask {
    #[default]
    Off,
    Optional,
    Required,
}

#[derive(Default)]
struct Keys {
    certificates: Vec<Certificate>,
    acme: Vec<String>,
    client_certificates: Ask,
    client_ca: Option<Vec<PathBuf>>,
    crl: Option<Vec<PathBuf>>,
    min_version: TlsVersion,
    alpn: Vec<Alpn>,
}

fn own() -> Shape<ServerTls> {
    let keys = keys!(Keys {
        /// What it shows: the certificate that has the name that a caller asks for; the first is for all others.
        certificates: default(list(certificate()), Vec::new()),
        /// Hosts whose certificates the proxy gets for itself, as `acme` at the top of the file says; after those above.
        acme: absent(hosts(), Vec::new()),
        /// Whether callers show a certificate.
        client_certificates: default(ask(), Ask::Off),
        /// Who vouches for callers: one file of roots or several.
        client_ca: optional(files()),
        /// Lists of what these have revoked. With one, every certificate of a caller must be on the book of one of them.
        crl: optional(files()),
        /// The oldest version that is spoken.
        min_version: default(version(), TlsVersion::default()),
        /// What is offered above TLS, the preferred first. Nothing by `protocol: tcp`.
        alpn: default(list(alpn()), defaults::TLS_ALPN.to_vec()),
    });
    keys.rule(some_certificate)
        .rule(ask_by_ca)
        .convert(from_keys, to_keys)
}

fn from_keys(keys: Keys) -> ServerTls {
    let ca = || ClientCa {
        ca: keys.client_ca.unwrap_or_default(),
        crl: keys.crl.unwrap_or_default(),
    };
    ServerTls {
        certificates: keys.certificates,
        acme: keys.acme,
        clients: match keys.client_certificates {
            Ask::Off => ClientCertificates::Off,
            Ask::Optional => ClientCertificates::Optional(ca()),
            Ask::Required => ClientCertificates::Required(ca()),
        },
        min_version: keys.min_version,
        alpn: keys.alpn,
    }
}

fn to_keys(tls: &ServerTls) -> Keys {
    let (client_certificates, ca) = match &tls.clients {
        ClientCertificates::Off => (Ask::Off, None),
        ClientCertificates::Optional(ca) => (Ask::Optional, Some(ca)),
        ClientCertificates::Required(ca) => (Ask::Required, Some(ca)),
    };
    let files = |files: &Vec<PathBuf>| Some(files.clone()).filter(|files| !files.is_empty());
    Keys {
        certificates: tls.certificates.clone(),
        acme: tls.acme.clone(),
        client_certificates,
        client_ca: ca.and_then(|ca| files(&ca.ca)),
        crl: ca.and_then(|ca| files(&ca.crl)),
        min_version: tls.min_version,
        alpn: tls.alpn.clone(),
    }
}

fn ask() -> Shape<Ask> {
    choice(
        "whether callers show a certificate",
        [
            word("off", "They are not asked.", Ask::Off),
            word(
                "optional",
                "They may, and a bad one is refused.",
                Ask::Optional,
            ),
            word("required", "They must.", Ask::Required),
        ],
    )
}

fn alpn() -> Shape<Alpn> {
    choice(
        "a protocol",
        [
            word(Alpn::Http2.as_str(), "HTTP/2.", Alpn::Http2),
            word(Alpn::Http1.as_str(), "HTTP/1.1.", Alpn::Http1),
        ],
    )
}

fn some_certificate(node: &Node, reader: &mut Reader) {
    let some = |key| {
        let list = node.get(key).map(|list| &list.content);
        list.is_some_and(|list| !matches!(list, Content::List(list) if list.is_empty()))
    };
    if some("certificates") || some("acme") {
        return;
    }
    let fault = Fault::new("no certificate is named: no caller could be served")
        .hint("`certificates: [{ cert: /etc/tls/tls.crt, key: /etc/tls/tls.key }]`, or `acme: [shop.example.com]`");
    match node.get("certificates") {
        Some(none) => reader.within(&["certificates".into()], |reader| {
            reader.report(&none.span, fault);
        }),
        None => reader.report(&node.span, fault),
    }
}

/// Who asks for certificates says whom it believes, and the other way round.
fn ask_by_ca(node: &Node, reader: &mut Reader) {
    let asked = node.entry("client_certificates");
    let asked = asked.filter(|asked| asked.value.text() != Some("off"));
    match (asked, node.entry("client_ca")) {
        (Some(asked), None) => {
            let fault = Fault::new("nobody vouches for the certificates that callers show")
                .hint("name the roots: `client_ca: /etc/tls/clients-ca.crt`");
            reader.within(&["client_certificates".into()], |reader| {
                reader.report(&asked.value.span, fault);
            });
        }
        (None, Some(ca)) => {
            let fault = Fault::new("callers are not asked for certificates")
                .cause("never looked at")
                .hint("say `client_certificates: required`, or `optional`");
            reader.within(&["client_ca".into()], |reader| {
                reader.report(&ca.key_span, fault);
            });
        }
        _ => {}
    }
    if let (Some(crl), None) = (node.entry("crl"), node.get("client_ca")) {
        let fault = Fault::new("a revocation list needs those who keep it")
            .hint("name their roots as `client_ca`");
        reader.within(&["crl".into()], |reader| {
            reader.report(&crl.key_span, fault)
        });
    }
}

struct Port {
    port: u16,
}

/// `true`, or another port than 443.
pub(in crate::file) fn redirect_to_https() -> Shape<Option<Redirect>> {
    let to = |port: Option<u16>| Redirect {
        status: defaults::HTTPS_REDIRECT_STATUS,
        scheme: Some(Scheme::Https),
        host: None,
        port,
        path: None,
    };
    let plain = flag().convert(
        move |on| on.then(|| to(None)),
        |redirect: &Option<Redirect>| redirect.is_some(),
    );
    let port = keys!(Port {
        /// Where TLS is spoken.
        port: required(whole(1..=65_535)),
    });
    let with_port = port.convert(
        move |keys| Some(to(Some(keys.port))),
        |redirect: &Option<Redirect>| Port {
            port: redirect.as_ref().and_then(|it| it.port).unwrap_or(443),
        },
    );
    let is_flag = |node: &Node| !matches!(node.content, Content::Mapping(_));
    split(is_flag, plain, with_port, |redirect| {
        redirect.as_ref().is_none_or(|it| it.port.is_none())
    })
}

/// Rule of a listener: what sends everybody elsewhere leaves nothing to the routes.
pub(in crate::file) fn redirect_or_routes(node: &Node, reader: &mut Reader) {
    let redirect = node.entry("redirect_to_https");
    let redirect = redirect.filter(|redirect| redirect.value.text() != Some("false"));
    for other in ["routes", "tls"] {
        if let (Some(redirect), Some(entry)) = (redirect, node.entry(other)) {
            let fault = Fault::new(format!(
                "`redirect_to_https` and `{other}` exclude each other"
            ));
            let fault = fault.hint(match other {
                "routes" => "for some routes only, use the filter `redirect: { scheme: https }`",
                _ => "redirect on the listener without TLS, and serve on the one with it",
            });
            reader.clash(
                &entry.key_span,
                fault,
                &redirect.key_span,
                "every request goes there",
            );
        }
    }
}

//! TLS: what listeners show, what is asked of endpoints, and who the process is in its mesh.
//!
//! Everything secret is the path of a file here.

mod cluster;
mod listener;

use std::path::PathBuf;

use serde_json::json;

use crate::{
    model::{Certificate, Identity, SpiffeId, TlsVersion},
    problem::{Fault, Step, quote},
    reader::Reader,
    shape::{Shape, choice, keys, list, parsed, required, split, word},
    yaml::{Content, Node},
};

pub(super) use cluster::cluster_tls;
pub(super) use listener::{listener_tls, redirect_or_routes, redirect_to_https};

/// What stands for the process's identity.
pub(super) const MESH: &str = "mesh";

struct IdentityKeys {
    cert: PathBuf,
    key: PathBuf,
    ca: Vec<PathBuf>,
}

pub(super) fn identity() -> Shape<Identity> {
    let keys = keys!(IdentityKeys {
        /// Its certificate with a SPIFFE ID, and those of its issuers: a file in PEM, looked at again when it changes.
        cert: required(file()),
        /// The certificate's key.
        key: required(file()),
        /// Who vouches for the others of the mesh: one file of roots or several.
        ca: required(files()),
    });
    keys.convert(
        |keys| Identity {
            certificate: Certificate {
                cert: keys.cert,
                key: keys.key,
            },
            ca: keys.ca,
        },
        |identity| IdentityKeys {
            cert: identity.certificate.cert.clone(),
            key: identity.certificate.key.clone(),
            ca: identity.ca.clone(),
        },
    )
}

/// Rule of a file: who speaks as somebody has said who that is.
pub(super) fn mesh_has_identity(node: &Node, reader: &mut Reader) {
    if node.get("identity").is_some() {
        return;
    }
    let listeners = node.get("listeners").map(Node::items).unwrap_or_default();
    let listeners = listeners.iter().enumerate().map(|(index, listener)| {
        let steps: Vec<Step> = vec!["listeners".into(), index.into(), "tls".into()];
        (steps, listener)
    });
    let clusters = node.get("clusters").map(Node::entries).unwrap_or_default();
    let clusters = clusters.iter().map(|cluster| {
        let steps = vec!["clusters".into(), cluster.key.as_str().into(), "tls".into()];
        (steps, &cluster.value)
    });
    for (steps, place) in listeners.chain(clusters) {
        let Some(tls) = place.get("tls").filter(|tls| is_mesh(tls)) else {
            continue;
        };
        let fault = Fault::new("this process has no identity to speak as").hint(
            "say at the top of the file who it is: `identity: { cert: ..., key: ..., ca: ... }`",
        );
        reader.within(&steps, |reader| reader.report(&tls.span, fault));
    }
}

/// Whether the callers of a listener are asked who they are.
pub(super) fn asks_for_certificates(listener: &Node) -> bool {
    let Some(tls) = listener.get("tls") else {
        return false;
    };
    let asks = tls.get("client_certificates").and_then(Node::text);
    is_mesh(tls) || asks.is_some_and(|asks| asks != "off")
}

pub(super) fn is_mesh(tls: &Node) -> bool {
    tls.text() == Some(MESH) || tls.get(MESH).is_some()
}

/// A certificate with its key.
fn certificate() -> Shape<Certificate> {
    keys!(Certificate {
        /// A file in PEM: the certificate, and after it those of its issuers.
        cert: required(file()),
        /// A file in PEM: the certificate's key.
        key: required(file()),
    })
}

/// One file, or several.
pub(super) fn files() -> Shape<Vec<PathBuf>> {
    let one = file().convert(
        |file| vec![file],
        |files: &Vec<PathBuf>| files.first().cloned().unwrap_or_default(),
    );
    let several = list(file()).refine(
        |files| match files.is_empty() {
            true => Err(Fault::new("no file is named: nobody would be believed")
                .hint("name a file of roots, in PEM")),
            false => Ok(files),
        },
        Clone::clone,
    );
    let is_list = |node: &Node| matches!(node.content, Content::List(_));
    split(is_list, several, one, |files| files.len() != 1)
}

/// The path of a file; a relative one is looked for where the process runs.
pub(super) fn file() -> Shape<PathBuf> {
    let schema = json!({"type": "string", "minLength": 1, "examples": ["/etc/tls/tls.crt"]});
    let parse = |text: &str| match text {
        "" => Err(Fault::new("a path can't be empty")),
        _ if text.starts_with("-----BEGIN") => {
            Err(Fault::new("this is a key or certificate itself")
                .cause("its content")
                .hint("write it to a file that only the proxy can read, and name that file"))
        }
        _ if text.chars().any(char::is_control) => Err(Fault::new(
            "a path has no line breaks or other control characters",
        )),
        _ => Ok(PathBuf::from(text)),
    };
    parsed("a file's path", schema, parse, |path| {
        path.to_string_lossy().into_owned()
    })
}

fn version() -> Shape<TlsVersion> {
    choice(
        "a version of TLS",
        [
            word("1.2", "And 1.3.", TlsVersion::Tls12),
            word("1.3", "That alone.", TlsVersion::Tls13),
        ],
    )
}

pub(super) fn spiffe_id() -> Shape<SpiffeId> {
    const EXPECTED: &str = "an identity like `spiffe://example.org/ns/shop/sa/cart`";
    let schema = json!({"type": "string", "pattern": "^spiffe://[0-9a-z._-]+(/[0-9A-Za-z._-]+)*$"});
    let parse = |text: &str| {
        SpiffeId::parse(text).ok_or_else(|| {
            Fault::new(format!("expected {EXPECTED}, found {}", quote(text))).hint(
                "a trust domain in lower case, and a path of letters, digits, `-`, `_` and `.`",
            )
        })
    };
    parsed(EXPECTED, schema, parse, |id| id.as_str().to_owned())
}

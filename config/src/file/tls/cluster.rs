//! `tls` of a cluster.

use std::path::PathBuf;

use super::{MESH, file, files, is_mesh, spiffe_id, version};
use crate::{
    file::name::host,
    model::{Certificate, ClientTls, ClusterTls, SpiffeId, TlsVersion, Trust},
    problem::Fault,
    reader::Reader,
    shape::{
        Shape, absent, choice, default, flag, keys, list, optional, required, split, variant_with,
        word,
    },
    yaml::Node,
};

pub(in crate::file) fn cluster_tls() -> Shape<ClusterTls> {
    let own = own().convert(ClusterTls::Own, |tls| match tls {
        ClusterTls::Own(own) => own.clone(),
        // Written as a word.
        ClusterTls::Mesh { .. } => from_keys(Keys::default()),
    });
    let looks_like_mesh = |node: &Node| is_mesh(node) || !node.is_mapping();
    split(looks_like_mesh, mesh(), own, |tls| {
        matches!(tls, ClusterTls::Mesh { .. })
    })
}

struct Peers {
    identities: Vec<SpiffeId>,
}

fn mesh() -> Shape<ClusterTls> {
    let anybody = ClusterTls::Mesh {
        identities: Vec::new(),
    };
    let peers = keys!(Peers {
        /// Who the endpoints may be: one of these, as the SPIFFE ID in their certificate.
        identities: required(list(spiffe_id())),
    });
    choice(
        "a mapping, or `mesh`",
        [
            word(
                MESH,
                "As the process's `identity`, to anybody of the same mesh.",
                anybody,
            ),
            variant_with(
                MESH,
                "As the process's `identity`, to some of the same mesh.",
                peers,
                |peers| ClusterTls::Mesh {
                    identities: peers.identities,
                },
                |tls| match tls {
                    ClusterTls::Mesh { identities } => Some(Peers {
                        identities: identities.clone(),
                    }),
                    ClusterTls::Own(_) => None,
                },
            ),
        ],
    )
}

#[derive(Default)]
struct Keys {
    server_name: Option<String>,
    ca: Option<Vec<PathBuf>>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    min_version: TlsVersion,
    insecure_skip_verify_i_know_what_this_means: bool,
}

fn own() -> Shape<ClientTls> {
    let keys = keys!(Keys {
        /// The name that an endpoint's certificate must have, and that it is told (SNI). When left out that of `dns`, else
        /// the address of each endpoint.
        server_name: optional(host()),
        /// Who vouches for the endpoints: one file of roots or several, or `system` for those of the system.
        ca: default(trust(), None),
        /// What endpoints are shown when they ask: a file in PEM.
        cert: optional(file()),
        /// The key of `cert`.
        key: optional(file()),
        /// The oldest version that is spoken.
        min_version: default(version(), TlsVersion::default()),
        /// Takes anything for the endpoint, and so gives whoever stands in between all that is sent and answered.
        insecure_skip_verify_i_know_what_this_means: absent(flag(), false),
    });
    keys.rule(both_of_a_pair)
        .rule(checked_or_not)
        .convert(from_keys, to_keys)
}

/// `None`: the roots of the system.
fn trust() -> Shape<Option<Vec<PathBuf>>> {
    let system = choice(
        "roots",
        [word(
            "system",
            "The roots of the system.",
            None::<Vec<PathBuf>>,
        )],
    );
    let files = files().convert(Some, |files: &Option<Vec<PathBuf>>| {
        files.clone().unwrap_or_default()
    });
    let is_system = |node: &Node| node.text() == Some("system");
    split(is_system, system, files, Option::is_none)
}

fn from_keys(keys: Keys) -> ClientTls {
    let trust = match keys.ca {
        _ if keys.insecure_skip_verify_i_know_what_this_means => Trust::Nobody,
        Some(files) => Trust::Files(files),
        None => Trust::System,
    };
    ClientTls {
        server_name: keys.server_name,
        trust,
        certificate: keys
            .cert
            .zip(keys.key)
            .map(|(cert, key)| Certificate { cert, key }),
        min_version: keys.min_version,
    }
}

fn to_keys(tls: &ClientTls) -> Keys {
    let certificate = tls.certificate.clone();
    let (cert, key) = certificate.map(|it| (it.cert, it.key)).unzip();
    Keys {
        server_name: tls.server_name.clone(),
        ca: match &tls.trust {
            Trust::Files(files) => Some(files.clone()),
            Trust::System | Trust::Nobody => None,
        },
        cert,
        key,
        min_version: tls.min_version,
        insecure_skip_verify_i_know_what_this_means: tls.trust == Trust::Nobody,
    }
}

fn both_of_a_pair(node: &Node, reader: &mut Reader) {
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if let (Some(entry), None) = (node.entry(one), node.entry(other)) {
            let fault = Fault::new(format!("`{one}` is of no use without `{other}`"));
            reader.within(&[one.into()], |reader| {
                reader.report(
                    &entry.key_span,
                    fault.hint(format!("name its `{other}` as well")),
                );
            });
        }
    }
}

fn checked_or_not(node: &Node, reader: &mut Reader) {
    let insecure = node.entry("insecure_skip_verify_i_know_what_this_means");
    let insecure = insecure.filter(|entry| entry.value.text() == Some("true"));
    let files = node
        .entry("ca")
        .filter(|ca| ca.value.text() != Some("system"));
    if let (Some(insecure), Some(ca)) = (insecure, files) {
        let fault = Fault::new("roots are named, but nothing is checked against them")
            .hint("leave one of the two out: `ca`, hopefully, is the one to keep");
        reader.clash(&insecure.key_span, fault, &ca.key_span, "never looked at");
    }
}

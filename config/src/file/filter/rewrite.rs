//! `rewrite`: what the endpoint sees.

use crate::{
    file::{
        header::header_value,
        path::{exact, new_path, new_path_keys, one_new_path, prefix},
    },
    model::Rewrite,
    problem::Fault,
    reader::Reader,
    shape::{Shape, keys, optional},
    yaml::Node,
};

struct Keys {
    prefix: Option<String>,
    path: Option<String>,
    host: Option<http::HeaderValue>,
}

pub(super) fn rewrite() -> Shape<Rewrite> {
    let keys = keys!(Keys {
        /// In place of the matched `path.prefix`; the rest of the path and the query stay.
        prefix: optional(prefix()),
        /// In place of the whole path; the query stays.
        path: optional(exact()),
        /// In place of the `host` header, with or without port.
        host: optional(header_value()),
    });
    keys.rule(one_new_path).rule(changes_something).convert(
        |keys| Rewrite {
            host: keys.host,
            path: new_path(keys.prefix, keys.path),
        },
        |rewrite| {
            let (prefix, path) = new_path_keys(rewrite.path.as_ref());
            let host = rewrite.host.clone();
            Keys { prefix, path, host }
        },
    )
}

fn changes_something(node: &Node, reader: &mut Reader) {
    if node.is_mapping() && node.entries().is_empty() {
        let fault = Fault::new("this rewrite changes nothing");
        reader.report(&node.span, fault.hint("say `prefix`, `path` or `host`"));
    }
}

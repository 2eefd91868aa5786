//! `redirect`: the client is sent elsewhere.

use http::StatusCode;

use crate::{
    file::{
        name::host,
        path::{exact, new_path, new_path_keys, one_new_path, prefix},
    },
    model::{Redirect, Scheme, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, choice, default, keys, optional, whole, word},
    yaml::Node,
};

struct Keys {
    status: StatusCode,
    scheme: Option<Scheme>,
    host: Option<String>,
    port: Option<u16>,
    prefix: Option<String>,
    path: Option<String>,
}

pub(super) fn redirect() -> Shape<Redirect> {
    let keys = keys!(Keys {
        /// 301 and 308 are for good and cached, 302, 303 and 307 for now; 307 and 308 keep the method.
        status: default(status(), defaults::REDIRECT_STATUS),
        /// The scheme.
        scheme: optional(scheme()),
        /// The host, without port.
        host: optional(host()),
        /// The port; when only the scheme changes, that scheme's own.
        port: optional(whole(1..=65_535)),
        /// In place of the matched `path.prefix`; the rest of the path stays.
        prefix: optional(prefix()),
        /// In place of the whole path.
        path: optional(exact()),
    });
    keys.rule(one_new_path).rule(leads_elsewhere).convert(
        |keys| Redirect {
            status: keys.status,
            scheme: keys.scheme,
            host: keys.host,
            port: keys.port,
            path: new_path(keys.prefix, keys.path),
        },
        |redirect| {
            let (prefix, path) = new_path_keys(redirect.path.as_ref());
            Keys {
                status: redirect.status,
                scheme: redirect.scheme,
                host: redirect.host.clone(),
                port: redirect.port,
                prefix,
                path,
            }
        },
    )
}

fn leads_elsewhere(node: &Node, reader: &mut Reader) {
    let elsewhere = ["scheme", "host", "port", "prefix", "path"];
    let is_elsewhere = elsewhere.iter().any(|key| node.get(key).is_some());
    if node.is_mapping() && !is_elsewhere {
        let fault = Fault::new("this redirect leads back to itself");
        let hint = "say at least one of `scheme`, `host`, `port`, `prefix`, `path`";
        reader.report(&node.span, fault.hint(hint));
    }
}

fn scheme() -> Shape<Scheme> {
    let http = word("http", "Cleartext.", Scheme::Http);
    let https = word("https", "TLS.", Scheme::Https);
    choice("a scheme", [http, https])
}

/// The statuses that browsers follow to another place.
fn status() -> Shape<StatusCode> {
    let refine =
        |status: u16| match (status, StatusCode::from_u16(status)) {
            (301 | 302 | 303 | 307 | 308, Ok(status)) => Ok(status),
            _ => Err(Fault::new(format!("{status} is not a redirect"))
                .hint("use 301, 302, 303, 307 or 308")),
        };
    whole(100..=599).refine(refine, StatusCode::as_u16)
}

//! `authorization`: who is let in, at a listener or on a route.

use serde_json::json;

use super::{
    address::network,
    matches::method,
    path::path_match,
    tls::{MESH, asks_for_certificates},
};
use crate::{
    model::{Authorization, AuthorizationRule, IdentityMatch},
    problem::{Fault, Step, quote},
    reader::Reader,
    shape::{Shape, absent, default, flag, keys, list, parsed},
    yaml::{Content, Entry, Node},
};

/// The keys of its rules.
const LISTS: [&str; 2] = ["allow", "deny"];

/// Conditions that only a request can meet.
const OF_REQUESTS: [&str; 2] = ["methods", "paths"];

pub(super) fn authorization() -> Shape<Authorization> {
    let keys = keys!(Authorization {
        /// Who is let in: whom one of these rules takes, and nobody else. Everybody when left out.
        allow: absent(list(rule()), Vec::new()),
        /// Who is not, whatever `allow` says.
        deny: absent(list(rule()), Vec::new()),
        /// Whether nothing is refused, and what would be is only counted and logged.
        dry_run: default(flag(), false),
    });
    keys.rule(somebody_is_meant)
}

fn rule() -> Shape<AuthorizationRule> {
    let keys = keys!(AuthorizationRule {
        /// Any of these, by the caller's certificate: `spiffe://example.org/ns/shop/sa/cart`, or with `*` in place of a
        /// segment, which at the end stands for all below. `*`: whoever has an identity.
        identities: absent(list(identity_match()), Vec::new()),
        /// Any of these: where the caller is, as a trusted proxy or the PROXY protocol says, else by its connection.
        networks: absent(list(network()), Vec::new()),
        /// Any of these methods.
        methods: absent(list(method()), Vec::new()),
        /// Any of these paths, without query: `exact`, `prefix` or `regex`.
        paths: absent(list(path_match()), Vec::new()),
    });
    keys.rule(no_empty_condition)
}

pub(super) fn identity_match() -> Shape<IdentityMatch> {
    const EXPECTED: &str = "an identity like `spiffe://example.org/ns/shop/*`";
    let schema = json!({
        "type": "string",
        "pattern": "^(\\*|spiffe://[0-9a-z._-]+(/([0-9A-Za-z._-]+|\\*))*)$",
    });
    let parse = |text: &str| {
        IdentityMatch::parse(text).ok_or_else(|| {
            let fault = Fault::new(format!("expected {EXPECTED}, found {}", quote(text)));
            fault.hint(match text.contains('*') {
                true => "`*` stands for a whole segment of the path, at the end for all below; the trust domain is written out",
                false => "a trust domain in lower case, and a path of letters, digits, `-`, `_` and `.`",
            })
        })
    };
    parsed(EXPECTED, schema, parse, |id| id.as_str().to_owned())
}

/// A policy that lets everybody in, and one that seems to and does not, are both mistakes.
fn somebody_is_meant(node: &Node, reader: &mut Reader) {
    let is_empty =
        |entry: &Entry| matches!(&entry.value.content, Content::List(list) if list.is_empty());
    if let Some(allow) = node.entry("allow").filter(|allow| is_empty(allow))
        && node.entry("deny").is_none_or(is_empty)
    {
        let fault = Fault::new("it is not clear whether nobody is let in or everybody").hint(
            "to refuse everybody say `deny: [{}]`; to let everybody in leave `authorization` out",
        );
        reader.within(&["allow".into()], |reader| {
            reader.report(&allow.value.span, fault);
        });
    } else if matches!(node.content, Content::Mapping(_))
        && !LISTS
            .iter()
            .any(|list| node.entry(list).is_some_and(|rules| !is_empty(rules)))
    {
        let fault = Fault::new("no rule says who is let in")
            .hint("for those of one mesh: `allow: [{ identities: [\"spiffe://example.org/*\"] }]`");
        reader.report(&node.span, fault);
    }
}

/// An empty list of values would be no condition at all, which in `allow` means everybody.
fn no_empty_condition(node: &Node, reader: &mut Reader) {
    for entry in node.entries() {
        if matches!(&entry.value.content, Content::List(list) if list.is_empty()) {
            let key = entry.key.as_str();
            let fault = Fault::new(format!("`{key}` names nothing"))
                .cause("nobody, or everybody?")
                .hint(format!("leave `{key}` out if any will do"));
            reader.within(&[key.into()], |reader| {
                reader.report(&entry.value.span, fault)
            });
        }
    }
}

/// Rule of a listener: what its rules ask for, here and in its routes, its callers can show.
pub(super) fn callers_can_show_it(listener: &Node, reader: &mut Reader) {
    let bytes = listener.get("protocol").and_then(Node::text) == Some("tcp");
    let routes = listener.get("routes").map(Node::items).unwrap_or_default();
    let routes = routes.iter().enumerate().map(|(index, route)| {
        let steps: Vec<Step> = vec!["routes".into(), index.into()];
        (steps, route)
    });
    for (mut steps, place) in std::iter::once((Vec::new(), listener)).chain(routes) {
        let Some(authorization) = place.get("authorization") else {
            continue;
        };
        steps.push("authorization".into());
        reader.within(&steps, |reader| {
            for list in LISTS {
                let rules = authorization.get(list).map(Node::items).unwrap_or_default();
                for (index, rule) in rules.iter().enumerate() {
                    reader.within(&[list.into(), index.into()], |reader| {
                        if !asks_for_certificates(listener) {
                            no_identities(rule, reader);
                        }
                        if bytes {
                            no_requests(rule, reader);
                        }
                    });
                }
            }
        });
    }
}

fn no_identities(rule: &Node, reader: &mut Reader) {
    if let Some(identities) = rule.entry("identities") {
        let fault = Fault::new("nobody has an identity here")
            .cause("callers are not asked for a certificate")
            .hint(format!(
                "give the listener `tls: {MESH}`, or `tls` with `client_certificates: required`"
            ));
        reader.within(&["identities".into()], |reader| {
            reader.report(&identities.key_span, fault);
        });
    }
}

fn no_requests(rule: &Node, reader: &mut Reader) {
    for key in OF_REQUESTS {
        if let Some(entry) = rule.entry(key) {
            let fault = Fault::new(format!("`{key}` means nothing here")).hint(
                "it is about requests, of which `protocol: tcp` knows nothing; `protocol: detect` does",
            );
            reader.within(&[key.into()], |reader| {
                reader.report(&entry.key_span, fault)
            });
        }
    }
}

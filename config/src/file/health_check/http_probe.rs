//! `http`: a request that asks an endpoint for its health, and what the answer has to be.

use http::uri::{Authority, PathAndQuery};
use serde_json::json;

use crate::{
    file::{
        header::{header_value, request_header_name},
        matches::method,
    },
    model::{HttpProbe, StatusRange},
    problem::{Fault, quote},
    reader::Reader,
    shape::{Shape, default, keys, list, map, optional, parsed, text},
    yaml::{Content, Node},
};

pub(super) fn http_probe() -> Shape<HttpProbe> {
    let usual = HttpProbe::default();
    let keys = keys!(HttpProbe {
        /// The path, with a query if need be.
        path: default(path(), usual.path),
        /// The host; the endpoint's address when left out.
        host: optional(authority()),
        /// The method.
        method: default(method(), usual.method),
        /// More headers of the request.
        headers: default(map(request_header_name(), header_value()), Vec::new()),
        /// The statuses that pass: `200`, or a range like `200-299`.
        statuses: default(statuses(), usual.statuses),
        /// Text that must occur in the first 64 KiB of the body. Not looked at when left out.
        body: optional(text()),
    });
    keys.rule(body_of_a_method_that_has_one)
}

fn path() -> Shape<String> {
    const EXPECTED: &str = "a path like `/health`";
    let schema = json!({"type": "string", "pattern": "^/[^# ]*$"});
    let parse = |text: &str| {
        let fault = || Fault::new(format!("expected {EXPECTED}, found {}", quote(text)));
        match text.parse::<PathAndQuery>() {
            _ if !text.starts_with('/') => {
                Err(fault().hint("a path begins with a slash; the host is a key of its own"))
            }
            Ok(_) if !text.contains('#') => Ok(text.to_owned()),
            _ => Err(fault()),
        }
    };
    parsed(EXPECTED, schema, parse, String::clone)
}

fn authority() -> Shape<Authority> {
    const EXPECTED: &str = "a host like `web.internal` or `web.internal:8080`";
    let schema = json!({"type": "string", "examples": ["web.internal"]});
    let parse = |text: &str| {
        let parsed = text.parse::<Authority>().ok();
        parsed
            .filter(|_| !text.contains('@'))
            .ok_or_else(|| Fault::new(format!("expected {EXPECTED}, found {}", quote(text))))
    };
    parsed(EXPECTED, schema, parse, Authority::to_string)
}

fn statuses() -> Shape<Vec<StatusRange>> {
    list(status_range()).rule(|node, reader| {
        if matches!(&node.content, Content::List(items) if items.is_empty()) {
            let fault = Fault::new("no status passes: every endpoint would be down");
            reader.report(
                &node.span,
                fault.hint("leave `statuses` out for `[200-299]`"),
            );
        }
    })
}

fn status_range() -> Shape<StatusRange> {
    const EXPECTED: &str = "a status like `200`, or a range like `200-299`";
    let schema = json!({
        "type": ["integer", "string"],
        "pattern": "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$",
        "examples": ["200-299", 200],
    });
    let parse = |text: &str| {
        let status = |text: &str| {
            let status = text.parse::<u16>().ok();
            status.filter(|status| (100..=599).contains(status) && text.len() == 3)
        };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (status(first), status(last)) {
            (Some(first), Some(last)) if first <= last => Ok(StatusRange { first, last }),
            (Some(first), Some(last)) => {
                let fault = Fault::new(format!("no status is in {}", quote(text)));
                Err(fault.hint(format!("the lower one first: `{last}-{first}`")))
            }
            _ => Err(Fault::new(format!(
                "expected {EXPECTED}, found {}",
                quote(text)
            ))),
        }
    };
    parsed(EXPECTED, schema, parse, StatusRange::to_string)
}

fn body_of_a_method_that_has_one(node: &Node, reader: &mut Reader) {
    if let (Some(body), Some("HEAD")) =
        (node.entry("body"), node.get("method").and_then(Node::text))
    {
        let fault = Fault::new("the answer to a HEAD has no body that text could occur in");
        reader.report(&body.key_span, fault.hint("use GET, or leave `body` out"));
    }
}

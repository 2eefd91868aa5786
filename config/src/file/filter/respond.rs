//! `respond`: the proxy answers by itself.

use http::{HeaderValue, StatusCode};

use crate::{
    file::header::header_value,
    model::{Respond, default as defaults},
    problem::Fault,
    reader::Reader,
    shape::{Shape, default, keys, text, whole},
    yaml::Node,
};

pub(in crate::file) fn respond() -> Shape<Respond> {
    let plain = HeaderValue::from_static(defaults::RESPOND_CONTENT_TYPE);
    let keys = keys!(Respond {
        /// The status.
        status: default(status(), defaults::RESPOND_STATUS),
        /// The body.
        body: default(text(), String::new()),
        /// The `content-type`.
        content_type: default(header_value(), plain),
    });
    keys.rule(body_allowed)
}

fn status() -> Shape<StatusCode> {
    let refine = |status: u16| {
        StatusCode::from_u16(status).map_err(|_| Fault::new(format!("{status} is not a status")))
    };
    whole(200..=599).refine(refine, StatusCode::as_u16)
}

/// RFC 9110, 6.4.1: these never have content.
fn body_allowed(node: &Node, reader: &mut Reader) {
    let status = node.get("status").and_then(Node::text).unwrap_or_default();
    let body = node.entry("body");
    if let Some(body) = body.filter(|body| body.value.text() != Some(""))
        && matches!(status, "204" | "205" | "304")
    {
        let fault = Fault::new(format!("a response of status {status} has no body"));
        reader.report(&body.key_span, fault.hint("leave `body` out"));
    }
}

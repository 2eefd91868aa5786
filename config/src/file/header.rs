//! Names and values of headers, and edits of them.

use http::{HeaderName, HeaderValue};
use serde_json::{Value, json};

use crate::{
    model::HeaderEdits,
    problem::{Fault, quote},
    shape::{Shape, default, keys, list, map, parsed},
};

const EXPECTED: &str = "a header name";

/// A name that may be looked at.
pub(super) fn header_name() -> Shape<HeaderName> {
    parsed(EXPECTED, name_schema(), parse_name, HeaderName::to_string)
}

/// A name that may be edited in requests.
pub(super) fn request_header_name() -> Shape<HeaderName> {
    let parse = |text: &str| match parse_editable(text)? {
        http::header::HOST => Err(Fault::new("`host` is not edited like other headers")
            .hint("use `rewrite: { host: ... }`")),
        name => Ok(name),
    };
    parsed(EXPECTED, name_schema(), parse, HeaderName::to_string)
}

/// A name that may be edited in responses.
fn response_header_name() -> Shape<HeaderName> {
    parsed(
        EXPECTED,
        name_schema(),
        parse_editable,
        HeaderName::to_string,
    )
}

/// A value. Unquoted numbers and truths are the text that they look like.
pub(super) fn header_value() -> Shape<HeaderValue> {
    let schema = json!({"type": ["string", "number", "boolean"]});
    let parse = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| {
            let fault = Fault::new(format!("{} is not a header value", quote(text)));
            match text.contains(['\r', '\n']) {
                true => fault.hint("a header value has no line breaks"),
                false => fault.hint("a header value is visible ASCII and spaces"),
            }
        })
    };
    // Parsed from a `str`, so it is one.
    let show = |value: &HeaderValue| value.to_str().unwrap_or_default().to_owned();
    parsed("a header value", schema, parse, show)
}

/// Edits of a request's headers.
pub(super) fn request_edits() -> Shape<HeaderEdits> {
    edits(request_header_name)
}

/// Edits of a response's headers.
pub(super) fn response_edits() -> Shape<HeaderEdits> {
    edits(response_header_name)
}

fn edits(name: fn() -> Shape<HeaderName>) -> Shape<HeaderEdits> {
    keys!(HeaderEdits {
        /// Headers that get this value in place of all they had.
        set: default(map(name(), header_value()), Vec::new()),
        /// Headers that get this value beside those they have.
        add: default(map(name(), header_value()), Vec::new()),
        /// Headers that go. Removal comes first, then `set`, then `add`.
        remove: default(list(name()), Vec::new()),
    })
}

fn name_schema() -> Value {
    json!({"type": "string", "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"})
}

fn parse_name(text: &str) -> Result<HeaderName, Fault> {
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| {
        let fault = Fault::new(format!("{} is not a header name", quote(text)));
        match text {
            ":authority" => fault.hint("match the host with `hosts:`"),
            ":path" => fault.hint("match the path with `path:`"),
            ":method" => fault.hint("match the method with `methods:`"),
            _ if text.ends_with(':') => fault.hint("leave the colon out"),
            _ => fault,
        }
    })
}

/// Framing is the proxy's: a wrong length or a second framing header is how requests are smuggled (RFC 9112, 11.2).
fn parse_editable(text: &str) -> Result<HeaderName, Fault> {
    const OURS: [&str; 9] = [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "http2-settings",
    ];
    let name = parse_name(text)?;
    if OURS.contains(&name.as_str()) {
        return Err(Fault::new(format!("`{name}` can't be edited"))
            .cause("the proxy writes it, as the connection needs"));
    }
    Ok(name)
}

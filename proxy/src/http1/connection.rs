//! What messages say of the connection that they came on (RFC 9112, 9; RFC 9110, 7.6.1 and 7.8).

use http::{HeaderMap, HeaderValue, Method, Version, header, request};

use super::head::Noted;

/// Whether the connection outlives a message with these headers, as far as they say (RFC 9112, 9.3).
pub fn persists(version: Version, noted: Noted, headers: &HeaderMap) -> bool {
    if !noted.connection {
        return version > Version::HTTP_10;
    }
    let lines = headers.get_all(header::CONNECTION);
    let says = |what| lines.iter().any(|line| has_token(line, what));
    match version {
        Version::HTTP_10 => says("keep-alive") && !says("close"),
        _ => !says("close"),
    }
}

/// Whether a list of tokens has this one.
pub fn has_token(value: &HeaderValue, token: &str) -> bool {
    let mut tokens = value.as_bytes().split(|byte| *byte == b',');
    tokens.any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// Whether the client would go on with another protocol.
pub fn may_switch(head: &request::Parts, noted: Noted) -> bool {
    let asks = || {
        let connection = head.headers.get_all(header::CONNECTION);
        noted.upgrade && connection.iter().any(|value| has_token(value, "upgrade"))
    };
    head.method == Method::CONNECT || (head.version == Version::HTTP_11 && asks())
}

/// Whether the client waits to be asked for its body.
pub fn expects_invitation(head: &request::Parts, noted: Noted) -> bool {
    let expect = || head.headers.get(header::EXPECT);
    noted.expect
        && head.version == Version::HTTP_11
        && expect().is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

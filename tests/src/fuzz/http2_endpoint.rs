//! An endpoint that speaks HTTP/2 in frames of its own, and a caller that speaks HTTP/1, with the proxy between them.

use super::session::{Door, endpoint::Manner, play, say, strict};

/// What the caller asks, as one who takes trailers.
const ASKED: &[u8] = b"GET / HTTP/1.1\r\nhost: a.test\r\nte: trailers\r\nconnection: te\r\n\r\nHEAD / HTTP/1.1\r\nhost: a.test\r\n\r\n";

/// What HTTP/2 has no place for, and HTTP/1 a meaning (RFC 9113, 8.2.2).
const OF_A_CONNECTION: [&str; 3] = ["keep-alive", "proxy-connection", "upgrade"];

/// The bytes are records of frames, with which an endpoint answers the first request on each connection.
///
/// The caller gets as many responses as it made requests, or less and the end; each well-formed, and without what would
/// mean something else on its connection.
pub fn http2_endpoint(bytes: &[u8]) {
    let (got, _) = play(Door::ToHttp2, Manner::Http2, bytes, async |stream| {
        say(stream, ASKED).await
    });
    let mut got = &got[..];
    for method in ["GET", "HEAD"] {
        let (response, length) = match strict::response(got, Some(method), true) {
            strict::Read::Whole(response, length) => (response, length),
            strict::Read::Part(Some(response)) => (response, got.len()),
            strict::Read::Part(None) => break,
        };
        got = &got[length..];
        assert!(!response.words()[1].starts_with('1'), "{response:?}");
        for name in OF_A_CONNECTION {
            assert_eq!(response.one(name), None);
        }
        let connection = response.one("connection");
        assert!(
            matches!(connection, None | Some(b"close")),
            "{connection:?}"
        );
    }
    assert!(got.is_empty(), "{}", got.escape_ascii());
}

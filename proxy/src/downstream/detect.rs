//! What a connection speaks, by its first bytes.
//!
//! TLS, HTTP/2 with prior knowledge and HTTP/1 begin in ways that nothing else does. That HTTP/1 is meant shows at the end of
//! its first line: `GET x` is a command of others, too (Redis, Memcached).

use std::io;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use crate::{stream::Stream, tcp::client_hello};

/// RFC 9113, 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a first read may take; most first requests fit.
const FIRST_READ: usize = 1024;

/// The longest first line that is waited for; what goes on so long is no command of anybody.
const LONGEST_LINE: usize = 8 * 1024;

/// The longest method that is believed to be one (RFC 3253's VERSION-CONTROL has 15).
const LONGEST_METHOD: usize = 24;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// HTTP/1.0 or 1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// TLS.
    Tls,
    /// Something else.
    Opaque,
}

/// Tells what is spoken by how it begins; `None`: more has to come.
pub fn tell(bytes: &[u8]) -> Option<Spoken> {
    if bytes.is_empty() {
        return None;
    }
    match client_hello::is_begun(bytes) {
        Some(true) => return Some(Spoken::Tls),
        None => return None,
        Some(false) => {}
    }
    let shared = bytes.len().min(PREFACE.len());
    if bytes[..shared] == PREFACE[..shared] {
        return (shared == PREFACE.len()).then_some(Spoken::Http2);
    }
    http1(bytes).map(|is_http| match is_http {
        true => Spoken::Http1,
        false => Spoken::Opaque,
    })
}

/// The best guess on one who has said a part and fallen silent.
pub fn guess(bytes: &[u8]) -> Spoken {
    match tell(bytes) {
        Some(spoken) => spoken,
        None => match method(bytes) {
            // A path follows: a line of a browser with much to say.
            Some([b'/', _, ..]) => Spoken::Http1,
            _ => Spoken::Opaque,
        },
    }
}

/// Whether `bytes` are the first line of a request; `None`: so far.
fn http1(bytes: &[u8]) -> Option<bool> {
    // A client may send an empty line before a request (RFC 9112, 2.2).
    let bytes = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
    let Some(end) = memchr::memchr(b'\n', bytes) else {
        let possible = bytes.is_empty()
            || bytes == b"\r"
            || method(bytes).is_some()
            || (bytes.len() <= LONGEST_METHOD && bytes.iter().copied().all(is_token));
        return match possible {
            true if bytes.len() > LONGEST_LINE => Some(true),
            true => None,
            false => Some(false),
        };
    };
    let line = bytes[..end].trim_ascii_end();
    let version = line.rsplit(|byte| *byte == b' ').next();
    let known = version.is_some_and(|version| version.starts_with(b"HTTP/1."));
    Some(known && method(bytes).is_some())
}

/// What follows a method and its space, if `bytes` begin with them.
fn method(bytes: &[u8]) -> Option<&[u8]> {
    let within = &bytes[..bytes.len().min(LONGEST_METHOD + 1)];
    let end = memchr::memchr(b' ', within)?;
    let token = end > 0 && bytes[..end].iter().copied().all(is_token);
    // The target begins with a path, a scheme, a host or an asterisk.
    let rest = &bytes[end + 1..];
    let target = rest.first().is_none_or(|byte| byte.is_ascii_graphic());
    (token && target).then_some(rest)
}

/// RFC 9110, 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// Reads until it is clear which version of HTTP is spoken; what was read belongs to the connection. `None`: it closed
/// without a word. Where nothing but HTTP is expected all else is bad HTTP/1, and told so.
pub async fn http_version(stream: &mut Stream) -> io::Result<Option<(Spoken, BytesMut)>> {
    let mut read = BytesMut::with_capacity(FIRST_READ);
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(None);
        }
        let shared = read.len().min(PREFACE.len());
        if read[..shared] != PREFACE[..shared] {
            return Ok(Some((Spoken::Http1, read)));
        }
        if shared == PREFACE.len() {
            return Ok(Some((Spoken::Http2, read)));
        }
    }
}

/// Reads into `read` until it is clear what is spoken. `None`: it closed without a word.
pub async fn detect(stream: &mut Stream, read: &mut BytesMut) -> io::Result<Option<Spoken>> {
    loop {
        if let Some(spoken) = tell(read) {
            return Ok(Some(spoken));
        }
        read.reserve(FIRST_READ);
        if stream.read_buf(read).await? == 0 {
            return Ok((!read.is_empty()).then(|| guess(read)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_protocol_is_told_by_its_first_bytes() {
        for (first, spoken) in [
            (&b"GET / HTTP/1.1\r\n"[..], Some(Spoken::Http1)),
            (b"GET / HTTP/1.0\n", Some(Spoken::Http1)),
            (b"\r\nPOST http://a/b?c HTTP/1.1\r\n", Some(Spoken::Http1)),
            (b"OPTIONS * HTTP/1.1\r\n", Some(Spoken::Http1)),
            (b"CONNECT a:443 HTTP/1.1\r\n", Some(Spoken::Http1)),
            (b"VERSION-CONTROL /x HTTP/1.1\r\n", Some(Spoken::Http1)),
            (PREFACE, Some(Spoken::Http2)),
            (b"PRI * HTTP/1.1\r\n", Some(Spoken::Http1)),
            (b"\x16\x03\x01", Some(Spoken::Tls)),
            // A command of Redis and Memcached, of a mail client, of PostgreSQL, of MongoDB.
            (b"GET key\r\n", Some(Spoken::Opaque)),
            (b"get key\r\n", Some(Spoken::Opaque)),
            (b"*1\r\n$4\r\nPING\r\n", Some(Spoken::Opaque)),
            (b"EHLO example.com\r\n", Some(Spoken::Opaque)),
            (b"\0\0\0\x08\x04\xd2\x16\x2f", Some(Spoken::Opaque)),
            (b"\x3f\0\0\0\x01\0\0\0", Some(Spoken::Opaque)),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Some(Spoken::Opaque)),
            (b"GET", None),
            (b"GET /long", None),
            (b"PRI * HTTP/2.0\r\n\r\nSM", None),
            (b"\x16\x03", None),
            (b"", None),
        ] {
            assert_eq!(tell(first), spoken, "{}", first.escape_ascii());
        }
        let long = [&b"GET /"[..], &[b'a'; LONGEST_LINE]].concat();
        assert_eq!(tell(&long), Some(Spoken::Http1));
    }

    #[test]
    fn who_stops_in_the_middle_is_taken_for_what_is_likely() {
        assert_eq!(guess(b"GET /a"), Spoken::Http1);
        assert_eq!(guess(b"GET"), Spoken::Opaque);
        assert_eq!(guess(b"\x16"), Spoken::Opaque);
    }

    proptest! {
        #[test]
        fn what_is_told_stays_true_whatever_comes_next(bytes in "[A-Z]{1,9} [ -~]{0,20}(\r\n)?|[\\x00-\\xff]{0,30}", cut: prop::sample::Index) {
            let bytes = bytes.as_bytes();
            let cut = cut.index(bytes.len() + 1);
            if let Some(early) = tell(&bytes[..cut]) {
                prop_assert_eq!(tell(bytes), Some(early));
            }
        }
    }
}

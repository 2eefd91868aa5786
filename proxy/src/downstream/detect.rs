//! What a connection speaks, by its first bytes.
//!
//! TLS, HTTP/2 with prior knowledge and HTTP/1 begin in ways that nothing else does. That HTTP/1 is meant shows at the end of
//! its first line: `GET x` is a command of others, too (Redis, Memcached).
//!
//! Routes have rules, and what is carried as bytes goes past them to servers that forgive much. So whatever one of those may
//! take for a request is HTTP here, well-formed or not: what is not is refused there. In doubt it is HTTP.

use std::io;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use crate::{stream::Stream, tcp::client_hello};

/// RFC 9113, 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a first read may take; most first requests fit.
pub const FIRST_READ: usize = 1024;

/// The longest first line that is waited for; what goes on so long is no command of anybody.
const LONGEST_LINE: usize = 8 * 1024;

/// `PRI `: no other method begins with it that anybody knows.
const PREFACE_IS_MEANT: usize = 4;

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

/// The best guess on one who has said a part and fallen silent: the rest may make it a request, and then it is too late.
pub fn guess(bytes: &[u8]) -> Spoken {
    let is_preface = PREFACE.starts_with(bytes) && bytes.len() >= PREFACE_IS_MEANT;
    match tell(bytes) {
        Some(spoken) => spoken,
        None if client_hello::is_begun(bytes).is_none() => Spoken::Tls,
        None if is_preface => Spoken::Http2,
        None => Spoken::Http1,
    }
}

/// The same of one who has ended: no more will come, and there are servers that take the end for that of a line.
fn at_the_end(bytes: &[u8]) -> Spoken {
    let line = [bytes, b"\n"].concat();
    tell(&line).unwrap_or(Spoken::Opaque)
}

/// Whether `bytes` begin with what somebody may take for the first line of a request; `None`: so far.
fn http1(bytes: &[u8]) -> Option<bool> {
    // What is told of so much stays true: a line that ends behind it is as long as one that does not end.
    let bytes = &bytes[..bytes.len().min(LONGEST_LINE + 1)];
    // A client may send an empty line before a request (RFC 9112, 2.2), and servers pass over more than one, and blanks.
    let begin = bytes.iter().position(|byte| !is_space(*byte));
    let rest = &bytes[begin.unwrap_or(bytes.len())..];
    let end = memchr::memchr(b'\n', rest);
    let line = &rest[..end.unwrap_or(rest.len())];
    match line.iter().position(|byte| !is_token(*byte)) {
        // No method.
        Some(0) => return Some(false),
        Some(end) if !is_space(line[end]) => return Some(false),
        _ => {}
    }
    match end {
        Some(_) => Some(is_request(line)),
        None => (bytes.len() > LONGEST_LINE).then_some(true),
    }
}

/// Whether the line asks for something by a version of HTTP, or as HTTP/0.9 did, without any. A key that begins as a path does
/// is looked for by hand at most: what speaks to Redis begins with an asterisk, and Memcached's `get` is written small.
fn is_request(line: &[u8]) -> bool {
    let words = line.split(|byte| is_space(*byte));
    let mut words = words.filter(|word| !word.is_empty());
    let method = words.next();
    let mut words = words.peekable();
    let target = words.peek().copied().unwrap_or_default();
    let versionless = method == Some(b"GET")
        && (target.starts_with(b"/") || memchr::memmem::find(target, b"://").is_some());
    versionless || words.any(is_version)
}

fn is_version(word: &[u8]) -> bool {
    let name = word.get(..5);
    let number = word.get(5).is_some_and(u8::is_ascii_digit);
    number && name.is_some_and(|name| name.eq_ignore_ascii_case(b"HTTP/"))
}

/// What first lines are taken apart at: RFC 9112, 3 has those of ASCII, and Python's servers go by Latin-1.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 0x09..=0x0d | 0x1c..=0x1f | 0x85 | 0xa0)
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
            return Ok((!read.is_empty()).then(|| at_the_end(read)));
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
            // RTSP is as much of a request as any, and its own.
            (b"OPTIONS rtsp://a/b RTSP/1.0\r\n", Some(Spoken::Opaque)),
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
        let ended = [&long[..], b"\r\n"].concat();
        assert_eq!(tell(&ended), Some(Spoken::Http1));
    }

    #[test]
    fn what_some_server_takes_for_a_request_is_one() {
        for first in [
            &b"\r\n\r\nGET / HTTP/1.1\r\n"[..],
            b"\n \t\nGET / HTTP/1.1\n",
            b"GET  / HTTP/1.1\r\n",
            b"GET\t/\x0bHTTP/1.1\r\n",
            b"GET\xa0/\x85HTTP/1.1\r\n",
            b"GET / HTTP/1.1 \r\n",
            b"GET / HTTP/1.1\rx: y\r\n",
            b"get \xff http/1.1\r\n",
            b"X / HTTP/3.7\r\n",
            b"A-METHOD-OF-NOBODY-THAT-IS-MUCH-TOO-LONG / HTTP/1.1\r\n",
            b"GET /\r\n",
            b"GET http://a/\n",
        ] {
            assert_eq!(tell(first), Some(Spoken::Http1), "{}", first.escape_ascii());
        }
    }

    #[test]
    fn who_stops_where_a_request_may_still_follow_is_taken_at_that() {
        for first in [
            &b"GET /a"[..],
            b"GET",
            b"G",
            b"x",
            b"\r\n\r\n",
            b"get k",
            b"P",
        ] {
            assert_eq!(guess(first), Spoken::Http1, "{}", first.escape_ascii());
        }
        assert_eq!(guess(b"PRI * HTTP/2.0\r\n\r\nS"), Spoken::Http2);
        assert_eq!(guess(b"\x16"), Spoken::Tls);
        assert_eq!(guess(b"\x3f\0\0"), Spoken::Opaque);
    }

    #[test]
    fn who_ends_has_ended_the_line() {
        for (all, spoken) in [
            (&b"GET / HTTP/1.1"[..], Spoken::Http1),
            (b"GET /", Spoken::Http1),
            (b"ruok", Spoken::Opaque),
            (b"\r\n", Spoken::Opaque),
            (b"\x16", Spoken::Opaque),
        ] {
            assert_eq!(at_the_end(all), spoken, "{}", all.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn a_request_is_one_wherever_its_caller_stops(
            method in "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,40}",
            target in "[!-~]{1,20}",
            cut: prop::sample::Index,
        ) {
            let request = format!("{method} {target} HTTP/1.1\r\n");
            let cut = 1 + cut.index(request.len());
            let guessed = guess(&request.as_bytes()[..cut]);
            prop_assert!(matches!(guessed, Spoken::Http1 | Spoken::Http2), "{guessed:?}");
        }

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

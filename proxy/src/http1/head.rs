//! A message's head, read.

use bytes::{Buf as _, BytesMut};
use http::{
    HeaderName, Method, Request, Response, StatusCode, Uri, Version, header, request, response,
};
use hyper::ext::ReasonPhrase;
use memchr::{memchr, memrchr};

use super::{
    Malformed,
    lines::{self, Lines},
};

/// The most headers that a message may have, as everywhere.
const MOST: usize = 100;

/// Room for what is added to a request's on the way: where it comes from, and what it is called.
const MORE: usize = 8;

/// Of `HTTP/1.1`.
const VERSION: usize = 8;

/// Of a status code.
const CODE: usize = 3;

/// Of those that are looked at before the rest of a head has come; nobody's is longer.
const LONGEST_METHOD: usize = 64;

/// A head that comes in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Awaited {
    /// How much of it is known not to hold its end.
    seen: usize,
    /// How much was skipped before it.
    skipped: usize,
}

/// Which of the headers that matter to the connection are there. Noted as they are read: to ask a map for what is mostly
/// absent costs a hash each.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noted {
    /// How many lines of transfer-encoding.
    pub codings: u8,
    /// How many lines of content-length.
    pub lengths: u8,
    /// Any connection.
    pub connection: bool,
    /// Any upgrade.
    pub upgrade: bool,
    /// Any expect.
    pub expect: bool,
}

impl Noted {
    /// Of one more of them.
    pub(super) fn note(&mut self, name: &HeaderName) {
        match *name {
            header::TRANSFER_ENCODING => self.codings = self.codings.saturating_add(1),
            header::CONTENT_LENGTH => self.lengths = self.lengths.saturating_add(1),
            header::CONNECTION => self.connection = true,
            header::UPGRADE => self.upgrade = true,
            header::EXPECT => self.expect = true,
            _ => {}
        }
    }
}

impl Awaited {
    /// The head of a response, taken out of `buffer` once it is whole there.
    ///
    /// # Errors
    /// When it is none, or has more than `limit` bytes.
    pub fn response(
        &mut self,
        buffer: &mut BytesMut,
        limit: usize,
    ) -> Result<Option<(response::Parts, Noted)>, Malformed> {
        let Some(lines) = self.whole(buffer, limit, may_be_version)? else {
            return Ok(None);
        };
        let bytes = buffer.split_to(lines.length()).freeze();
        let (count, mut lines) = (lines.count(), lines.of(&bytes));
        let line = lines.next().unwrap_or_default();
        let (version, rest) = line.split_at_checked(VERSION).unwrap_or((line, b""));
        let mut head = Response::new(()).into_parts().0;
        head.version = self::version(version)?;
        let (code, reason) = match rest {
            [b' ', code @ ..] if code.len() <= CODE => (code, &b""[..]),
            [b' ', rest @ ..] if rest[CODE] == b' ' => (&rest[..CODE], &rest[CODE + 1..]),
            _ => return Err(Malformed::Head("status")),
        };
        head.status = StatusCode::from_bytes(code).map_err(|_| Malformed::Head("status"))?;
        let usual = head.status.canonical_reason().unwrap_or_default();
        if reason != usual.as_bytes() {
            let reason = ReasonPhrase::try_from(reason);
            let reason = reason.map_err(|_| Malformed::Head("status"))?;
            head.extensions.insert(reason);
        }
        head.headers.reserve(count);
        let noted = lines::read(lines, &bytes, &mut head.headers)?;
        Ok(Some((head, noted)))
    }

    /// The head of a request, taken out of `buffer` once it is whole there.
    ///
    /// # Errors
    /// When it is none, or has more than `limit` bytes.
    pub fn request(
        &mut self,
        buffer: &mut BytesMut,
        limit: usize,
    ) -> Result<Option<(request::Parts, Noted)>, Malformed> {
        let Some(lines) = self.whole(buffer, limit, may_be_method)? else {
            return Ok(None);
        };
        let bytes = buffer.split_to(lines.length()).freeze();
        let (count, mut lines) = (lines.count(), lines.of(&bytes));
        let line = lines.next().unwrap_or_default();
        let (first, last) = memchr(b' ', line)
            .zip(memrchr(b' ', line))
            .filter(|(first, last)| first < last)
            .ok_or(Malformed::Head("first line"))?;
        let (method, target) = (&line[..first], &line[first + 1..last]);
        let mut head = Request::new(()).into_parts().0;
        head.method = Method::from_bytes(method).map_err(|_| Malformed::Head("method"))?;
        head.version = version(&line[last + 1..])?;
        head.uri = Uri::from_maybe_shared(bytes.slice_ref(target))
            .map_err(|_| Malformed::Head("target"))?;
        // No target has a fragment, which `Uri` would drop; and only OPTIONS asks for the server as a whole (RFC 9112, 3.2).
        if memchr(b'#', target).is_some() || (target == b"*" && head.method != Method::OPTIONS) {
            return Err(Malformed::Head("target"));
        }
        // A name alone is a target of CONNECT, which has no other (RFC 9112, 3.2.3).
        let named = head.uri.authority().is_some() && head.uri.scheme().is_none();
        if named != (head.method == Method::CONNECT) {
            return Err(Malformed::Head("target"));
        }
        head.headers.reserve(count + MORE);
        let noted = lines::read(lines, &bytes, &mut head.headers)?;
        Ok(Some((head, noted)))
    }

    /// The lines of the head that `buffer` begins with, once it is whole; it has to begin as it `may`. What comes byte by
    /// byte is looked at once, not once a byte.
    fn whole(
        &mut self,
        buffer: &mut BytesMut,
        limit: usize,
        may: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Lines>, Malformed> {
        // Empty lines before the first are no part of it (RFC 9112, 2.2).
        while buffer.starts_with(b"\r\n") {
            buffer.advance(2);
            self.skipped += 2;
            self.seen = 0;
        }
        let limit = limit.saturating_sub(self.skipped);
        if let Some(lines) = Lines::find(buffer, self.seen)? {
            return match lines.length() <= limit && lines.count() <= MOST + 1 {
                true => Ok(Some(lines)),
                false => Err(Malformed::TooLarge),
            };
        }
        if buffer.len() >= limit {
            return Err(Malformed::TooLarge);
        }
        // The rest of what can't be one need not be waited for.
        if buffer[..] != b"\r"[..] && !may(buffer) {
            return Err(Malformed::Head("first line"));
        }
        if buffer[self.seen..].iter().any(is_control) {
            return Err(Malformed::Head("a control character"));
        }
        self.seen = buffer.len();
        Ok(None)
    }
}

fn version(version: &[u8]) -> Result<Version, Malformed> {
    match version {
        b"HTTP/1.1" => Ok(Version::HTTP_11),
        b"HTTP/1.0" => Ok(Version::HTTP_10),
        _ => Err(Malformed::Head("version")),
    }
}

/// Whether what `bytes` begin with may be a version.
fn may_be_version(bytes: &[u8]) -> bool {
    let mut both = bytes.iter().zip(b"HTTP/1.");
    both.all(|(byte, expected)| byte == expected)
}

/// Whether what `bytes` begin with may be a method, with a blank behind it.
fn may_be_method(bytes: &[u8]) -> bool {
    let most = &bytes[..bytes.len().min(LONGEST_METHOD)];
    match most
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric() && !b"!#$%&'*+-.^_`|~".contains(byte))
    {
        Some(end) => end > 0 && most[end] == b' ',
        None => true,
    }
}

fn is_control(byte: &u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &[u8] =
        b"HTTP/1.1 200 Fine\r\nContent-Length: 3\r\nset-cookie: a\r\nSet-Cookie:  b \r\n\r\nabc";

    /// What is read of `bytes` that come in pieces of `step`, and what is left over.
    fn come(bytes: &[u8], step: usize) -> Result<(response::Parts, BytesMut), Malformed> {
        let (mut awaited, mut buffer) = (Awaited::default(), BytesMut::new());
        for piece in bytes.chunks(step) {
            buffer.extend_from_slice(piece);
            if let Some((head, _)) = awaited.response(&mut buffer, 1024)? {
                return Ok((head, buffer));
            }
        }
        Err(Malformed::Head("not at its end"))
    }

    #[test]
    fn a_head_is_read_wherever_the_reads_cut() {
        for step in 1..HEAD.len() {
            let (head, rest) = come(HEAD, step).unwrap();
            assert_eq!(
                (head.status, head.version),
                (StatusCode::OK, Version::HTTP_11)
            );
            assert_eq!(head.headers["content-length"], "3");
            let cookies: Vec<_> = head.headers.get_all("set-cookie").iter().collect();
            assert_eq!(cookies, ["a", "b"]);
            assert_eq!(
                head.extensions.get::<ReasonPhrase>().unwrap().as_bytes(),
                b"Fine"
            );
            assert!(b"abc".starts_with(&rest));
        }
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for bad in [
            "GET / HTTP/1.1\r\n\r\n",
            "HTTP/2.0 200 OK\r\n\r\n",
            "HTTP/1.1 20 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname : x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname: x\r\n folded\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname: \0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname: a\rb\r\n\r\n",
            "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
            "HTTP/1.1 200 OK\n\r\n",
            "HTTP/1.1 200 OK\r\n\n",
            "HTTP/1.1 200 OK\nname: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nname: x\n\r\n",
            "HTTP/1.1 200 OK\r\nname: x\r\n\n",
            "HTTP/1.1 200 OK\r\nname: x\nother: y\r\n\r\n",
            "\nHTTP/1.1 200 OK\r\n\r\n",
            "\r\n\nHTTP/1.1 200 OK\r\n\r\n",
        ] {
            assert!(
                matches!(come(bad.as_bytes(), 64), Err(Malformed::Head(_))),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn a_head_has_bounds() {
        let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1024));
        for step in [1, 100, 2000] {
            assert_eq!(
                come(long.as_bytes(), step).unwrap_err(),
                Malformed::TooLarge
            );
        }
        let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x:\r\n".repeat(MOST + 1));
        assert_eq!(come(many.as_bytes(), 64).unwrap_err(), Malformed::TooLarge);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(prop_oneof![
            Just(b'\r'), Just(b'\n'), Just(b':'), Just(b' '), any::<u8>()
        ], 0..100), step in 1..20_usize) {
            let _ = come(&bytes, step);
            let _ = come(&[b"HTTP/1.1 200 OK\r\n", &bytes[..]].concat(), step);
        }
    }
}

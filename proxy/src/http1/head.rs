//! A message's head, read.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header, request, response,
};
use httparse::{Error, ParserConfig, Status};
use hyper::ext::ReasonPhrase;
use memchr::{memchr, memchr_iter};
use smallvec::SmallVec;

use super::Malformed;

/// The most headers that a message may have, as everywhere.
const MOST: usize = 100;

/// Room for what is added to them on the way.
const MORE: usize = 4;

/// A head that comes in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Awaited {
    /// How much of it is known not to hold its end.
    seen: usize,
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

/// Where a header stands among the bytes of its head.
pub(super) struct Field {
    name: (usize, usize),
    value: (usize, usize),
}

pub(super) type Fields = SmallVec<[Field; 24]>;

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
        if !self.may_be_whole(buffer) {
            return self.more(buffer, limit);
        }
        let mut headers = [const { MaybeUninit::uninit() }; MOST];
        let mut parsed = httparse::Response::new(&mut []);
        let whole = ParserConfig::default()
            .parse_response_with_uninit_headers(&mut parsed, buffer, &mut headers)
            .map_err(malformed)?;
        let Status::Complete(len) = whole else {
            return self.more(buffer, limit);
        };
        if len > limit {
            return Err(Malformed::TooLarge);
        }
        let status = StatusCode::from_u16(parsed.code.unwrap_or_default());
        let mut head = Response::new(()).into_parts().0;
        head.status = status.map_err(|_| Malformed::Head("status"))?;
        head.version = version(parsed.version);
        if let Some(reason) = parsed.reason
            && head.status.canonical_reason() != Some(reason)
            && let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes())
        {
            head.extensions.insert(reason);
        }
        let fields = places(parsed.headers, buffer);
        let noted = read(&buffer.split_to(len).freeze(), &fields, &mut head.headers)?;
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
        if !self.may_be_whole(buffer) {
            return self.more(buffer, limit);
        }
        let mut headers = [const { MaybeUninit::uninit() }; MOST];
        let mut parsed = httparse::Request::new(&mut []);
        let whole = ParserConfig::default()
            .parse_request_with_uninit_headers(&mut parsed, buffer, &mut headers)
            .map_err(malformed)?;
        let Status::Complete(len) = whole else {
            return self.more(buffer, limit);
        };
        if len > limit {
            return Err(Malformed::TooLarge);
        }
        let mut head = Request::new(()).into_parts().0;
        let method = parsed.method.unwrap_or_default();
        head.method =
            Method::from_bytes(method.as_bytes()).map_err(|_| Malformed::Head("method"))?;
        head.version = version(parsed.version);
        let target = place(parsed.path.unwrap_or_default().as_bytes(), buffer);
        let fields = places(parsed.headers, buffer);
        let bytes = buffer.split_to(len).freeze();
        head.uri = Uri::from_maybe_shared(bytes.slice(target.0..target.1))
            .map_err(|_| Malformed::Head("target"))?;
        // No target has a fragment, which `Uri` would drop; and only OPTIONS asks for the server as a whole (RFC 9112, 3.2).
        let asked = &bytes[target.0..target.1];
        if memchr(b'#', asked).is_some() || (asked == b"*" && head.method != Method::OPTIONS) {
            return Err(Malformed::Head("target"));
        }
        // A name alone is a target of CONNECT, which has no other (RFC 9112, 3.2.3).
        let named = head.uri.authority().is_some() && head.uri.scheme().is_none();
        if named != (head.method == Method::CONNECT) {
            return Err(Malformed::Head("target"));
        }
        let noted = read(&bytes, &fields, &mut head.headers)?;
        Ok(Some((head, noted)))
    }

    /// Whether it makes sense to look at all of it: what comes byte by byte is looked at once, not once a byte.
    fn may_be_whole(&self, buffer: &[u8]) -> bool {
        if self.seen == 0 {
            return !buffer.is_empty();
        }
        let from = self.seen.min(buffer.len()).saturating_sub(2);
        memchr_iter(b'\n', &buffer[from..]).any(|end| {
            let rest = &buffer[from + end + 1..];
            rest.starts_with(b"\n") || rest.starts_with(b"\r\n")
        })
    }

    fn more<T>(&mut self, buffer: &[u8], limit: usize) -> Result<Option<T>, Malformed> {
        self.seen = buffer.len();
        match buffer.len() < limit {
            true => Ok(None),
            false => Err(Malformed::TooLarge),
        }
    }
}

fn malformed(error: Error) -> Malformed {
    match error {
        Error::TooManyHeaders => Malformed::TooLarge,
        Error::HeaderName => Malformed::Head("the name of a header"),
        Error::HeaderValue => Malformed::Head("the value of a header"),
        Error::Version => Malformed::Head("version"),
        Error::Status => Malformed::Head("status"),
        Error::NewLine => Malformed::Head("line end"),
        Error::Token => Malformed::Head("first line"),
    }
}

fn version(minor: Option<u8>) -> Version {
    match minor {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    }
}

/// Where `headers` stand in `bytes`, of which they are parts.
pub(super) fn places(headers: &[httparse::Header<'_>], bytes: &[u8]) -> Fields {
    let fields = headers.iter().map(|header| Field {
        name: place(header.name.as_bytes(), bytes),
        value: place(header.value, bytes),
    });
    fields.collect()
}

/// Where `part` stands in `bytes`.
fn place(part: &[u8], bytes: &[u8]) -> (usize, usize) {
    let from = part.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
    match part.is_empty() {
        true => (0, 0),
        false => (from, from + part.len()),
    }
}

/// Whether every line ends with CR LF. A lone LF may be taken for a line end as well (RFC 9112, 2.2), so that what is a
/// header to one reader is a part of a value to another. Others are not looked for: no line has a CR or LF inside.
pub(super) fn ends_well(head: &[u8], fields: &[Field]) -> bool {
    let mut from = 0;
    // Empty lines before the first.
    while head[from..].starts_with(b"\r\n") {
        from += 2;
    }
    let mut begins = fields.iter().map(|field| field.name.0);
    head.get(from) != Some(&b'\n')
        && head.ends_with(b"\r\n\r\n")
        && begins.all(|at| at == 0 || head[..at].ends_with(b"\r\n"))
}

/// Reads the headers of the head `bytes`, whose memory they share.
fn read(bytes: &Bytes, fields: &[Field], headers: &mut HeaderMap) -> Result<Noted, Malformed> {
    if !ends_well(bytes, fields) {
        return Err(Malformed::Head("line end"));
    }
    headers.reserve(fields.len() + MORE);
    let mut noted = Noted::default();
    for Field { name, value } in fields {
        let name = HeaderName::from_bytes(&bytes[name.0..name.1]);
        let name = name.map_err(|_| Malformed::Head("the name of a header"))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice(value.0..value.1));
        let value = value.map_err(|_| Malformed::Head("the value of a header"))?;
        noted.note(&name);
        headers.append(name, value);
    }
    Ok(noted)
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

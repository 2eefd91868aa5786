//! Heads and trailers: out of a block's fields, and into a block (RFC 9113, 8).

use bytes::BytesMut;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version,
    header, response,
    uri::{self, Authority, PathAndQuery, Scheme},
};

use crate::hpack::{Encoder, Field, Invalid};

/// What each field counts beside its name and value (RFC 9113, 6.5.2).
const OVERHEAD: usize = 32;

/// By so much a list may be longer than is allowed before it is an attack: a byte may stand for kilobytes.
const BOMB: usize = 4;

/// Room for the headers of most messages.
const USUAL: usize = 12;

/// What makes a message malformed (RFC 9113, 8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A block's fields while it is read.
#[derive(Debug)]
pub(crate) struct Fields {
    method: Option<Method>,
    scheme: Option<Scheme>,
    authority: Option<Authority>,
    path: Option<PathAndQuery>,
    status: Option<StatusCode>,
    headers: HeaderMap,
    /// What Content-Length says.
    pub(crate) length: Option<u64>,
    malformed: bool,
    /// Bytes, as they are counted, and how many there may be.
    size: usize,
    most: usize,
}

impl Fields {
    /// Of which at most so many bytes are wanted.
    pub(crate) fn new(most: u32) -> Self {
        Self {
            method: None,
            scheme: None,
            authority: None,
            path: None,
            status: None,
            headers: HeaderMap::new(),
            length: None,
            malformed: false,
            size: 0,
            most: most as usize,
        }
    }

    /// There are more than are wanted, of which the rest is forgotten.
    pub(crate) fn is_too_large(&self) -> bool {
        self.size > self.most
    }

    /// There are so many more that nobody would have sent them in good faith.
    pub(crate) fn is_bomb(&self) -> bool {
        self.size / BOMB > self.most
    }

    /// One more of them, with a name and value of `size` bytes.
    pub(crate) fn take(&mut self, field: Field, size: usize) -> Result<(), Invalid> {
        self.size += size + OVERHEAD;
        match self.is_too_large() {
            true if self.is_bomb() => return Err(Invalid),
            true => {}
            false => self.add(field),
        }
        Ok(())
    }

    fn add(&mut self, field: Field) {
        let doubled = match field {
            Field::Header(name, value) => return self.header(name, value),
            Field::Malformed => true,
            // After a header there is no pseudo-header any more (RFC 9113, 8.3).
            _ if !self.headers.is_empty() => true,
            Field::Method(method) => self.method.replace(method).is_some(),
            Field::Scheme(scheme) => self.scheme.replace(scheme).is_some(),
            Field::Authority(authority) => self.authority.replace(authority).is_some(),
            Field::Path(path) => self.path.replace(path).is_some(),
            Field::Status(status) => self.status.replace(status).is_some(),
        };
        self.malformed |= doubled;
    }

    fn header(&mut self, name: HeaderName, value: HeaderValue) {
        if name == header::CONTENT_LENGTH {
            let text = value.as_bytes();
            let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
            let length = value
                .to_str()
                .ok()
                .filter(|_| digits)
                .and_then(|text| text.parse().ok());
            self.malformed |= length.is_none() || self.length.is_some();
            self.length = length;
        }
        if self.headers.capacity() == 0 {
            self.headers.reserve(USUAL);
        }
        self.malformed |= self.headers.try_append(name, value).is_err();
    }

    fn has_pseudo_headers(&self) -> bool {
        self.method.is_some()
            || self.scheme.is_some()
            || self.authority.is_some()
            || self.path.is_some()
    }

    pub(crate) fn into_request(self) -> Result<Request<()>, Malformed> {
        let method = self.method.ok_or(Malformed)?;
        let whole = match method {
            Method::CONNECT => {
                self.authority.is_some() && self.scheme.is_none() && self.path.is_none()
            }
            _ => self.scheme.is_some() && self.path.is_some(),
        };
        if self.malformed || self.status.is_some() || !whole {
            return Err(Malformed);
        }
        let mut target = uri::Parts::default();
        // Without an authority there is no place for a scheme in an URI.
        target.scheme = self.scheme.filter(|_| self.authority.is_some());
        target.authority = self.authority;
        target.path_and_query = self.path;
        let mut request = Request::new(());
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from_parts(target).map_err(|_| Malformed)?;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = self.headers;
        Ok(request)
    }

    pub(crate) fn into_response(self) -> Result<Response<()>, Malformed> {
        if self.malformed || self.has_pseudo_headers() {
            return Err(Malformed);
        }
        let mut response = Response::new(());
        *response.status_mut() = self.status.ok_or(Malformed)?;
        *response.version_mut() = Version::HTTP_2;
        *response.headers_mut() = self.headers;
        Ok(response)
    }

    pub(crate) fn into_trailers(self) -> Result<HeaderMap, Malformed> {
        let head = self.has_pseudo_headers() || self.status.is_some();
        match self.malformed || self.is_too_large() || head {
            true => Err(Malformed),
            false => Ok(self.headers),
        }
    }
}

/// The head of a request, lent to be sent. CONNECT has neither scheme nor path.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// What is to be done.
    pub method: &'a Method,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host, with its port if it has one.
    pub authority: Option<&'a str>,
    /// With its query.
    pub path: &'a str,
    /// Of these, Host is not sent: the authority stands in its place (RFC 9113, 8.3.1).
    pub headers: &'a HeaderMap,
}

impl<'a, T> From<&'a Request<T>> for Head<'a> {
    /// One whose URI says it all.
    fn from(request: &'a Request<T>) -> Self {
        let uri = request.uri();
        Self {
            method: request.method(),
            scheme: uri.scheme_str().unwrap_or("http"),
            authority: uri.authority().map(Authority::as_str),
            path: uri.path_and_query().map_or("/", PathAndQuery::as_str),
            headers: request.headers(),
        }
    }
}

/// Appends the block of a request's head to `to`.
pub(crate) fn write_request(head: Head<'_>, encoder: &mut Encoder, to: &mut BytesMut) {
    encoder.begin(to);
    encoder.method(head.method, to);
    if *head.method != Method::CONNECT {
        encoder.scheme(head.scheme, to);
        encoder.path(head.path, to);
    }
    if let Some(authority) = head.authority {
        encoder.authority(authority, to);
    }
    for (name, value) in head.headers {
        if *name != header::HOST {
            encoder.header(name, value, to);
        }
    }
}

/// Appends the block of a response's head to `to`.
pub(crate) fn write_response(head: &response::Parts, encoder: &mut Encoder, to: &mut BytesMut) {
    encoder.begin(to);
    encoder.status(head.status, to);
    write_headers(&head.headers, encoder, to);
}

/// Appends the block of trailers to `to`.
pub(crate) fn write_trailers(trailers: &HeaderMap, encoder: &mut Encoder, to: &mut BytesMut) {
    encoder.begin(to);
    write_headers(trailers, encoder, to);
}

fn write_headers(headers: &HeaderMap, encoder: &mut Encoder, to: &mut BytesMut) {
    for (name, value) in headers {
        encoder.header(name, value, to);
    }
}

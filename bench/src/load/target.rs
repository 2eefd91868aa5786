//! Where load goes and what each request says.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version, header};
use http_body_util::Full;

use crate::tls::Dial;

/// What the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 keep-alive, one request at a time on each connection.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2 {
        /// Requests at a time on each connection.
        streams: usize,
    },
}

/// One request, sent over and over to one address.
#[derive(Clone, Debug)]
pub struct Target {
    pub(super) address: SocketAddr,
    pub(super) protocol: Protocol,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    /// How it is called; in cleartext without.
    pub(super) dial: Option<Dial>,
}

impl Target {
    /// A GET of `url`, whose authority must be an IP address and port: load is for loopback, not for names.
    pub fn new(url: &Uri, protocol: Protocol) -> Result<Self> {
        let authority = url.authority().context("the URL has no authority")?;
        let address: SocketAddr = authority
            .as_str()
            .parse()
            .with_context(|| format!("`{authority}` is not an IP address and port"))?;
        ensure!(
            address.ip().is_loopback(),
            "`{address}` is not a loopback address"
        );
        let path = url.path_and_query().map_or("/", |path| path.as_str());
        let mut headers = HeaderMap::new();
        let uri = match protocol {
            Protocol::Http1 => {
                headers.insert(header::HOST, HeaderValue::from_str(authority.as_str())?);
                path.parse()?
            }
            Protocol::Http2 { .. } => format!("http://{authority}{path}").parse()?,
        };
        Ok(Self {
            address,
            protocol,
            method: Method::GET,
            uri,
            headers,
            body: Bytes::new(),
            dial: None,
        })
    }

    /// Another method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// A body of `size` bytes.
    pub fn body(mut self, size: usize) -> Self {
        self.body = vec![b'x'; size].into();
        self
    }

    /// One header more.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// For another host than the address, of HTTP/1.1.
    pub fn host(mut self, host: &str) -> Result<Self> {
        self.headers
            .insert(header::HOST, HeaderValue::from_str(host)?);
        Ok(self)
    }

    /// Through TLS.
    pub(crate) fn secured(mut self, dial: Dial) -> Self {
        self.dial = Some(dial);
        self
    }

    /// Whether each request is to have a connection of its own.
    pub(super) fn anew(&self) -> bool {
        self.dial.as_ref().is_some_and(|dial| dial.anew)
    }

    /// How many requests one connection carries at a time.
    pub(super) fn streams(&self) -> usize {
        match self.protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 { streams } => streams,
        }
    }

    pub(super) fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if matches!(self.protocol, Protocol::Http2 { .. }) {
            *request.version_mut() = Version::HTTP_2;
        }
        request
    }
}

/// Reads `name: value`.
pub(super) fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue)> {
    let (name, value) = text.split_once(':').context("expected `name: value`")?;
    Ok((name.trim().parse()?, value.trim().parse()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn load_goes_to_loopback_only() {
        let target = |url: &'static str| Target::new(&Uri::from_static(url), Protocol::Http1);
        assert!(target("http://127.0.0.1:80/").is_ok());
        assert!(target("http://192.0.2.1:80/").is_err());
        assert!(target("http://example.com:80/").is_err());
    }

    #[test]
    fn http1_names_the_host_in_a_header_and_http2_in_the_uri() {
        let url = Uri::from_static("http://127.0.0.1:8080/a?b=c");
        let http1 = Target::new(&url, Protocol::Http1).unwrap().request();
        assert_eq!(http1.uri(), "/a?b=c");
        assert_eq!(http1.headers()[header::HOST], "127.0.0.1:8080");
        let http2 = Target::new(&url, Protocol::Http2 { streams: 1 }).unwrap();
        assert_eq!(http2.request().uri(), "http://127.0.0.1:8080/a?b=c");
        assert!(http2.request().headers().is_empty());
    }
}

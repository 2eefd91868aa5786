//! Hop: what belongs to one hop stays on it (RFC 9110, 7.6), and what says who asked travels on.
//!
//! Above Router, so that routes match on a normal form: origin-form path without dot segments, one Host header,
//! forwarding headers that are true. On the way back it takes out what the endpoint said to us alone.

use std::{net::Ipv6Addr, rc::Rc};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Uri, Version, header,
    uri::Scheme,
};
use smallvec::SmallVec;

use super::Handle;
use crate::{
    body::Body,
    call::Call,
    downstream::{
        client_cert, forwarded,
        secured::Secured,
        survey::{HTTP2_SETTINGS, KEEP_ALIVE, PROXY_CONNECTION, X_OUTRIGGER_TRAIL},
    },
    error::Error,
    http1::{Malformed, connection::has_token},
    route::normal,
    telemetry::{metrics::DownstreamError, trace},
    worker::Worker,
};

const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");
const UPGRADE: HeaderValue = HeaderValue::from_static("upgrade");

/// Headers that this layer may add, tracing headers and all: room for them at once.
const MORE_HEADERS: usize = 8;

/// See the module.
pub struct Hop<S> {
    worker: Rc<Worker>,
    next: S,
}

impl<S> Hop<S> {
    /// Above `next`.
    pub fn new(worker: Rc<Worker>, next: S) -> Self {
        Self { worker, next }
    }

    fn inward(&self, call: &mut Call) -> Result<(), Error> {
        framing(call).inspect_err(|_| {
            self.worker
                .metrics()
                .downstream_error(DownstreamError::BadFraming)
        })?;
        let host = host(call)?;
        directed(call, host.as_ref())?;
        if call.head.method == Method::CONNECT && !call.listener.config.connect {
            return Err(Error::TunnelRefused);
        }
        if let Some(uri) = normal::path(&call.head.uri).map_err(|_| Error::BadRequest("path"))? {
            call.head.uri = uri;
        }
        let trusted = &call.listener.config.trusted_proxies;
        // Of the headers as they came, which is how Admit has read them.
        let forwarded = &call.connection.forwarded;
        call.client = forwarded.client(&call.head.headers, trusted);
        strip_request(call);
        if call.survey.trail {
            // Asked of this proxy, not of the endpoint.
            call.head.headers.remove(X_OUTRIGGER_TRAIL);
        }
        call.head.headers.reserve(MORE_HEADERS);
        // Before more headers are there to walk over.
        let trace = trace::propagate(&mut call.head.headers, &mut self.worker.rng.borrow_mut());
        call.traced(&trace);
        let Call {
            head,
            connection,
            listener,
            ..
        } = call;
        let trusted = &listener.config.trusted_proxies;
        let secured = connection.secured();
        connection
            .forwarded
            .write(&mut head.headers, host, secured.is_some(), trusted);
        let told = listener.config.forward_client_cert;
        let told = secured.filter(|_| told).and_then(Secured::client_cert);
        if told.is_some() || call.survey.client_cert {
            let trusted = connection.forwarded.trusts(trusted);
            client_cert::write(&mut head.headers, call.survey.client_cert, trusted, told);
        }
        if listener.config.via {
            head.headers.append(header::VIA, via(head.version));
        }
        Ok(())
    }
}

impl<S: Handle> Handle for Hop<S> {
    async fn handle(&self, call: &mut Call) -> Result<Response<Body>, Error> {
        self.inward(call)?;
        let mut response = self.next.handle(call).await?;
        strip_response(&mut response);
        if call.listener.config.via {
            let version = response.version();
            response.headers_mut().append(header::VIA, via(version));
        }
        Ok(response)
    }
}

/// What two servers could understand in two ways goes no further.
pub(super) fn framing(call: &Call) -> Result<(), Error> {
    match call.doubt {
        None => Ok(()),
        Some(Malformed::Coding) => Err(Error::NotImplemented(
            "a transfer coding other than chunked",
        )),
        Some(Malformed::Framing(what) | Malformed::Head(what)) => Err(Error::BadRequest(what)),
        Some(_) => Err(Error::BadRequest("framing")),
    }
}

/// One Host header, and a path alone in the URI, whatever the version and form (RFC 9112, 3.2; RFC 9113, 8.3.1). The
/// host is returned; HTTP/1.0 may do without.
fn host(call: &mut Call) -> Result<Option<HeaderValue>, Error> {
    let head = &mut call.head;
    if call.survey.hosts > 1 {
        return Err(Error::BadRequest("more than one host"));
    }
    let host = head.headers.get(header::HOST).cloned();
    if let Some(host) = &host
        && !names_a_host(host.as_bytes())
    {
        return Err(Error::BadRequest("host"));
    }
    // Whatever the target says.
    if host.is_none() && head.version == Version::HTTP_11 {
        return Err(Error::BadRequest("no host"));
    }
    if head.uri.authority().is_none() {
        return match host {
            None if head.version > Version::HTTP_11 => Err(Error::BadRequest("no host")),
            host => Ok(host),
        };
    }
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    let Some(authority) = parts.authority.take() else {
        return Ok(host);
    };
    // HTTP/2 has a scheme always, and gRPC's clients are not always right about it.
    let ours = |scheme: &Scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS;
    if head.version < Version::HTTP_2 && !parts.scheme.as_ref().is_none_or(ours) {
        return Err(Error::BadRequest("scheme"));
    }
    if !names_a_host(authority.as_str().as_bytes()) {
        return Err(Error::BadRequest("authority"));
    }
    let differs = |host: &HeaderValue| host.as_bytes() != authority.as_str().as_bytes();
    if head.version == Version::HTTP_2 && host.as_ref().is_some_and(differs) {
        return Err(Error::BadRequest("host differs from authority"));
    }
    let host =
        HeaderValue::from_str(authority.as_str()).map_err(|_| Error::BadRequest("authority"))?;
    head.headers.insert(header::HOST, host.clone());
    head.uri = parts.path_and_query.map_or_else(Uri::default, Uri::from);
    Ok(Some(host))
}

/// A client may ask for any host on a connection whose certificate it takes for that host's, or by mistake; ours to answer
/// are those that the certificate has (RFC 9110, 7.4; RFC 9113, 9.1.1).
fn directed(call: &Call, host: Option<&HeaderValue>) -> Result<(), Error> {
    let Some(secured) = call.connection.secured() else {
        return Ok(());
    };
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let misdirected =
        call.head.method != Method::CONNECT && secured.session.misdirected(without_port(host));
    match misdirected {
        true => Err(Error::Misdirected),
        false => Ok(()),
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    }
}

/// Whether this can be the host and port of a URI with a host (RFC 9110, 4.2.1; RFC 3986, 3.2.2), in whatever form it goes
/// on. Escapes are none: who decodes them reads another name.
fn names_a_host(host: &[u8]) -> bool {
    let (name, port) = match host.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !host.ends_with(b"]") => (&host[..colon], &host[colon + 1..]),
        _ => (host, &b""[..]),
    };
    let named = match name {
        [b'[', address @ .., b']'] => is_ipv6(address),
        name => !name.is_empty() && name.iter().all(|byte| NAME_BYTES[usize::from(*byte)]),
    };
    named && is_port(port)
}

fn is_ipv6(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Or nothing (RFC 3986, 3.2.3).
fn is_port(text: &[u8]) -> bool {
    if text.len() > 5 || !text.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let digits = text.iter().map(|digit| u32::from(digit - b'0'));
    digits.fold(0, |port, digit| port * 10 + digit) <= u32::from(u16::MAX)
}

/// The bytes of a host's name (RFC 3986, 3.2.2), but for escapes.
const NAME_BYTES: [bool; 256] = {
    let mut allowed = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        allowed[byte] = matches!(byte as u8,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~'
            | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=');
        byte += 1;
    }
    allowed
};

/// Takes out what was said to us alone, and keeps in mind what it asked for.
fn strip_request(call: &mut Call) {
    let headers = &mut call.head.headers;
    let connect = call.head.method == Method::CONNECT;
    if !call.survey.hop_by_hop && !connect {
        call.upgrade = None;
        return;
    }
    let upgrade = upgrade(headers).filter(|_| call.head.version == Version::HTTP_11);
    call.trailers = call.survey.te
        && headers
            .get_all(header::TE)
            .iter()
            .any(|te| has_token(te, "trailers"));
    strip(headers);
    if call.trailers {
        headers.insert(header::TE, TRAILERS);
    }
    if upgrade.is_none() && !connect {
        call.upgrade = None;
    }
    if let Some(upgrade) = upgrade {
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, upgrade);
    }
}

fn strip_response(response: &mut Response<Body>) {
    let upgrade = match response.status() {
        StatusCode::SWITCHING_PROTOCOLS => response.headers().get(header::UPGRADE).cloned(),
        _ => None,
    };
    let headers = response.headers_mut();
    strip(headers);
    if let Some(upgrade) = upgrade {
        headers.insert(header::CONNECTION, UPGRADE);
        headers.insert(header::UPGRADE, upgrade);
    }
}

/// Headers that never go further.
static HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    HTTP2_SETTINGS,
];

/// Removes the headers that go no further, and those that Connection names. One walk finds them: look-ups would hash
/// seven names that are mostly absent.
fn strip(headers: &mut HeaderMap) {
    let mut found = [false; 7];
    let mut named: SmallVec<[HeaderName; 2]> = SmallVec::new();
    for (name, value) in headers.iter() {
        match *name {
            header::CONNECTION => {
                found[0] = true;
                named.extend(names(value));
            }
            header::TE => found[1] = true,
            header::TRANSFER_ENCODING => found[2] = true,
            header::UPGRADE => found[3] = true,
            _ if *name == KEEP_ALIVE => found[4] = true,
            _ if *name == PROXY_CONNECTION => found[5] = true,
            _ if *name == HTTP2_SETTINGS => found[6] = true,
            _ => {}
        }
    }
    for (name, _) in HOP_BY_HOP.iter().zip(found).filter(|(_, found)| *found) {
        headers.remove(name);
    }
    for name in named {
        headers.remove(name);
    }
}

/// The headers that a Connection line names. What frames or addresses the message is not the sender's to remove, nor what
/// a trusted proxy says of that sender: it may pass on a Connection that it did not understand. Of those that are no headers,
/// the two usual ones are not worth a look.
fn names(connection: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    let tokens = connection
        .as_bytes()
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii);
    tokens
        .filter(|token| {
            !token.eq_ignore_ascii_case(b"keep-alive") && !token.eq_ignore_ascii_case(b"close")
        })
        .filter_map(|token| HeaderName::from_bytes(token).ok())
        .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
        .filter(|name| !forwarded::says_who_asked(name))
}

/// The protocol that an HTTP/1.1 request wants to switch to. Not HTTP of any version, nor TLS (RFC 2817): a tunnel of it
/// would carry requests past us.
fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let asked = headers
        .get_all(header::CONNECTION)
        .iter()
        .any(|value| has_token(value, "upgrade"));
    let upgrade = headers.get(header::UPGRADE).filter(|_| asked)?;
    let mut protocols = upgrade.as_bytes().split(|byte| *byte == b',');
    let carries_requests = |protocol: &[u8]| {
        let name = protocol.split(|byte| *byte == b'/').next();
        let name = name.unwrap_or_default().trim_ascii();
        let of_http = ["h2c", "h2", "http", "tls"];
        of_http
            .iter()
            .any(|of_http| name.eq_ignore_ascii_case(of_http.as_bytes()))
    };
    (!protocols.any(carries_requests)).then(|| upgrade.clone())
}

fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_2 => "2 outrigger",
        Version::HTTP_10 => "1.0 outrigger",
        _ => "1.1 outrigger",
    })
}

#[cfg(test)]
mod tests {
    use http::uri::Authority;

    use super::*;

    fn stripped(pairs: &[(&'static str, &'static str)]) -> Vec<String> {
        let pairs = pairs.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let mut headers: HeaderMap = pairs.collect();
        strip(&mut headers);
        let mut left: Vec<_> = headers.keys().map(ToString::to_string).collect();
        left.sort();
        left
    }

    #[test]
    fn a_host_that_is_no_authority_names_none() {
        for host in [
            "a",
            "a.test:80",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "_srv.test",
            "a.test:",
            "a:65535",
        ] {
            assert!(names_a_host(host.as_bytes()), "{host}");
            assert!(Authority::try_from(host).is_ok(), "{host}");
        }
        for host in [
            "", ":80", "a:1:2", "a:b", "a:-1", "a:65536", "a%20b", "[::1", "::1]", "[a]", "a[b]",
            "[::1]x", "a b", "a/b", "a@b",
        ] {
            assert!(!names_a_host(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn nobody_switches_to_what_carries_requests() {
        let switch = |protocol: &'static str| {
            let pairs = [(header::CONNECTION, "upgrade"), (header::UPGRADE, protocol)];
            let pairs = pairs.map(|(name, value)| (name, HeaderValue::from_static(value)));
            upgrade(&HeaderMap::from_iter(pairs))
        };
        for protocol in ["websocket", "Websocket", "SPDY/3.1, x"] {
            assert_eq!(switch(protocol), Some(HeaderValue::from_static(protocol)));
        }
        for protocol in ["h2c", "x, H2C", "h2c/1", "HTTP/2.0", "TLS/1.0", "h2"] {
            assert_eq!(switch(protocol), None, "{protocol}");
        }
    }

    #[test]
    fn what_belongs_to_one_hop_goes() {
        for name in &HOP_BY_HOP {
            let mut headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("x"))]);
            strip(&mut headers);
            assert!(headers.is_empty(), "{name}");
        }
    }

    #[test]
    fn what_connection_names_goes_but_for_what_frames_and_addresses() {
        let left = stripped(&[
            ("connection", "close, x-private, Host, content-length"),
            ("x-private", "1"),
            ("host", "a"),
            ("content-length", "3"),
            ("x-public", "1"),
        ]);
        assert_eq!(left, ["content-length", "host", "x-public"]);
    }

    #[test]
    fn nobody_takes_out_what_is_said_of_who_asked() {
        let said = [
            ("forwarded", "for=6.6.6.6"),
            ("x-forwarded-client-cert", "x"),
            ("x-forwarded-for", "6.6.6.6"),
        ];
        let named = (
            "connection",
            "forwarded, X-Forwarded-For, x-forwarded-client-cert",
        );
        let left = stripped(&[&[named][..], &said].concat());
        assert_eq!(left, said.map(|(name, _)| name));
    }

    #[test]
    fn all_others_stay() {
        let left = stripped(&[
            ("user-agent", "x"),
            ("if-none-match", "x"),
            ("x-forwarded-proto", "x"),
        ]);
        assert_eq!(left.len(), 3);
    }
}

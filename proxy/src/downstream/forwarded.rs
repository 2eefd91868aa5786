//! `x-forwarded-for`, `-proto`, `-host` and `forwarded` (RFC 7239): who asked, in what way, for which host.
//!
//! The trust rule: what a peer of the listener's `trusted_proxies` says is believed and extended; what anybody else
//! says is replaced. A connection's requests mostly have one host, so the values are made once and shared.

use std::{
    cell::RefCell,
    net::{IpAddr, SocketAddr},
};

use http::{HeaderMap, HeaderName, HeaderValue, header};
use outrigger_config::Network;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The values of one connection.
pub struct Forwarded {
    peer: IpAddr,
    peer_text: HeaderValue,
    /// The `forwarded` value for the host that was last asked for.
    last: RefCell<Option<(Box<[u8]>, HeaderValue)>>,
}

impl Forwarded {
    /// For a connection from `peer`.
    pub fn new(peer: SocketAddr) -> Self {
        let peer = peer.ip().to_canonical();
        Self {
            peer,
            peer_text: value(&peer.to_string()),
            last: RefCell::new(None),
        }
    }

    /// Gives up what can be made again: no request has come for a while.
    pub fn rest(&self) {
        self.last.borrow_mut().take();
    }

    /// Writes the headers of a request for `host`, which came by TLS if that is `secure`, as all of its connection do.
    pub fn write(
        &self,
        headers: &mut HeaderMap,
        host: Option<HeaderValue>,
        secure: bool,
        trusted: &[Network],
    ) {
        let scheme = if secure { HTTPS } else { HTTP };
        let element = self.element(host.as_ref(), secure);
        if self.trusts(trusted) {
            append(headers, FOR, &self.peer_text);
            append(headers, header::FORWARDED, &element);
            headers.entry(PROTO).or_insert(scheme);
            if let Some(host) = host {
                headers.entry(HOST).or_insert(host);
            }
            return;
        }
        headers.insert(FOR, self.peer_text.clone());
        headers.insert(header::FORWARDED, element);
        headers.insert(PROTO, scheme);
        match host {
            Some(host) => headers.insert(HOST, host),
            None => headers.remove(HOST),
        };
    }

    /// The address of the client: of those that trusted proxies name, the nearest that is not itself a trusted proxy.
    /// `headers` as they came.
    pub fn client(&self, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
        if !self.trusts(trusted) {
            return self.peer;
        }
        // By bytes, and each by itself: what a stranger wrote must not spoil what a trusted proxy has put behind it.
        let lines = headers.get_all(FOR).iter().rev();
        let named = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut client = self.peer;
        for address in named {
            let Some(address) = address_of(address) else {
                break;
            };
            client = address.to_canonical();
            if !trusted.iter().any(|network| network.contains(client)) {
                break;
            }
        }
        client
    }

    /// Whether what the peer says is believed.
    pub fn trusts(&self, trusted: &[Network]) -> bool {
        trusted.iter().any(|network| network.contains(self.peer))
    }

    fn element(&self, host: Option<&HeaderValue>, secure: bool) -> HeaderValue {
        let mut last = self.last.borrow_mut();
        match (&*last, host) {
            (Some((of, element)), Some(host)) if **of == *host.as_bytes() => element.clone(),
            _ => {
                let element = element(self.peer, host, secure);
                // A copy: the header's own bytes are a part of the connection's read buffer, which could never be used again.
                *last = host.map(|host| (host.as_bytes().into(), element.clone()));
                element
            }
        }
    }
}

/// Whether the header says who asked, in what way.
pub fn says_who_asked(name: &HeaderName) -> bool {
    *name == header::FORWARDED || name.as_str().starts_with("x-forwarded-")
}

fn address_of(bytes: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(bytes.trim_ascii()).ok()?;
    text.parse().ok()
}

const HTTP: HeaderValue = HeaderValue::from_static("http");
const HTTPS: HeaderValue = HeaderValue::from_static("https");

/// RFC 7239, 4: what is no token has to be quoted, as are an IPv6 address, a host with a port, and one with signs that would
/// end the pair: a host may have `;` and `=` in it.
fn element(peer: IpAddr, host: Option<&HeaderValue>, secure: bool) -> HeaderValue {
    let proto = if secure { "https" } else { "http" };
    let peer = match peer {
        IpAddr::V4(peer) => peer.to_string(),
        IpAddr::V6(peer) => format!("\"[{peer}]\""),
    };
    let host = host
        .and_then(|host| host.to_str().ok())
        .filter(|host| !host.contains(['"', '\\']));
    match host {
        Some(host) if is_token(host) => value(&format!("for={peer};host={host};proto={proto}")),
        Some(host) => value(&format!("for={peer};host=\"{host}\";proto={proto}")),
        None => value(&format!("for={peer};proto={proto}")),
    }
}

/// RFC 9110, 5.6.2.
fn is_token(text: &str) -> bool {
    let sign = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(sign)
}

fn append(headers: &mut HeaderMap, name: HeaderName, addition: &HeaderValue) {
    let mut all = Vec::new();
    for line in headers.get_all(&name) {
        all.extend_from_slice(line.as_bytes());
        all.extend_from_slice(b", ");
    }
    all.extend_from_slice(addition.as_bytes());
    headers.insert(
        name,
        HeaderValue::from_bytes(&all).unwrap_or_else(|_| addition.clone()),
    );
}

/// Addresses and hosts that came as header values are header values.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn from(peer: &str) -> Forwarded {
        Forwarded::new(SocketAddr::new(peer.parse().unwrap(), 5000))
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, text)| (HeaderName::from_static(name), value(text)))
            .collect()
    }

    #[test]
    fn a_stranger_is_not_believed() {
        let mut lies = headers(&[
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("forwarded", "for=6.6.6.6"),
        ]);
        let peer = from("192.0.2.1");
        assert_eq!(
            peer.client(&lies, &[]),
            "192.0.2.1".parse::<IpAddr>().unwrap()
        );
        peer.write(&mut lies, Some(value("a.example:8080")), false, &[]);
        let truth = headers(&[
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "http"),
            ("x-forwarded-host", "a.example:8080"),
            (
                "forwarded",
                "for=192.0.2.1;host=\"a.example:8080\";proto=http",
            ),
        ]);
        assert_eq!(lies, truth);
    }

    #[test]
    fn a_trusted_proxy_is_extended() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let peer = from("10.0.0.2");
        let mut told = headers(&[
            ("x-forwarded-for", "6.6.6.6, 192.0.2.1, 10.0.0.1"),
            ("x-forwarded-proto", "https"),
        ]);
        assert_eq!(
            peer.client(&told, &trusted),
            "192.0.2.1".parse::<IpAddr>().unwrap()
        );
        peer.write(&mut told, Some(value("a.example")), true, &trusted);
        assert_eq!(
            told["x-forwarded-for"],
            "6.6.6.6, 192.0.2.1, 10.0.0.1, 10.0.0.2"
        );
        assert_eq!(told["x-forwarded-proto"], "https");
        assert_eq!(told["x-forwarded-host"], "a.example");
        assert_eq!(told["forwarded"], "for=10.0.0.2;host=a.example;proto=https");
    }

    #[test]
    fn what_a_stranger_spoils_hides_nothing_that_a_trusted_proxy_added() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        for line in [
            &b"\xff, 6.6.6.6"[..],
            b"10.0.0.9, \xff, 6.6.6.6, 10.0.0.1",
            b"nobody,\t6.6.6.6",
        ] {
            let headers = HeaderMap::from_iter([(FOR, HeaderValue::from_bytes(line).unwrap())]);
            assert_eq!(
                from("10.0.0.2").client(&headers, &trusted),
                "6.6.6.6".parse::<IpAddr>().unwrap(),
                "{}",
                line.escape_ascii()
            );
        }
    }

    #[test]
    fn a_host_says_nothing_beside_itself() {
        let host = value("a;for=6.6.6.6;proto=https");
        assert_eq!(
            element("192.0.2.1".parse().unwrap(), Some(&host), false),
            "for=192.0.2.1;host=\"a;for=6.6.6.6;proto=https\";proto=http"
        );
    }

    #[test]
    fn an_ipv6_address_is_quoted() {
        assert_eq!(
            element("2001:db8::1".parse().unwrap(), None, false),
            "for=\"[2001:db8::1]\";proto=http"
        );
    }
}

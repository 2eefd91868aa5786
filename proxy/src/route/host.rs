//! The host of a request, and the index of what is configured for which hosts.

use std::borrow::Cow;

use http::{header::HOST, request::Parts};
use outrigger_config::model::HostMatch;

use super::{Map, group};

/// The host that a request is for: the URI's (HTTP/2, and absolute form, which wins by RFC 9112, 3.2.2), else that of the
/// `Host` header; empty when there is neither. In lower case, without port, brackets and trailing dot.
///
/// Of several `Host` headers it reads the first: they are refused before (RFC 9112, 3.2).
pub fn of(head: &Parts) -> Cow<'_, str> {
    let authority = authority(head);
    // Most are a plain name, seen by one pass.
    let plain = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    if authority.bytes().all(plain) && !authority.ends_with('.') {
        return Cow::Borrowed(authority);
    }
    let host = bare(authority);
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

/// The authority that a request is for, port included.
pub(super) fn authority(head: &Parts) -> &str {
    match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => head
            .headers
            .get(HOST)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default(),
    }
}

/// The authority with its port, without its user, in lower case; `None` if it names no port.
pub(super) fn with_port(authority: &str) -> Option<Cow<'_, str>> {
    port(authority)?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    Some(match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Owned(host.to_ascii_lowercase()),
        false => Cow::Borrowed(host),
    })
}

/// The host of an authority.
fn bare(authority: &str) -> &str {
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if let Some(literal) = host.strip_prefix('[') {
        return literal
            .split_once(']')
            .map_or(literal, |(address, _)| address);
    }
    let host = host.split_once(':').map_or(host, |(host, _)| host);
    host.strip_suffix('.').unwrap_or(host)
}

/// The port of an authority, if it names one.
pub(super) fn port(authority: &str) -> Option<u16> {
    let (before, port) = authority.rsplit_once(':')?;
    // `[::1]`: its colons are not a port's.
    if before.contains('[') && !before.ends_with(']') {
        return None;
    }
    port.parse().ok()
}

/// Under which a table of a host is found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Exact(Box<str>),
    /// With its leading dot.
    Suffix(Box<str>),
    Any,
}

/// The keys of a match; a host that is listed twice counts once.
pub(crate) fn keys(hosts: &[HostMatch]) -> impl Iterator<Item = Key> {
    let mut keys: Vec<Key> = hosts
        .iter()
        .map(|host| match host {
            HostMatch::Exact(host) => Key::Exact(bare(host).to_ascii_lowercase().into()),
            HostMatch::Suffix(suffix) => Key::Suffix(suffix.to_ascii_lowercase().into()),
        })
        .collect();
    if keys.is_empty() {
        keys.push(Key::Any);
    }
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(key.clone()));
    keys.into_iter()
}

/// Whether a key takes a host.
pub(super) fn takes(key: &Key, host: &str) -> bool {
    match key {
        Key::Exact(exact) => **exact == *host,
        Key::Suffix(suffix) => host.len() > suffix.len() && host.ends_with(&**suffix),
        Key::Any => true,
    }
}

/// What is configured for which hosts.
#[derive(Debug)]
pub(crate) struct Hosts<T> {
    exact: Map<Box<str>, T>,
    suffix: Map<Box<str>, T>,
    /// Bytes of the longest suffix: a bound on the work that a long host can cause.
    longest_suffix: usize,
    any: Option<T>,
}

impl<T> Hosts<T> {
    /// Gathers the parts of each host and makes its table of them.
    pub(crate) fn new<P>(
        parts: impl Iterator<Item = (Key, P)>,
        table: impl Fn(Vec<P>) -> T,
    ) -> Self {
        let mut hosts = Self {
            exact: Map::default(),
            suffix: Map::default(),
            longest_suffix: 0,
            any: None,
        };
        let groups: Map<_, _> = group(parts);
        for (key, parts) in groups {
            let table = table(parts);
            match key {
                Key::Exact(host) => drop(hosts.exact.insert(host, table)),
                Key::Suffix(suffix) => {
                    hosts.longest_suffix = hosts.longest_suffix.max(suffix.len());
                    hosts.suffix.insert(suffix, table);
                }
                Key::Any => hosts.any = Some(table),
            }
        }
        hosts
    }

    /// Whether the host of a request matters at all.
    pub(crate) fn tells(&self) -> bool {
        !self.exact.is_empty() || !self.suffix.is_empty()
    }

    /// The tables that take a host in lower case, most specific first.
    pub(crate) fn tables<'a>(&'a self, host: &'a str) -> impl Iterator<Item = &'a T> {
        let wildcards = suffixes(host, self.longest_suffix).filter_map(|s| self.suffix.get(s));
        self.exact
            .get(host)
            .into_iter()
            .chain(wildcards)
            .chain(&self.any)
    }
}

/// What follows each label of a host, longest first and at most `longest` bytes, with its leading dot.
fn suffixes(host: &str, longest: usize) -> impl Iterator<Item = &str> {
    // A dot at the very start has no label before it.
    let from = host.len().saturating_sub(longest).max(1);
    let dots = host.bytes().enumerate().skip(from);
    dots.filter(|&(_, byte)| byte == b'.')
        .map(|(dot, _)| &host[dot..])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn head(uri: &str, host: Option<&str>) -> Parts {
        let mut request = http::Request::builder().uri(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn the_host_is_read_without_port_case_brackets_and_trailing_dot() {
        for (sent, host) in [
            ("shop.example.com", "shop.example.com"),
            ("Shop.Example.COM:8080", "shop.example.com"),
            ("shop.example.com.", "shop.example.com"),
            ("shop.example.com.:80", "shop.example.com"),
            ("[::1]:8080", "::1"),
            ("[2001:DB8::1]", "2001:db8::1"),
            ("127.0.0.1:80", "127.0.0.1"),
            ("", ""),
            (":80", ""),
            ("[::1", "::1"),
        ] {
            assert_eq!(of(&head("/", Some(sent))), host, "{sent:?}");
        }
    }

    #[test]
    fn the_authority_of_the_uri_wins_over_the_host_header() {
        let head = head("http://user@a.example:81/", Some("b.example"));
        assert_eq!(of(&head), "a.example");
    }

    #[test]
    fn a_request_without_host_has_the_empty_one() {
        assert_eq!(of(&head("/", None)), "");
    }

    #[test]
    fn suffixes_are_walked_longest_first_and_no_longer_than_configured() {
        let walk = |host, longest| suffixes(host, longest).collect::<Vec<_>>();
        assert_eq!(walk("a.b.org", 99), [".b.org", ".org"]);
        assert_eq!(walk("a.b.org", 4), [".org"]);
        assert_eq!(walk(".org", 99), [""; 0]);
        assert_eq!(walk("", 99), [""; 0]);
        assert_eq!(walk("a.b.org", 0), [""; 0]);
    }

    #[test]
    fn only_a_port_is_a_port() {
        assert_eq!(port("a:80"), Some(80));
        assert_eq!(port("[::1]:80"), Some(80));
        assert_eq!(port("[::1]"), None);
        assert_eq!(port("a"), None);
        assert_eq!(port("a:"), None);
        assert_eq!(port("a:99999"), None);
    }
}

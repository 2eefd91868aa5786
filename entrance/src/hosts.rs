//! Which requests are let in at all: what a page of a foreign site makes a browser send is not.
//!
//! Where no credential is asked for, what protects a port is that it listens on loopback. A browser on the same machine
//! would carry requests over that fence in two ways, and would show its user's certificate beyond it. A foreign page sends a request outright: browsers then name the page's
//! `Origin`. Or the page's own host name is made to resolve to 127.0.0.1 (DNS rebinding), so that all looks like one
//! origin: then the `Host` is a name that is not ours. An address as `Host` is always good: it can't be rebound.

use std::net::IpAddr;

use http::{
    HeaderMap, StatusCode, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};

/// Why a request is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// It names no host, or several.
    #[error("the request must name one host (RFC 9112, 3.2)")]
    Unclear,
    /// It is for somebody else.
    #[error("`{0}` is not a name of this server")]
    Another(String),
    /// A page of another site sends it.
    #[error("the request comes from a page of another site")]
    Foreign,
}

impl Stranger {
    /// As a status of HTTP.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Unclear => StatusCode::BAD_REQUEST,
            Self::Another(_) | Self::Foreign => StatusCode::FORBIDDEN,
        }
    }
}

/// What a server may be called besides its addresses and `localhost`.
#[derive(Clone, Debug, Default)]
pub struct Hosts {
    names: Vec<String>,
}

impl Hosts {
    /// With these names of hosts, without ports.
    pub fn new(names: &[String]) -> Self {
        Self {
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
        }
    }

    /// Whether a request with this head comes from where it may.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Stranger> {
        let host = host(uri, headers)?;
        if !self.knows(host.host()) {
            return Err(Stranger::Another(host.host().to_owned()));
        }
        // Schemes are not compared: one day TLS may end before us.
        let own = |origin: &str| {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host.as_str()))
        };
        let foreign = headers
            .get_all(ORIGIN)
            .iter()
            .find(|origin| !origin.to_str().is_ok_and(own));
        match foreign {
            None => Ok(()),
            Some(_) => Err(Stranger::Foreign),
        }
    }

    fn knows(&self, host: &str) -> bool {
        let address = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let host = host.to_ascii_lowercase();
        address.unwrap_or(&host).parse::<IpAddr>().is_ok()
            || host == "localhost"
            || self.names.contains(&host)
    }
}

/// The one host that the request names.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<Authority, Stranger> {
    let unclear = || Stranger::Unclear;
    let mut named = headers.get_all(HOST).iter();
    let host = match (named.next(), named.next()) {
        (Some(host), None) => host.to_str().ok().and_then(|host| host.parse().ok()),
        _ => None,
    };
    let host: Authority = host.ok_or_else(unclear)?;
    match uri.authority() {
        Some(other) if *other != host => Err(unclear()),
        _ if host.as_str().contains('@') => Err(unclear()),
        _ => Ok(host),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use http::Request;

    use super::*;

    fn status(headers: &[(&str, &str)]) -> u16 {
        let request = Request::put("/tables/web");
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        let (head, ()) = request.body(()).unwrap().into_parts();
        let guard = Hosts::new(&["Mesh.internal".to_owned()]);
        match guard.admit(&head.uri, &head.headers) {
            Ok(()) => 200,
            Err(stranger) => stranger.status().as_u16(),
        }
    }

    #[test]
    fn addresses_localhost_and_names_that_were_allowed_are_hosts() {
        for host in [
            "127.0.0.1:4181",
            "10.1.2.3",
            "[::1]:4181",
            "localhost:4181",
            "LocalHost",
            "mesh.internal:4181",
        ] {
            assert_eq!(status(&[("host", host)]), 200, "{host}");
        }
    }

    #[test]
    fn a_name_that_resolves_to_us_is_not_yet_ours() {
        for host in [
            "evil.example",
            "localhost.evil.example:4181",
            "127.0.0.1.evil.example",
            "x.mesh.internal",
        ] {
            assert_eq!(status(&[("host", host)]), 403, "{host}");
        }
    }

    #[test]
    fn a_request_without_one_clear_host_is_refused() {
        assert_eq!(status(&[]), 400);
        for host in ["", "a b", "user@127.0.0.1", "/"] {
            assert_eq!(status(&[("host", host)]), 400, "{host}");
        }
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(status(&twice), 400);
    }

    #[test]
    fn only_pages_of_the_control_plane_itself_may_ask() {
        let host = ("host", "localhost:4181");
        assert_eq!(status(&[host, ("origin", "http://localhost:4181")]), 200);
        for origin in [
            "http://evil.example",
            "http://localhost:8080",
            "http://localhost",
            "null",
            "",
            "localhost:4181",
        ] {
            assert_eq!(status(&[host, ("origin", origin)]), 403, "{origin}");
        }
    }
}

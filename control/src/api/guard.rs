//! Which requests are let in at all: what a page of a foreign site makes a browser send is not.
//!
//! The API has no password yet; what protects it is that it listens on loopback. A browser on the same machine would
//! carry requests over that fence in two ways. A foreign page sends a request outright: browsers then name the page's
//! `Origin`. Or the page's own host name is made to resolve to 127.0.0.1 (DNS rebinding), so that all looks like one
//! origin: then the `Host` is a name that is not ours. An address as `Host` is always good: it can't be rebound.

use std::net::IpAddr;

use http::{
    HeaderMap, StatusCode, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use super::failure::Failure;

/// What the control plane may be called besides its addresses and `localhost`.
#[derive(Debug, Default)]
pub struct Guard {
    names: Vec<String>,
}

impl Guard {
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
    pub fn admit(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
        let host = host(uri, headers)?;
        if !self.knows(host.host()) {
            let refused = format!("`{}` is not a name of this control plane", host.host());
            return Err(Failure::new(StatusCode::FORBIDDEN, refused)
                .hint("call it by its address, or start it with `--allow-host NAME`"));
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
            Some(_) => Err(Failure::new(
                StatusCode::FORBIDDEN,
                "the request comes from a page of another site",
            )),
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
fn host(uri: &Uri, headers: &HeaderMap) -> Result<Authority, Failure> {
    let unclear = || {
        Failure::new(
            StatusCode::BAD_REQUEST,
            "the request must name one host (RFC 9112, 3.2)",
        )
    };
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
        let guard = Guard::new(&["Mesh.internal".to_owned()]);
        match guard.admit(&head.uri, &head.headers) {
            Ok(()) => 200,
            Err(failure) => failure.status().as_u16(),
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

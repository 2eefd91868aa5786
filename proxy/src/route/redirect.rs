//! Where a client is told to go instead.

use std::borrow::Cow;

use http::{HeaderValue, StatusCode, header::LOCATION, request::Parts, uri::Authority};
use outrigger_config::model::{self, PathMatch, Scheme};

use super::{host, rewrite::PathRewrite};

/// A redirect, compiled for its route.
#[derive(Clone, Debug)]
pub struct Redirect {
    status: StatusCode,
    scheme: Option<Scheme>,
    host: Option<Box<str>>,
    port: Option<u16>,
    path: Option<PathRewrite>,
}

impl Redirect {
    /// `matched` is the path by which the route matches.
    pub fn new(redirect: &model::Redirect, matched: &PathMatch) -> Self {
        let path = redirect.path.as_ref();
        Self {
            status: redirect.status,
            scheme: redirect.scheme,
            host: redirect.host.as_deref().map(Into::into),
            port: redirect.port,
            path: path.map(|path| PathRewrite::new(path, matched)),
        }
    }

    /// The answer to a request that came by `scheme`.
    pub fn response<B: Default>(&self, head: &Parts, scheme: Scheme) -> http::Response<B> {
        let mut response = http::Response::new(B::default());
        *response.status_mut() = self.status;
        response
            .headers_mut()
            .insert(LOCATION, self.location(head, scheme));
        response
    }

    /// The query is kept. A request without a host (HTTP/1.0) is told a path alone.
    fn location(&self, head: &Parts, scheme: Scheme) -> HeaderValue {
        let path = self.path(head);
        let mut location = match self.origin(head, scheme) {
            Some(origin) => origin + &path,
            // `//x` alone would be a host.
            None => format!("/{}", path.trim_start_matches('/')),
        };
        if let Some(query) = head.uri.query() {
            location.push('?');
            location.push_str(query);
        }
        // All of its characters are those of a URI.
        HeaderValue::try_from(location).unwrap_or(HeaderValue::from_static("/"))
    }

    fn path<'a>(&self, head: &'a Parts) -> Cow<'a, str> {
        let path = head.uri.path();
        match &self.path {
            Some(new) => Cow::Owned(new.path(path)),
            None => Cow::Borrowed(path),
        }
    }

    /// `https://shop.example.com:8443`
    ///
    /// A scheme that is given brings its own port. Without one the port is the one that the client believes in, that of
    /// its `Host` (as Envoy): the listener's own, which the Gateway API names, is wrong behind any mapping of ports. A
    /// default port is left out.
    fn origin(&self, head: &Parts, scheme: Scheme) -> Option<String> {
        let (name, default) = match self.scheme.unwrap_or(scheme) {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        let believed = match self.scheme {
            Some(_) => None,
            None => host::port(host::authority(head)),
        };
        let host = match &self.host {
            Some(host) => Cow::Borrowed(&**host),
            None => host::of(head),
        };
        let host = if host.contains(':') && !host.starts_with('[') {
            Cow::Owned(format!("[{host}]"))
        } else {
            host
        };
        Authority::try_from(&*host).ok()?;
        Some(match self.port.or(believed) {
            Some(port) if port != default => format!("{name}://{host}:{port}"),
            _ => format!("{name}://{host}"),
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use outrigger_config::model::PathRewrite as NewPath;

    const SAME: model::Redirect = model::Redirect {
        status: StatusCode::FOUND,
        scheme: None,
        host: None,
        port: None,
        path: None,
    };

    fn location(redirect: &model::Redirect, host: &str, target: &str) -> String {
        let mut request = http::Request::builder().uri(target);
        if !host.is_empty() {
            request = request.header("host", host);
        }
        let head = request.body(()).unwrap().into_parts().0;
        let redirect = Redirect::new(redirect, &PathMatch::Prefix("/v23".to_owned()));
        let response: http::Response<()> = redirect.response(&head, Scheme::Http);
        assert_eq!(response.status(), StatusCode::FOUND);
        response.headers()[LOCATION].to_str().unwrap().to_owned()
    }

    #[test]
    fn what_is_not_given_stays_as_in_the_request() {
        assert_eq!(
            location(&SAME, "a.example:8080", "/x?y=1"),
            "http://a.example:8080/x?y=1"
        );
        assert_eq!(location(&SAME, "[::1]:81", "/"), "http://[::1]:81/");
    }

    #[test]
    fn a_new_scheme_brings_its_own_port() {
        let https = model::Redirect {
            scheme: Some(Scheme::Https),
            ..SAME
        };
        assert_eq!(
            location(&https, "a.example:8080", "/x"),
            "https://a.example/x"
        );
        let port = model::Redirect {
            port: Some(8443),
            ..https
        };
        assert_eq!(
            location(&port, "a.example", "/x"),
            "https://a.example:8443/x"
        );
    }

    #[test]
    fn a_default_port_is_left_out() {
        assert_eq!(location(&SAME, "a.example:80", "/"), "http://a.example/");
        let port = model::Redirect {
            scheme: Some(Scheme::Https),
            port: Some(443),
            ..SAME
        };
        assert_eq!(location(&port, "a.example", "/"), "https://a.example/");
    }

    #[test]
    fn a_new_host_and_path_are_told_with_the_old_query() {
        let moved = model::Redirect {
            host: Some("b.example".to_owned()),
            path: Some(NewPath::Prefix("/v24".to_owned())),
            ..SAME
        };
        assert_eq!(
            location(&moved, "a.example", "/v23/x?y"),
            "http://b.example/v24/x?y"
        );
    }

    #[test]
    fn without_a_host_the_path_alone_is_told_and_never_reads_as_a_host() {
        assert_eq!(location(&SAME, "", "/x"), "/x");
        assert_eq!(location(&SAME, "", "//evil.example/x"), "/evil.example/x");
        assert_eq!(
            location(&SAME, "a b", "//evil.example/x"),
            "/evil.example/x"
        );
    }
}

//! What the endpoint sees in place of what the client asked for.

use std::fmt::Write;

use http::{HeaderValue, Uri, header::HOST, request::Parts, uri::Authority};
use outrigger_config::model::{self, PathMatch};

use super::{normal::with_path, path::Path};

/// A rewrite, compiled for its route.
#[derive(Clone, Debug)]
pub struct Rewrite {
    host: Option<HeaderValue>,
    path: Option<PathRewrite>,
}

impl Rewrite {
    /// `matched` is the path by which the route matches.
    pub fn new(rewrite: &model::Rewrite, matched: &PathMatch) -> Self {
        let path = rewrite.path.as_ref();
        Self {
            host: rewrite.host.clone(),
            path: path.map(|path| PathRewrite::new(path, matched)),
        }
    }

    /// Changes the head of a request; the query is kept.
    ///
    /// # Errors
    /// When the new path makes the URI too long (64 KiB), or the new host is none.
    pub fn apply(&self, head: &mut Parts) -> Result<(), http::Error> {
        if let Some(path) = &self.path {
            head.uri = path.uri(&head.uri)?;
        }
        if let Some(host) = &self.host {
            head.headers.insert(HOST, host.clone());
            if head.uri.authority().is_some() {
                let mut parts = head.uri.clone().into_parts();
                parts.authority = Some(Authority::try_from(host.as_bytes())?);
                head.uri = Uri::from_parts(parts)?;
            }
        }
        Ok(())
    }
}

/// A new path, for rewrites and redirects.
#[derive(Clone, Debug)]
pub(super) enum PathRewrite {
    /// Takes as many bytes off the front, and puts this there: without trailing slash, the root is empty.
    Prefix(usize, Box<str>),
    Full(Box<str>),
}

impl PathRewrite {
    /// On a route without a prefix, a prefix is put in front of what a regex matched, and in place of an exact path.
    pub(super) fn new(rewrite: &model::PathRewrite, matched: &PathMatch) -> Self {
        match rewrite {
            model::PathRewrite::Full(path) => Self::Full(legal(path).into()),
            model::PathRewrite::Prefix(prefix) => {
                let matched = match Path::new(matched) {
                    Path::Prefix(path) | Path::Exact(path) => path.len(),
                    Path::Regex(_) => 0,
                };
                Self::Prefix(matched, legal(prefix).trim_end_matches('/').into())
            }
        }
    }

    /// The new path. A slash in the prefix, at its end or after it in the request is one slash in the result, which
    /// is that of the table of Gateway API's `ReplacePrefixMatch`.
    pub(super) fn path(&self, path: &str) -> String {
        match self {
            Self::Full(full) => full.to_string(),
            Self::Prefix(matched, with) => {
                let rest = path.get(*matched..).unwrap_or_default();
                let below = rest.trim_start_matches('/');
                match (rest, &**with) {
                    ("", "") => "/".to_owned(),
                    ("", with) => with.to_owned(),
                    (_, with) => format!("{with}/{below}"),
                }
            }
        }
    }

    fn uri(&self, uri: &Uri) -> Result<Uri, http::Error> {
        // `OPTIONS *` and CONNECT have no path to change.
        if !uri.path().starts_with('/') {
            return Ok(uri.clone());
        }
        with_path(uri, &self.path(uri.path()))
    }
}

/// Escapes what a path cannot hold, and puts a slash before it if it has none.
fn legal(path: &str) -> String {
    let mut legal = String::with_capacity(path.len() + 1);
    if !path.starts_with('/') {
        legal.push('/');
    }
    for byte in path.bytes() {
        match byte {
            b'%' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => legal.push(char::from(byte)),
            _ if b"/-._~!$&'()*+,;=:@".contains(&byte) => legal.push(char::from(byte)),
            // Writing to a String does not fail.
            _ => drop(write!(legal, "%{byte:02X}")),
        }
    }
    legal
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn prefix(matched: &str, with: &str) -> PathRewrite {
        let rewrite = model::PathRewrite::Prefix(with.to_owned());
        PathRewrite::new(&rewrite, &PathMatch::Prefix(matched.to_owned()))
    }

    #[test]
    fn a_prefix_is_replaced_as_the_gateway_api_has_it() {
        for (path, matched, with, seen) in [
            ("/foo/bar", "/foo", "/xyz", "/xyz/bar"),
            ("/foo/bar", "/foo", "/xyz/", "/xyz/bar"),
            ("/foo/bar", "/foo/", "/xyz", "/xyz/bar"),
            ("/foo", "/foo", "/xyz", "/xyz"),
            ("/foo/", "/foo", "/xyz", "/xyz/"),
            ("/foo/bar", "/foo", "", "/bar"),
            ("/foo/bar", "/foo", "/", "/bar"),
            ("/foo/", "/foo", "/", "/"),
            ("/foo", "/foo", "/", "/"),
            ("/foo//bar", "/foo", "/", "/bar"),
            ("/bar", "/", "/xyz", "/xyz/bar"),
            ("/", "/", "/xyz", "/xyz/"),
        ] {
            let rewrite = prefix(matched, with);
            assert_eq!(rewrite.path(path), seen, "{path}: {matched} -> {with}");
        }
    }

    #[test]
    fn the_query_is_kept() {
        let uri: Uri = "/v23/x?y=1".parse().unwrap();
        assert_eq!(prefix("/v23", "/").uri(&uri).unwrap(), "/x?y=1");
        let full = model::PathRewrite::Full("/new".to_owned());
        let full = PathRewrite::new(&full, &PathMatch::Any);
        assert_eq!(full.uri(&uri).unwrap(), "/new?y=1");
    }

    #[test]
    fn a_request_without_a_path_keeps_its_target() {
        let full = model::PathRewrite::Full("/new".to_owned());
        let full = PathRewrite::new(&full, &PathMatch::Any);
        for target in ["*", "a.example:443"] {
            let uri: Uri = target.parse().unwrap();
            assert_eq!(full.uri(&uri).unwrap(), uri);
        }
    }

    #[test]
    fn what_a_path_cannot_hold_is_escaped() {
        assert_eq!(legal("a b?c#d/é%20"), "/a%20b%3Fc%23d/%C3%A9%20");
    }

    #[test]
    fn a_new_host_is_seen_in_the_header_and_in_the_uri() {
        let rewrite = model::Rewrite {
            host: Some(HeaderValue::from_static("new.example")),
            path: None,
        };
        let rewrite = Rewrite::new(&rewrite, &PathMatch::Any);
        let request = http::Request::get("http://old.example/x").body(()).unwrap();
        let mut head = request.into_parts().0;
        rewrite.apply(&mut head).unwrap();
        assert_eq!(head.uri, "http://new.example/x");
        assert_eq!(head.headers[HOST], "new.example");
    }
}

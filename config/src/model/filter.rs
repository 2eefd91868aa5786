//! What a route changes about a request or its response.

use http::{HeaderName, HeaderValue, StatusCode};

use super::{Fault, RateLimit};

/// One edit of a request or response, chosen by a route.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Edits the request's headers before it goes upstream.
    RequestHeaders(HeaderEdits),
    /// Edits the response's headers before it goes downstream.
    ResponseHeaders(HeaderEdits),
    /// Changes the path or host that the endpoint sees.
    Rewrite(Rewrite),
    /// Answers with a redirect.
    Redirect(Redirect),
    /// Answers directly.
    Respond(Respond),
    /// Refuses what is too much.
    RateLimit(RateLimit),
    /// Trouble on purpose.
    Fault(Fault),
}

/// Header edits, in the order: remove, set, add.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HeaderEdits {
    /// Replaces all values.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// Adds a value.
    pub add: Vec<(HeaderName, HeaderValue)>,
    /// Removes all values.
    pub remove: Vec<HeaderName>,
}

/// What the endpoint sees in place of what the client asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rewrite {
    /// The Host header.
    pub host: Option<HeaderValue>,
    /// The path.
    pub path: Option<PathRewrite>,
}

/// A new path; the query is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathRewrite {
    /// In place of the matched prefix (of a route with `path.prefix`).
    Prefix(String),
    /// In place of the whole path.
    Full(String),
}

/// A redirect; what is not given stays as in the request.
#[derive(Clone, Debug, PartialEq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: StatusCode,
    /// `http` or `https`.
    pub scheme: Option<Scheme>,
    /// The host.
    pub host: Option<String>,
    /// The port; when only the scheme changes, that scheme's own.
    pub port: Option<u16>,
    /// The path.
    pub path: Option<PathRewrite>,
}

/// Of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http`
    Http,
    /// `https`
    Https,
}

/// A response that the proxy itself gives.
#[derive(Clone, Debug, PartialEq)]
pub struct Respond {
    /// Its status, 200 to 599.
    pub status: StatusCode,
    /// Its body.
    pub body: String,
    /// Its `content-type`.
    pub content_type: HeaderValue,
}

//! The path as it is matched *and* sent on, so that router and endpoint always speak of the same one.
//!
//! A proxy that routes by `/static/../admin` as written, before an endpoint that reads it as `/admin`, can be talked past a
//! rule for `/admin`. Hence, as Istio and Traefik do by default, a path is brought into the normal form of RFC 3986, 6.2.2,
//! once, before routing:
//!
//! - escapes of unreserved characters are decoded (`%61` is `a`, `%2e` is `.`), all other escapes stay, in capitals: `%2F` is
//!   part of a segment (GitLab and npm name things by it), not a slash;
//! - the segments `.` and `..` are resolved;
//! - `//` stays: empty segments are legal and have meaning (keys of S3, URLs within paths). A rule for `/admin` does not take
//!   `//admin`; an endpoint that merges slashes has to be told so itself.
//!
//! Refused with 400, since no honest client sends it and servers disagree about it: `..` above the root, a `%` without two
//! hexadecimal digits, `%00`, a raw backslash (no path character by RFC 3986; a slash to some), and dots that are a segment
//! only to those who take `%2F`, `%5C` or `;` for the end of one (`..%2Fadmin`, Tomcat's `..;`). Bytes beyond ASCII, in the
//! query too: no URI has any, and to mend a target may go past a rule (RFC 9112, 3.2).

use std::borrow::Cow;

use http::{Uri, uri::PathAndQuery};
use memchr::memchr3;
use thiserror::Error;

use super::query::escaped;

/// Why a path is refused, with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadPath {
    /// `/../x`
    #[error("the path leaves the root")]
    AboveRoot,
    /// `/100%`, `/%zz`, `/%00`
    #[error("the path has a broken escape")]
    Escape,
    /// Bytes that have to be escaped.
    #[error("the target is not ASCII")]
    Foreign,
    /// `/a\b`
    #[error("the path has a backslash")]
    Backslash,
    /// `/..%2Fx`, `/..;/x`
    #[error("the path hides a dot segment")]
    HiddenDots,
}

/// Brings the path of a request into its normal form; `None` when it is already, as nearly all are. A clean one costs a
/// look at each byte.
///
/// # Errors
/// When the path is to be refused.
pub fn path(uri: &Uri) -> Result<Option<Uri>, BadPath> {
    let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
    if !target.is_ascii() {
        return Err(BadPath::Foreign);
    }
    match normal(uri.path())? {
        Cow::Borrowed(_) => Ok(None),
        Cow::Owned(path) => with_path(uri, &path).map(Some).or(Err(BadPath::Escape)),
    }
}

/// The same URI with another path; the query is kept.
///
/// # Errors
/// When the path has an illegal character or is too long (64 KiB with its query).
pub(super) fn with_path(uri: &Uri, path: &str) -> Result<Uri, http::Error> {
    let target: PathAndQuery = match uri.query() {
        Some(query) => format!("{path}?{query}").try_into()?,
        None => path.try_into()?,
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target);
    Ok(Uri::from_parts(parts)?)
}

/// A path of the configuration, in normal form if it has one, and escaped as requests have to be. What has none is never met
/// in a request.
pub(super) fn configured(path: &str) -> Cow<'_, str> {
    if path.is_ascii() {
        return normal(path).unwrap_or(Cow::Borrowed(path));
    }
    let mut escaped = String::new();
    for byte in path.bytes() {
        match byte.is_ascii() {
            true => escaped.push(char::from(byte)),
            false => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    Cow::Owned(normal(&escaped).map(Cow::into_owned).unwrap_or(escaped))
}

fn normal(path: &str) -> Result<Cow<'_, str>, BadPath> {
    let doubtful = memchr3(b'%', b'.', b'\\', path.as_bytes()).is_some();
    if !doubtful || !path.starts_with('/') {
        return Ok(Cow::Borrowed(path));
    }
    if path.contains('\\') {
        return Err(BadPath::Backslash);
    }
    let decoded = decode_unreserved(path)?;
    Ok(match resolve_dots(&decoded)? {
        Some(resolved) => Cow::Owned(resolved),
        None => decoded,
    })
}

/// RFC 3986, 6.2.2.1 and 6.2.2.2.
fn decode_unreserved(path: &str) -> Result<Cow<'_, str>, BadPath> {
    let mut decoded = String::new();
    // Bytes of `path` that are in `decoded`.
    let mut done = 0;
    for (at, _) in path.match_indices('%') {
        let byte = match escaped(&path.as_bytes()[at + 1..]) {
            None | Some(0) => return Err(BadPath::Escape),
            Some(byte) => byte,
        };
        let escape = &path[at..at + 3];
        if is_unreserved(byte) {
            decoded.push_str(&path[done..at]);
            decoded.push(char::from(byte));
        } else if escape.bytes().any(|digit| digit.is_ascii_lowercase()) {
            decoded.push_str(&path[done..at]);
            decoded.push_str(&escape.to_ascii_uppercase());
        } else {
            continue;
        }
        done = at + 3;
    }
    if done == 0 {
        return Ok(Cow::Borrowed(path));
    }
    decoded.push_str(&path[done..]);
    Ok(Cow::Owned(decoded))
}

/// RFC 3986, 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// RFC 3986, 5.2.4, but for `..` above the root. `None` when there is nothing to resolve.
fn resolve_dots(path: &str) -> Result<Option<String>, BadPath> {
    let segments = || path.split('/').skip(1);
    if segments().any(hides_dots) {
        return Err(BadPath::HiddenDots);
    }
    if !segments().any(is_dots) {
        return Ok(None);
    }
    let mut kept = Vec::new();
    for segment in segments() {
        match segment {
            "." => {}
            ".." => drop(kept.pop().ok_or(BadPath::AboveRoot)?),
            segment => kept.push(segment),
        }
    }
    // `/a/..` is the directory, not a file of it.
    if segments().last().is_some_and(is_dots) {
        kept.push("");
    }
    Ok(Some(format!("/{}", kept.join("/"))))
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

/// Whether a segment has dots between what some servers take for the end of a segment.
fn hides_dots(segment: &str) -> bool {
    let mut pieces = segment
        .split(';')
        .flat_map(|piece| piece.split("%2F"))
        .flat_map(|piece| piece.split("%3B"))
        .flat_map(|piece| piece.split("%5C"));
    !is_dots(segment) && pieces.any(is_dots)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_clean_path_stays_as_it_is() {
        for clean in [
            "/",
            "/a/b",
            "/index.html",
            "/.well-known/x",
            "/a//b/",
            "/group%2Fproject",
            "/a%20b%C3%A9",
            "/...",
            "/a;v=1.2/b",
            "*",
            "",
        ] {
            assert_eq!(normal(clean), Ok(Cow::Borrowed(clean)));
            assert!(matches!(normal(clean), Ok(Cow::Borrowed(_))), "{clean}");
        }
    }

    #[test]
    fn dot_segments_are_resolved_however_they_are_written() {
        for (sent, meant) in [
            ("/static/../admin", "/admin"),
            ("/static/%2e%2e/admin", "/admin"),
            ("/static/.%2E/admin", "/admin"),
            ("/a/./b", "/a/b"),
            ("/a/b/..", "/a/"),
            ("/a/b/.", "/a/b/"),
            ("/a/..", "/"),
            ("/a//../b", "/a/b"),
            ("/.//a", "//a"),
        ] {
            assert_eq!(normal(sent).as_deref(), Ok(meant), "{sent}");
        }
    }

    #[test]
    fn only_unreserved_characters_are_decoded_and_only_once() {
        assert_eq!(normal("/%61%2Fb%7e").as_deref(), Ok("/a%2Fb~"));
        assert_eq!(normal("/%2561").as_deref(), Ok("/%2561"));
    }

    #[test]
    fn the_digits_of_escapes_have_one_spelling() {
        for spelling in ["/caf%c3%a9%2F", "/caf%C3%a9%2f", "/caf%C3%A9%2F"] {
            assert_eq!(normal(spelling).as_deref(), Ok("/caf%C3%A9%2F"));
        }
        assert_eq!(configured("/café%2f"), "/caf%C3%A9%2F");
    }

    #[test]
    fn a_target_beyond_ascii_is_refused() {
        for target in ["/café", "/?q=café"] {
            assert_eq!(path(&target.parse().unwrap()), Err(BadPath::Foreign));
        }
    }

    #[test]
    fn what_servers_disagree_about_is_refused() {
        for (sent, why) in [
            ("/..", BadPath::AboveRoot),
            ("/a/../../b", BadPath::AboveRoot),
            ("/%2e%2e/b", BadPath::AboveRoot),
            ("/100%", BadPath::Escape),
            ("/%zz", BadPath::Escape),
            ("/%+1", BadPath::Escape),
            ("/a%00", BadPath::Escape),
            ("/a\\..\\b", BadPath::Backslash),
            ("/a/..%2Fb", BadPath::HiddenDots),
            ("/a%5c..%5Cb", BadPath::HiddenDots),
            ("/a/..;/b", BadPath::HiddenDots),
            ("/a/..%3b/b", BadPath::HiddenDots),
            ("/a;..%2fb", BadPath::HiddenDots),
        ] {
            assert_eq!(normal(sent), Err(why), "{sent}");
        }
    }

    #[test]
    fn the_rest_of_the_uri_is_kept() {
        let uri: Uri = "http://a.example:81/x/../y?q=/../z".parse().unwrap();
        let uri = path(&uri).unwrap().unwrap();
        assert_eq!(uri, "http://a.example:81/y?q=/../z");
    }

    proptest! {
        #[test]
        fn a_normal_path_is_normal(path in "(/|\\.|%2[eEfF5]|%61|;|a|%5c){0,12}") {
            let path = format!("/{path}");
            if let Ok(once) = normal(&path) {
                prop_assert_eq!(normal(&once), Ok(Cow::Borrowed(&*once)));
                prop_assert!(!once.split('/').any(is_dots));
            }
        }
    }
}

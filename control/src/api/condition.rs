//! Optimistic concurrency: what a client believes of a table when it writes (RFC 9110, 13.1).

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{IF_MATCH, IF_NONE_MATCH},
};

use super::failure::Failure;
use crate::registry::Precondition;

/// What must hold before a table is written; nothing, if the client did not say.
///
/// # Errors
/// When the condition can't be understood: to write without it would be worse.
pub fn of_write(headers: &HeaderMap) -> Result<Option<Precondition>, Failure> {
    let refuse = |what: &str| Err(Failure::new(StatusCode::BAD_REQUEST, what));
    match (list(headers, &IF_MATCH)?, list(headers, &IF_NONE_MATCH)?) {
        (None, None) => Ok(None),
        (Some(Tags::Any), None) => Ok(Some(Precondition::Present)),
        (Some(Tags::These(tags)), None) => Ok(Some(Precondition::AnyOf(tags))),
        (None, Some(Tags::Any)) => Ok(Some(Precondition::Absent)),
        (None, Some(Tags::These(_))) => refuse("`if-none-match` of a write can only be `*`"),
        (Some(_), Some(_)) => refuse("`if-match` and `if-none-match` exclude each other"),
    }
}

/// Whether a client has already got what has this etag.
///
/// # Errors
/// When its condition can't be understood.
pub fn has_read(headers: &HeaderMap, etag: &str) -> Result<bool, Failure> {
    Ok(match list(headers, &IF_NONE_MATCH)? {
        None => false,
        Some(Tags::Any) => true,
        Some(Tags::These(tags)) => tags.iter().any(|tag| tag == etag),
    })
}

/// As a header's value.
pub fn quoted(etag: &str) -> HeaderValue {
    // Versions are hexadecimal; what could not be a header never comes here.
    HeaderValue::from_str(&format!("\"{etag}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

enum Tags {
    Any,
    These(Vec<String>),
}

/// Ours hold no comma, so that a list may be cut at each. A weak tag equals none (RFC 9110, 8.8.3.2).
fn list(headers: &HeaderMap, name: &HeaderName) -> Result<Option<Tags>, Failure> {
    let unclear = || {
        let what = format!("`{name}` is `*`, or entity tags in double quotes");
        Failure::new(StatusCode::BAD_REQUEST, what)
    };
    if !headers.contains_key(name) {
        return Ok(None);
    }
    let mut tags = Vec::new();
    for value in headers.get_all(name) {
        for tag in value.to_str().map_err(|_| unclear())?.split(',') {
            let tag = tag.trim();
            if tag == "*" && headers.get_all(name).iter().count() == 1 && value == "*" {
                return Ok(Some(Tags::Any));
            }
            let opaque = tag.strip_prefix("W/").unwrap_or(tag);
            let inner = opaque
                .strip_prefix('"')
                .and_then(|tag| tag.strip_suffix('"'))
                .filter(|tag| !tag.contains('"'))
                .ok_or_else(unclear)?;
            if opaque == tag {
                tags.push(inner.to_owned());
            }
        }
    }
    Ok(Some(Tags::These(tags)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(headers: &[(HeaderName, &str)]) -> Result<Option<Precondition>, u16> {
        let headers = headers.iter().cloned();
        let headers = headers.map(|(name, value)| (name, value.parse().unwrap()));
        of_write(&headers.collect()).map_err(|failure| failure.status().as_u16())
    }

    #[test]
    fn conditions_are_read_as_http_means_them() {
        let any_of = |tags: &[&str]| {
            let tags = tags.iter().map(|&tag| tag.to_owned()).collect();
            Ok(Some(Precondition::AnyOf(tags)))
        };
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[(IF_MATCH, "*")]), Ok(Some(Precondition::Present)));
        assert_eq!(of(&[(IF_NONE_MATCH, "*")]), Ok(Some(Precondition::Absent)));
        assert_eq!(of(&[(IF_MATCH, "\"a\"")]), any_of(&["a"]));
        assert_eq!(of(&[(IF_MATCH, "\"a\" , \"b\"")]), any_of(&["a", "b"]));
        assert_eq!(of(&[(IF_MATCH, "W/\"a\"")]), any_of(&[]));
    }

    #[test]
    fn a_condition_that_is_not_understood_is_not_ignored() {
        for value in ["a", "\"a", "\"a\"b\"", "*, \"a\"", "", "\"a\",", "W/a"] {
            assert_eq!(of(&[(IF_MATCH, value)]), Err(400), "{value}");
        }
        assert_eq!(of(&[(IF_NONE_MATCH, "\"a\"")]), Err(400));
        assert_eq!(of(&[(IF_MATCH, "*"), (IF_NONE_MATCH, "*")]), Err(400));
    }
}

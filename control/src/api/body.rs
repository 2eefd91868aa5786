//! The text of a table as it comes in: bounded, and of a kind that can be one.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use tokio::time::timeout;

use super::failure::Failure;

/// In bytes. A table of 10,000 endpoints has half a MiB.
const LARGEST: usize = 4 << 20;

/// For the whole body.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What a table may be sent as. Nothing said is fine too: `curl -T` says nothing.
const KINDS: &[&str] = &[
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "application/json",
    "application/octet-stream",
];

/// Reads it.
///
/// # Errors
/// When it is no text of a table, or too large, or does not end.
pub async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    check_kind(headers)?;
    match timeout(TIMEOUT, to_bytes(body, LARGEST)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length(&error) => Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("a table has at most {} MiB", LARGEST >> 20),
        )
        .hint("several tables may share what one can't hold")),
        Ok(Err(_)) => Err(Failure::new(StatusCode::BAD_REQUEST, "the body breaks off")),
        Err(_) => Err(Failure::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not end within {} s", TIMEOUT.as_secs()),
        )),
    }
}

fn is_length(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn check_kind(headers: &HeaderMap) -> Result<(), Failure> {
    let refuse = |what: &str| {
        let failure = Failure::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("{what} is not taken"),
        );
        Err(failure.hint("send YAML or JSON, in UTF-8, as `content-type: application/yaml`"))
    };
    if headers.contains_key(CONTENT_ENCODING) {
        return refuse("an encoded body");
    }
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let kind = match (kinds.next(), kinds.next()) {
        (None, _) => return Ok(()),
        (Some(kind), None) => kind.to_str().unwrap_or_default().to_ascii_lowercase(),
        (Some(_), Some(_)) => return refuse("more than one `content-type`"),
    };
    let (kind, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
    let parameters = parameters.replace([' ', '"'], "");
    match parameters.as_str() {
        _ if !KINDS.contains(&kind.trim()) => refuse(&format!("`{}`", kind.escape_debug())),
        "" | "charset=utf-8" | "charset=us-ascii" => Ok(()),
        other => refuse(&format!("`{}`", other.escape_debug())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_a_table_is_taken() {
        for (kind, good) in [
            ("application/yaml", true),
            ("text/plain; charset=UTF-8", true),
            ("application/json;charset=\"utf-8\"", true),
            ("text/plain; charset=utf-16", false),
            ("text/html", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=a", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(check_kind(&headers).is_ok(), good, "{kind}");
        }
        assert!(check_kind(&HeaderMap::new()).is_ok());
    }

    #[test]
    fn an_encoded_or_twice_named_body_is_not_taken() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        assert!(check_kind(&headers).is_err());
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_TYPE, "text/yaml".parse().unwrap());
        headers.append(CONTENT_TYPE, "text/yaml".parse().unwrap());
        assert!(check_kind(&headers).is_err());
    }

    #[tokio::test]
    async fn a_body_has_an_end_and_a_limit() {
        let empty = HeaderMap::new();
        let read = |body: Vec<u8>| super::read(&empty, Body::from(body));
        assert_eq!(read(vec![b'a'; LARGEST]).await.unwrap().len(), LARGEST);
        let failure = read(vec![b'a'; LARGEST + 1]).await.unwrap_err();
        assert_eq!(failure.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}

//! Bodies as they come in: bounded, and of a kind that is asked for.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE},
};
use tokio::time::timeout;

use super::failure::Failure;

/// For the whole body.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Reads a body of one of `kinds`, of at most `largest` bytes. That nothing is said of its kind is fine: `curl -T` says
/// nothing.
///
/// # Errors
/// When it is of another kind, or too large, or does not end.
pub async fn read(
    headers: &HeaderMap,
    body: Body,
    kinds: &[&str],
    largest: usize,
) -> Result<Bytes, Failure> {
    check_kind(headers, kinds)?;
    match timeout(TIMEOUT, to_bytes(body, largest)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_length(&error) => Err(Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body has more than {} MiB", largest >> 20),
        )
        .hint("what one table can't hold may be shared out among several")),
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

fn check_kind(headers: &HeaderMap, kinds: &[&str]) -> Result<(), Failure> {
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
    let mut said = headers.get_all(CONTENT_TYPE).iter();
    let kind = match (said.next(), said.next()) {
        (None, _) => return Ok(()),
        (Some(kind), None) => kind.to_str().unwrap_or_default().to_ascii_lowercase(),
        (Some(_), Some(_)) => return refuse("more than one `content-type`"),
    };
    let (kind, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
    let parameters = parameters.replace([' ', '"'], "");
    match parameters.as_str() {
        _ if !kinds.contains(&kind.trim()) => refuse(&format!("`{}`", kind.escape_debug())),
        "" | "charset=utf-8" | "charset=us-ascii" => Ok(()),
        other => refuse(&format!("`{}`", other.escape_debug())),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KINDS: &[&str] = &["application/yaml", "text/plain"];

    #[test]
    fn only_what_can_be_a_table_is_taken() {
        for (kind, good) in [
            ("application/yaml", true),
            ("text/plain; charset=UTF-8", true),
            ("application/yaml;charset=\"utf-8\"", true),
            ("application/json", false),
            ("text/plain; charset=utf-16", false),
            ("text/html", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=a", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, kind.parse().unwrap());
            assert_eq!(check_kind(&headers, KINDS).is_ok(), good, "{kind}");
        }
        assert!(check_kind(&HeaderMap::new(), KINDS).is_ok());
    }

    #[test]
    fn an_encoded_or_twice_named_body_is_not_taken() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_ENCODING, "gzip".parse().unwrap());
        assert!(check_kind(&headers, KINDS).is_err());
        let mut headers = HeaderMap::new();
        headers.append(CONTENT_TYPE, "text/yaml".parse().unwrap());
        headers.append(CONTENT_TYPE, "text/yaml".parse().unwrap());
        assert!(check_kind(&headers, KINDS).is_err());
    }

    #[tokio::test]
    async fn a_body_has_an_end_and_a_limit() {
        let empty = HeaderMap::new();
        let read = |length| super::read(&empty, Body::from(vec![b'a'; length]), KINDS, 100);
        assert_eq!(read(100).await.unwrap().len(), 100);
        let failure = read(101).await.unwrap_err();
        assert_eq!(failure.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
}

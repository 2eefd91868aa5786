//! A request as it is typed on a command line, as for curl.

use http::{HeaderName, HeaderValue, Method, Request, Uri, header::HOST, request::Parts};
use thiserror::Error;

/// A request that is not sent but asked about.
#[derive(Debug)]
pub struct Question {
    /// In origin form, with a `Host`.
    pub head: Parts,
    /// The port that the URL names.
    pub port: Option<u16>,
}

/// What is wrong with a question.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum BadQuestion {
    /// The method.
    #[error("`{0}` is no method")]
    Method(String),
    /// The URL.
    #[error("`{0}` is no URL")]
    Url(String),
    /// A header.
    #[error("`{0}` is no header; it wants the form `name: value`")]
    Header(String),
}

impl Question {
    /// `url` may go without a scheme, or without a host (`/v23/items`). A `Host` among the headers (`name: value`) is
    /// used in place of the URL's.
    ///
    /// # Errors
    /// When one of them is malformed.
    pub fn new(method: &str, url: &str, headers: &[String]) -> Result<Self, BadQuestion> {
        let bad_url = || BadQuestion::Url(url.to_owned());
        let whole = match url.starts_with('/') || url.contains("://") {
            true => url.to_owned(),
            false => format!("http://{url}"),
        };
        let uri: Uri = whole.parse().map_err(|_| bad_url())?;

        let (mut head, ()) = Request::new(()).into_parts();
        head.method = Method::from_bytes(method.as_bytes())
            .map_err(|_| BadQuestion::Method(method.to_owned()))?;
        for line in headers {
            let (name, value) = header(line).ok_or_else(|| BadQuestion::Header(line.clone()))?;
            head.headers.append(name, value);
        }
        if let Some(authority) = uri.authority().filter(|_| !head.headers.contains_key(HOST)) {
            let host = HeaderValue::from_str(authority.as_str()).map_err(|_| bad_url())?;
            head.headers.insert(HOST, host);
        }
        let port = uri.port_u16();
        let target = uri.into_parts().path_and_query.ok_or_else(bad_url)?;
        head.uri = target.into();
        Ok(Self { head, port })
    }
}

fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    Some((name.trim().parse().ok()?, value.trim().parse().ok()?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gives_the_path_the_host_and_the_port() {
        for url in ["http://a.example:81/x?y", "a.example:81/x?y"] {
            let question = Question::new("GET", url, &[]).unwrap();
            assert_eq!(question.head.uri, "/x?y");
            assert_eq!(question.head.headers[HOST], "a.example:81");
            assert_eq!(question.port, Some(81));
        }
    }

    #[test]
    fn a_host_header_is_used_in_place_of_the_urls() {
        let headers = ["Host: b.example".to_owned()];
        let question = Question::new("GET", "http://127.0.0.1:81/", &headers).unwrap();
        assert_eq!(question.head.headers.get_all(HOST).iter().count(), 1);
        assert_eq!(question.head.headers[HOST], "b.example");
        assert_eq!(question.port, Some(81));
    }

    #[test]
    fn what_is_malformed_is_named() {
        let ask = |method, url, header: &str| {
            Question::new(method, url, &[header.to_owned()])
                .unwrap_err()
                .to_string()
        };
        assert_eq!(ask("G T", "/", "a: b"), "`G T` is no method");
        assert_eq!(ask("GET", "a b", "a: b"), "`a b` is no URL");
        assert_eq!(
            ask("GET", "/", "a"),
            "`a` is no header; it wants the form `name: value`"
        );
    }
}

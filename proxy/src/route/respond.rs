//! A response that the proxy itself gives.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use outrigger_config::model;

/// A response, compiled so that giving it copies nothing.
#[derive(Clone, Debug)]
pub struct Respond {
    status: StatusCode,
    content_type: HeaderValue,
    body: Bytes,
}

impl Respond {
    /// A status that has no content (204, 205, 304) loses its body.
    pub fn new(respond: &model::Respond) -> Self {
        let empty = matches!(respond.status.as_u16(), 204 | 205 | 304);
        let body = if empty { "" } else { &respond.body };
        Self {
            status: respond.status,
            content_type: respond.content_type.clone(),
            body: body.to_owned().into(),
        }
    }

    /// The response. Its body is whole also for HEAD, so that the server can tell its length.
    pub fn response<B: From<Bytes>>(&self) -> http::Response<B> {
        let mut response = http::Response::new(self.body.clone().into());
        *response.status_mut() = self.status;
        if !self.body.is_empty() {
            response
                .headers_mut()
                .insert(CONTENT_TYPE, self.content_type.clone());
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: StatusCode) -> http::Response<Bytes> {
        let respond = model::Respond {
            status,
            body: "closed".to_owned(),
            content_type: HeaderValue::from_static("text/plain"),
        };
        Respond::new(&respond).response()
    }

    #[test]
    fn a_response_has_its_status_type_and_body() {
        let response = response(StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers()[CONTENT_TYPE], "text/plain");
        assert_eq!(response.body(), "closed");
    }

    #[test]
    fn a_status_without_content_has_no_body() {
        let response = response(StatusCode::NO_CONTENT);
        assert!(response.body().is_empty() && response.headers().is_empty());
    }
}

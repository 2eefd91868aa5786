//! How a client wants its answer: JSON, or plain text for people.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::{HeaderMap, header::ACCEPT, request::Parts};

/// What `Accept` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Unless text is asked for: most clients are programs, and `curl` says `*/*`.
    Json,
    /// `Accept: text/plain`.
    Text,
}

impl Form {
    /// The first form of ours that `Accept` lists. Weights are not read: nobody weighs two.
    pub fn of(headers: &HeaderMap) -> Self {
        let listed = headers.get_all(ACCEPT).iter();
        let mut kinds = listed
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let first = kinds.find(|kind| matches!(*kind, "application/json" | "text/plain" | "*/*"));
        match first {
            Some("text/plain") => Self::Text,
            _ => Self::Json,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Form {
    type Rejection = Infallible;

    async fn from_request_parts(head: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&head.headers))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_of_ours_is_taken() {
        for (accept, form) in [
            ("text/plain", Form::Text),
            ("text/plain; charset=utf-8, application/json", Form::Text),
            ("text/html, text/plain;q=0.5", Form::Text),
            ("application/json, text/plain", Form::Json),
            ("*/*", Form::Json),
            ("image/png", Form::Json),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(Form::of(&headers), form, "{accept}");
        }
        assert_eq!(Form::of(&HeaderMap::new()), Form::Json);
    }
}

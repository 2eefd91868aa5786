//! What goes wrong with a request, and the only place where that becomes a response.
//!
//! A failure travels as an extension of its response until [`in_form`], the outermost layer, writes it as the client
//! asked for it: JSON, or plain text as the commands print it.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Request,
        rejection::{PathRejection, QueryRejection},
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderName, HeaderValue, StatusCode, header};
use outrigger_config::Problems;
use outrigger_entrance::{self as entrance, Stranger};
use serde_json::json;

use super::{condition, form::Form, mistake};
use crate::registry::Refusal;

/// A request that was not done.
#[derive(Clone, Debug)]
pub struct Failure {
    status: StatusCode,
    message: String,
    hint: Option<String>,
    problems: Vec<Problems>,
    told: Option<Told>,
}

/// What a header tells besides.
#[derive(Clone, Debug)]
enum Told {
    /// `ETag`: what there is now.
    Etag(Arc<str>),
    /// `Allow`: it can be read.
    ReadOnly,
    /// `WWW-Authenticate`: a token will do (RFC 6750, 3).
    Bearer,
}

impl Told {
    fn header(&self) -> (HeaderName, HeaderValue) {
        match self {
            Self::Etag(etag) => (header::ETAG, condition::quoted(etag)),
            Self::Bearer => (header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Self::ReadOnly => (header::ALLOW, HeaderValue::from_static("GET,HEAD")),
        }
    }
}

impl Failure {
    /// With a message in our lower case.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            hint: None,
            problems: Vec::new(),
            told: None,
        }
    }

    /// What to do about it.
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    #[cfg(test)]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    fn text(&self) -> String {
        if !self.problems.is_empty() {
            return mistake::text(&self.problems) + "\n";
        }
        let hint = self.hint.as_ref().map(|hint| format!("hint: {hint}\n"));
        format!("error: {}\n{}", self.message, hint.unwrap_or_default())
    }

    fn json(&self) -> serde_json::Value {
        let mut shown = json!({ "error": self.message });
        if let Some(hint) = &self.hint {
            shown["hint"] = json!(hint);
        }
        if !self.problems.is_empty() {
            shown["problems"] = mistake::list(&self.problems);
            shown["text"] = mistake::text(&self.problems).into();
        }
        shown
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let status = match &refusal {
            Refusal::Name(_) => StatusCode::BAD_REQUEST,
            Refusal::NoTable(_) | Refusal::NoVersion(_) => StatusCode::NOT_FOUND,
            Refusal::Changed(..) => StatusCode::PRECONDITION_FAILED,
            Refusal::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::ReadOnly(_) => StatusCode::METHOD_NOT_ALLOWED,
            Refusal::Failed(..) => StatusCode::INTERNAL_SERVER_ERROR,
            Refusal::Stopped => StatusCode::SERVICE_UNAVAILABLE,
        };
        match refusal {
            Refusal::Invalid(problems) => Self {
                problems,
                ..Self::new(status, "the tables would be wrong")
            },
            Refusal::Changed(_, ref etag) => Self {
                told: etag.clone().map(Told::Etag),
                ..Self::new(status, refusal.to_string())
                    .hint("read it again, and write what it should say now")
            },
            Refusal::ReadOnly(_) => Self {
                told: Some(Told::ReadOnly),
                ..Self::new(status, refusal.to_string())
            },
            Refusal::NoTable(_) => {
                Self::new(status, refusal.to_string()).hint("`GET /tables` lists them")
            }
            Refusal::NoVersion(_) => Self::new(status, refusal.to_string()).hint(
                "`outrigger-control versions`, or `GET /versions`, lists those that are remembered",
            ),
            other => Self::new(status, other.to_string()),
        }
    }
}

impl From<Stranger> for Failure {
    fn from(stranger: Stranger) -> Self {
        let failure = Self::new(stranger.status(), stranger.to_string());
        match stranger {
            Stranger::Another(_) => {
                failure.hint("call it by its address, or start it with `--allow-host NAME`")
            }
            Stranger::Unclear | Stranger::Foreign => failure,
        }
    }
}

impl From<entrance::Refusal> for Failure {
    fn from(refusal: entrance::Refusal) -> Self {
        let status = refusal.status();
        Self {
            told: (status == StatusCode::UNAUTHORIZED).then_some(Told::Bearer),
            ..Self::new(status, refusal.to_string())
        }
    }
}

/// A part of a path that is no text, such as `%ff`.
impl From<PathRejection> for Failure {
    fn from(rejection: PathRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

/// A query with words that mean nothing here.
impl From<QueryRejection> for Failure {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, rejection.body_text())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the failure that a response carries, if it does.
pub async fn in_form(form: Form, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let Some(failure) = response.extensions_mut().remove::<Failure>() else {
        return response;
    };
    let written = match form {
        Form::Text => failure.text().into_response(),
        Form::Json => Json(failure.json()).into_response(),
    };
    if let Some((name, value)) = failure.told.as_ref().map(Told::header) {
        response.headers_mut().insert(name, value);
    }
    let (written, body) = written.into_parts();
    response.headers_mut().extend(written.headers);
    *response.body_mut() = body;
    response
}

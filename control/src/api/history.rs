//! `/versions`, `/diff`, `/rollback`: what was, what changed, and back.

use std::time::SystemTime;

use axum::{
    Json,
    extract::{
        ConnectInfo, Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, failure::Failure, form::Form, mistake, tables::told, who};
use crate::{access::Visitor, history::Version};

/// `GET /versions`.
pub async fn list(State(context): State<Context>) -> Json<Value> {
    Json(context.registry.history().iter().map(version).collect())
}

fn version(version: &Version) -> Value {
    let mut shown = json!(version);
    shown["since"] = time(version.since).into();
    shown
}

/// As RFC 3339, in UTC.
pub fn time(at: SystemTime) -> String {
    humantime::format_rfc3339_millis(at).to_string()
}

/// `GET /versions/VERSION`.
///
/// # Errors
/// When it is not remembered.
pub async fn show(
    State(context): State<Context>,
    wanted: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Failure> {
    let Path(wanted) = wanted?;
    let (found, texts) = context.registry.version(&wanted)?;
    let mut shown = version(&found);
    shown["tables"] = json!(texts);
    Ok(Json(shown))
}

/// What follows `/diff?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Between {
    from: String,
    to: Option<String>,
}

/// `GET /diff?from=&to=`.
///
/// # Errors
/// When one of them is not remembered.
pub async fn diff(
    State(context): State<Context>,
    between: Result<Query<Between>, QueryRejection>,
    form: Form,
) -> Result<Response, Failure> {
    let Query(Between { from, to }) = between?;
    let to = to.filter(|to| !to.is_empty());
    let comparison = context.registry.diff(&from, to.as_deref())?;
    Ok(match form {
        Form::Json => Json(comparison.differences()).into_response(),
        Form::Text => comparison.unified().into_response(),
    })
}

/// What follows `/rollback?`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Back {
    to: String,
    #[serde(default)]
    dry_run: bool,
}

/// `POST /rollback?to=VERSION`.
///
/// # Errors
/// Why not; nothing has changed then.
pub async fn rollback(
    State(context): State<Context>,
    peer: ConnectInfo<Visitor>,
    back: Result<Query<Back>, QueryRejection>,
    form: Form,
) -> Result<Response, Failure> {
    let Query(Back { to, dry_run }) = back?;
    let registry = &context.registry;
    let before = registry.feed().borrow().version.clone();
    let outcome = registry.rollback(&to, &who(&peer), dry_run).await?;
    Ok(match form {
        Form::Json => Json(told(&outcome, dry_run)).into_response(),
        Form::Text if outcome.problems.is_empty() => {
            let comparison = registry.diff(&before, Some(&to))?;
            comparison.unified().into_response()
        }
        Form::Text => (mistake::text(&outcome.problems) + "\n").into_response(),
    })
}

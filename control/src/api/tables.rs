//! `/tables`: what there is, and changes of it.

use std::sync::Arc;

use axum::{
    Json,
    body::Body,
    extract::{
        ConnectInfo, Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Context, body, condition, failure::Failure, form::Form, mistake, who};
use crate::{
    access::Visitor,
    history::Comparison,
    registry::{Listed, Outcome, Refusal},
    source::Name,
};

const YAML: &str = "application/yaml; charset=utf-8";

/// What a text may be sent as; JSON is YAML too.
const KINDS: &[&str] = &[
    "application/yaml",
    "application/x-yaml",
    "text/yaml",
    "text/x-yaml",
    "text/plain",
    "application/json",
    "application/octet-stream",
];

/// Of a text, in bytes. A table of 10,000 endpoints has half a MiB.
const LARGEST: usize = 4 << 20;

/// What follows the `?` of a change.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Only tell what it would do.
    pub dry_run: bool,
}

/// `GET /tables`.
pub async fn list(State(context): State<Context>) -> Json<Value> {
    Json(context.registry.tables().iter().map(listed).collect())
}

fn listed(table: &Listed) -> Value {
    let mut shown = json!(table);
    shown["since"] = super::history::time(table.since).into();
    if let Some(problems) = &table.problems {
        shown["problems"] = mistake::list(std::slice::from_ref(&**problems));
    }
    shown
}

/// `GET /tables/NAME`.
///
/// # Errors
/// When there is none.
pub async fn show(
    State(context): State<Context>,
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let Path(name) = name?;
    let table = context.registry.table(&name)?;
    let tag = [(header::ETAG, condition::quoted(&table.etag))];
    if condition::has_read(&headers, &table.etag)? {
        return Ok((StatusCode::NOT_MODIFIED, tag).into_response());
    }
    Ok((tag, [(header::CONTENT_TYPE, YAML)], table.text).into_response())
}

/// `PUT /tables/NAME`.
///
/// # Errors
/// Why not; nothing has changed then.
pub async fn put(
    State(context): State<Context>,
    peer: ConnectInfo<Visitor>,
    name: Result<Path<String>, PathRejection>,
    change: Result<Query<Change>, QueryRejection>,
    form: Form,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let (Path(name), Query(change)) = (name?, change?);
    // Before a body of MiB is read for nothing.
    let name = Name::new(&name).map_err(Refusal::from)?;
    let expected = condition::of_write(&headers)?;
    let text = body::read(&headers, body, KINDS, LARGEST).await?;
    let before = context.registry.table(name.as_str()).ok();
    let outcome = context
        .registry
        .put(
            name.as_str(),
            text.clone(),
            expected,
            &who(&peer),
            change.dry_run,
        )
        .await?;
    let texts = [before.map(|before| before.text), Some(text)];
    Ok(answer(&name, &outcome, texts, &change, form))
}

/// `DELETE /tables/NAME`.
///
/// # Errors
/// Why not; nothing has changed then.
pub async fn delete(
    State(context): State<Context>,
    peer: ConnectInfo<Visitor>,
    name: Result<Path<String>, PathRejection>,
    change: Result<Query<Change>, QueryRejection>,
    form: Form,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    let (Path(name), Query(change)) = (name?, change?);
    let name = Name::new(&name).map_err(Refusal::from)?;
    let expected = condition::of_write(&headers)?;
    let before = context.registry.table(name.as_str()).ok();
    let outcome = context
        .registry
        .delete(name.as_str(), expected, &who(&peer), change.dry_run)
        .await?;
    let texts = [before.map(|before| before.text), None];
    Ok(answer(&name, &outcome, texts, &change, form))
}

fn answer(
    name: &Name,
    outcome: &Outcome,
    texts: [Option<Bytes>; 2],
    change: &Change,
    form: Form,
) -> Response {
    let status = match outcome.created && !change.dry_run {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    };
    let etag = outcome.etag.as_ref().filter(|_| !change.dry_run);
    let etag = etag.map(|etag| [(header::ETAG, condition::quoted(etag))]);
    match form {
        Form::Json => {
            let mut shown = told(outcome, change.dry_run);
            shown["table"] = json!(name);
            (status, etag, Json(shown)).into_response()
        }
        Form::Text if outcome.problems.is_empty() => {
            (status, etag, unified(name, texts)).into_response()
        }
        Form::Text => (status, etag, mistake::text(&outcome.problems) + "\n").into_response(),
    }
}

/// What a change did, or would do.
pub fn told(outcome: &Outcome, dry_run: bool) -> Value {
    let mut shown = json!({
        "version": outcome.version,
        "etag": outcome.etag,
        "created": outcome.created,
        "dry_run": dry_run,
        "differences": outcome.differences,
    });
    if dry_run {
        shown["problems"] = mistake::list(&outcome.problems);
    }
    if !outcome.problems.is_empty() {
        shown["text"] = mistake::text(&outcome.problems).into();
    }
    shown
}

fn unified(name: &Name, [before, after]: [Option<Bytes>; 2]) -> String {
    let texts = |text: Option<Bytes>| {
        let text = text.map(|text| Arc::from(String::from_utf8_lossy(&text)));
        text.map(|text| (name.clone(), text)).into_iter().collect()
    };
    let comparison = Comparison {
        before: texts(before),
        after: texts(after),
    };
    comparison.unified()
}

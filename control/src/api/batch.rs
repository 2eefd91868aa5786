//! `POST /tables`: several changes at once, all of them or none. What is only right together comes together, and is one
//! version of history.

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Body,
    extract::{ConnectInfo, Query, State, rejection::QueryRejection},
};
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Context, body,
    failure::Failure,
    tables::{Change, told},
    who,
};
use crate::{
    access::Visitor,
    registry::{Edit, Precondition, Refusal},
    source::Name,
};

/// In bytes: some tables of the largest kind.
const LARGEST: usize = 16 << 20;

/// The changes.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Batch {
    /// By the tables' names.
    pub tables: BTreeMap<String, Written>,
}

/// A change of one table.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// What it will say; `None`: it goes.
    pub text: Option<String>,
    /// What it is taken for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
}

/// What a table is taken for: nothing changes if it is not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// There is none.
    Absent,
    /// There is one.
    Present,
    /// It has this etag.
    Etag(String),
}

impl From<Expected> for Precondition {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Absent => Self::Absent,
            Expected::Present => Self::Present,
            Expected::Etag(etag) => Self::AnyOf(vec![etag]),
        }
    }
}

/// `POST /tables`.
///
/// # Errors
/// Why not; nothing has changed then.
pub async fn post(
    State(context): State<Context>,
    peer: ConnectInfo<Visitor>,
    change: Result<Query<Change>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Value>, Failure> {
    let Query(change) = change?;
    let bytes = body::read(&headers, body, &["application/json"], LARGEST).await?;
    let batch: Batch = serde_json::from_slice(&bytes).map_err(|error| {
        let unread = format!("the body is not understood: {error}");
        Failure::new(StatusCode::BAD_REQUEST, unread)
    })?;
    let edit = |(name, written): (String, Written)| {
        Ok(Edit {
            name: Name::new(&name)?,
            text: written.text.map(Into::into),
            expected: written.expected.map(Into::into),
        })
    };
    let edits: Result<Vec<Edit>, Refusal> = batch.tables.into_iter().map(edit).collect();
    let registry = &context.registry;
    let outcome = registry.edit(edits?, &who(&peer), change.dry_run).await?;
    Ok(Json(told(&outcome, change.dry_run)))
}

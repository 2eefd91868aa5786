//! What is different between two sets of tables, part by part.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

/// One difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// The table that it is in.
    pub table: Arc<str>,
    /// What is different.
    pub kind: Kind,
    /// Its name within the table: `web`, `edge/shop-v2`, `web/127.0.0.1:9001`.
    pub name: String,
    /// In which way.
    pub change: Change,
    /// As it was; not there if added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// As it is; not there if removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// A part of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Which proxies the table is for.
    Proxies,
    /// A listener, but for its routes.
    Listener,
    /// A route of a listener.
    Route,
    /// A cluster, but for its endpoints.
    Cluster,
    /// An endpoint of a cluster.
    Endpoint,
}

/// In which way a part is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is there, and was not.
    Added,
    /// It was there, and is not.
    Removed,
    /// It says something else.
    Changed,
}

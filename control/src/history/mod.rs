//! Every version of the tables: when, by whom, and what changed.

mod comparison;
mod difference;

use std::{sync::Arc, time::SystemTime};

use serde::Serialize;

pub use comparison::{Comparison, Texts};
pub use difference::{Change, Difference, Kind};

/// A version of the tables.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    /// Counts all versions, from 1: the same content may come back.
    pub serial: u64,
    /// Of the content.
    pub version: Arc<str>,
    /// When it came in force.
    #[serde(skip)]
    pub since: SystemTime,
    /// Who brought it: `file`, `api by 127.0.0.1:40312`, `rollback to 0123456789abcdef by ...`.
    pub source: Arc<str>,
    /// What changed, in a few words: `cluster web changed, 2 endpoints added`.
    pub summary: Arc<str>,
}

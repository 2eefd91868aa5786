//! The one registry: what sources and the API say becomes one set of tables, checked as a whole, versioned by content.
//!
//! One task owns the source and all that may change ([`keeper`]); this handle asks it, and reads what it publishes.

mod labels;
mod refusal;
mod table;
mod tables;

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use outrigger_config::Problems;
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    history::{Comparison, Difference, Version},
    source::Name,
};

pub use labels::Labels;
pub use refusal::{Precondition, Refusal};
pub use table::{Part, Table};
pub use tables::{Scope, Tables};

/// Tells of each new set of tables. What changes nothing for a proxy, such as a comment, is not told.
pub type Feed = watch::Receiver<Arc<Tables>>;

/// A handle; a clone is the same registry.
#[derive(Clone, Debug)]
pub struct Registry {
    feed: Feed,
    shelf: watch::Receiver<Arc<[Listed]>>,
}

/// What a change did, or would do.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Of the tables, after it.
    pub version: Arc<str>,
    /// Of the table's text, after it; `None`: it is gone.
    pub etag: Option<Arc<str>>,
    /// Whether there was no such table before.
    pub created: bool,
    /// What it means for the tables in force.
    pub differences: Vec<Difference>,
    /// Why it would be refused; only of a dry run.
    pub problems: Vec<Problems>,
}

/// A table as the source has it now, whether or not it is in force.
#[derive(Clone, Debug, Serialize)]
pub struct Listed {
    /// Its name.
    pub name: Name,
    /// Of its content in force; `None`: nothing of it is.
    pub version: Option<Arc<str>>,
    /// Of the text.
    pub etag: Arc<str>,
    /// Where it is: `tables/shop.yaml`.
    pub place: String,
    /// Which proxies it is for.
    pub proxies: Option<outrigger_config::model::Selector>,
    /// When its text was last another.
    #[serde(skip)]
    pub since: SystemTime,
    /// What is wrong with its text, so that the last right one stays in force.
    #[serde(skip)]
    pub problems: Option<Arc<Problems>>,
    /// The text.
    #[serde(skip)]
    pub text: Bytes,
}

impl Registry {
    /// The tables in force, and those to come.
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// What the source has, by name.
    pub fn tables(&self) -> Arc<[Listed]> {
        Arc::clone(&self.shelf.borrow())
    }

    /// Puts a table through the source in force; or, as a dry run, says what that would do. `by` is who asks.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    #[allow(clippy::unused_async, unused_variables, clippy::needless_pass_by_value)]
    pub async fn put(
        &self,
        name: &str,
        text: Bytes,
        expected: Option<Precondition>,
        by: &str,
        dry_run: bool,
    ) -> Result<Outcome, Refusal> {
        Err(Refusal::Stopped)
    }

    /// Takes a table away, through the source.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    #[allow(clippy::unused_async, unused_variables, clippy::needless_pass_by_value)]
    pub async fn delete(
        &self,
        name: &str,
        expected: Option<Precondition>,
        by: &str,
        dry_run: bool,
    ) -> Result<Outcome, Refusal> {
        Err(Refusal::Stopped)
    }

    /// The versions that are remembered, the newest first.
    pub fn history(&self) -> Vec<Version> {
        Vec::new()
    }

    /// What lies between two versions. `None`, of the latter: the one in force.
    ///
    /// # Errors
    /// When a version is not remembered.
    #[allow(unused_variables)]
    pub fn diff(&self, from: &str, to: Option<&str>) -> Result<Comparison, Refusal> {
        Err(Refusal::Stopped)
    }

    /// Puts the tables of an old version back, through the source.
    ///
    /// # Errors
    /// Why not; nothing has changed then.
    #[allow(clippy::unused_async, unused_variables)]
    pub async fn rollback(&self, to: &str, by: &str, dry_run: bool) -> Result<Outcome, Refusal> {
        Err(Refusal::Stopped)
    }
}

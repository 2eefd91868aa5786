//! Why a change of the tables is not made.

use std::{io, sync::Arc};

use outrigger_config::Problems;

use crate::source::{BadName, Name, WriteError};

/// Why a change of the tables is not made; nothing has changed then.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There can be no table of this name.
    #[error("{0}")]
    Name(#[from] BadName),
    /// There is no such table.
    #[error("there is no table `{0}`")]
    NoTable(String),
    /// It is not remembered, or never was.
    #[error("there is no version `{0}` in the history")]
    NoVersion(String),
    /// The table is not what the one who asks takes it for. Holds the etag of what there is.
    #[error("the table `{0}` has changed since it was read")]
    Changed(Name, Option<Arc<str>>),
    /// It, or the tables together, would be wrong.
    #[error("{}", texts(.0))]
    Invalid(Vec<Problems>),
    /// The source can't be written; and what to do instead.
    #[error("{0}")]
    ReadOnly(String),
    /// The source failed.
    #[error("{0}: {1}")]
    Failed(String, io::Error),
    /// The control plane ends.
    #[error("the control plane is stopping")]
    Stopped,
}

impl From<WriteError> for Refusal {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::ReadOnly(hint) => Self::ReadOnly(hint),
            WriteError::Failed(place, error) => Self::Failed(place, error),
        }
    }
}

fn texts(problems: &[Problems]) -> String {
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    texts.join("\n\n")
}

/// What must hold of a table before it is changed (RFC 9110, 13.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// There is none: `If-None-Match: *`.
    Absent,
    /// There is one, whatever it says: `If-Match: *`.
    Present,
    /// Its etag is one of these: `If-Match: "..."`.
    AnyOf(Vec<String>),
}

impl Precondition {
    /// Whether it holds of a table with this etag, or of none.
    pub fn holds(&self, etag: Option<&str>) -> bool {
        match (self, etag) {
            (Self::Absent, etag) => etag.is_none(),
            (Self::Present, etag) => etag.is_some(),
            (Self::AnyOf(_), None) => false,
            (Self::AnyOf(etags), Some(etag)) => etags.iter().any(|known| known == etag),
        }
    }
}

//! Two versions of the tables, side by side.

use std::{collections::BTreeMap, sync::Arc};

use super::Difference;
use crate::source::Name;

/// The texts of tables, by name.
pub type Texts = BTreeMap<Name, Arc<str>>;

/// Two versions of the tables.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The one.
    pub before: Texts,
    /// The other.
    pub after: Texts,
}

impl Comparison {
    /// Part by part.
    pub fn differences(&self) -> Vec<Difference> {
        Vec::new()
    }

    /// As text in the unified form, a file a table.
    pub fn unified(&self) -> String {
        String::new()
    }
}

//! The other place of a problem that has two.

use std::{ops::Range, sync::Arc};

use serde::Serialize;

use super::{line_and_column, line_starts};

/// Another place that belongs to the story.
#[derive(Clone, Debug)]
pub(super) struct Also {
    pub(super) span: Range<usize>,
    /// Its part in the story.
    pub(super) label: String,
    /// `None`: it is in the same file.
    pub(super) elsewhere: Option<Source>,
}

/// A file with its text.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) file: Arc<str>,
    pub(crate) text: Arc<str>,
}

/// A place in another file, as JSON.
#[derive(Serialize)]
pub(super) struct Elsewhere<'a> {
    file: &'a str,
    line: usize,
    column: usize,
    label: &'a str,
}

impl Also {
    /// The place, if it is in another file: there it can't be seen beside the other.
    pub(super) fn elsewhere(&self) -> Option<Elsewhere<'_>> {
        let source = self.elsewhere.as_ref()?;
        let lines = line_starts(&source.text);
        let (line, column) = line_and_column(&source.text, &lines, self.span.start);
        Some(Elsewhere {
            file: &source.file,
            line,
            column,
            label: &self.label,
        })
    }
}

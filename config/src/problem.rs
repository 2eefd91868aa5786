//! A mistake in a file, as a person is to see it: where, what, why, and what to do.
//!
//! Messages are in lower case with literals in backticks; the cause stands under the marked text, the hint apart.

mod also;
mod render;
mod secret;

use std::{fmt, ops::Range, sync::Arc};

use serde::{Serialize, Serializer, ser::SerializeStruct};

use also::Also;
pub(crate) use also::Source;

/// What is wrong with a value, wherever it stands.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    message: String,
    cause: Option<String>,
    hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            cause: None,
            hint: None,
        }
    }

    /// Why, in words that stand under the marked text.
    pub(crate) fn cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// One mistake in a file.
#[derive(Clone, Debug)]
pub struct Problem {
    fault: Fault,
    path: Vec<Step>,
    /// In bytes of the file; `None` when the whole file is meant.
    span: Option<Range<usize>>,
    also: Option<Also>,
    line: usize,
    column: usize,
}

impl Problem {
    /// Of a value in the file.
    pub(crate) fn at(span: &Range<usize>, path: Vec<Step>, fault: Fault) -> Self {
        Self {
            span: Some(span.clone()),
            path,
            ..Self::whole_file(fault)
        }
    }

    /// Of the whole file.
    pub(crate) fn whole_file(fault: Fault) -> Self {
        Self {
            fault,
            path: Vec::new(),
            span: None,
            also: None,
            line: 0,
            column: 0,
        }
    }

    pub(crate) fn under(self, path: Vec<Step>) -> Self {
        Self { path, ..self }
    }

    /// Shows another place too.
    pub(crate) fn also(mut self, span: &Range<usize>, label: impl Into<String>) -> Self {
        self.also = Some(Also {
            span: span.clone(),
            label: label.into(),
            elsewhere: None,
        });
        self
    }

    /// Shows a place in another file too.
    pub(crate) fn also_in(
        mut self,
        source: Source,
        span: &Range<usize>,
        label: impl Into<String>,
    ) -> Self {
        self.also = Some(Also {
            span: span.clone(),
            label: label.into(),
            elsewhere: Some(source),
        });
        self
    }

    /// Which value is meant, as `listeners[0].routes[2].clusters`; empty for the whole file.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            step.append_to(&mut path);
        }
        path
    }

    /// From 1; 0 when the whole file is meant.
    pub fn line(&self) -> usize {
        self.line
    }

    /// In characters from 1; 0 when the whole file is meant.
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.fault.message
    }

    /// Why, if the message alone does not say.
    pub fn cause(&self) -> Option<&str> {
        self.fault.cause.as_deref()
    }

    /// What to do about it, if that can be guessed.
    pub fn hint(&self) -> Option<&str> {
        self.fault.hint.as_deref()
    }
}

impl Serialize for Problem {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let elsewhere = self.also.as_ref().and_then(Also::elsewhere);
        let fields = 6 + usize::from(elsewhere.is_some());
        let mut problem = serializer.serialize_struct("Problem", fields)?;
        problem.serialize_field("path", &self.path())?;
        problem.serialize_field("line", &self.line)?;
        problem.serialize_field("column", &self.column)?;
        problem.serialize_field("message", self.message())?;
        problem.serialize_field("cause", &self.cause())?;
        problem.serialize_field("hint", &self.hint())?;
        if let Some(elsewhere) = elsewhere {
            problem.serialize_field("also", &elsewhere)?;
        }
        problem.end()
    }
}

/// One step of the way from the top of a file to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl Step {
    fn append_to(&self, path: &mut String) {
        match self {
            Self::Index(index) => path.push_str(&format!("[{index}]")),
            Self::Key(key) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
                if key.is_empty() || !key.chars().all(plain) {
                    path.push_str(&format!("[\"{}\"]", key.escape_debug()));
                } else {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
            }
        }
    }
}

/// Everything that is wrong with a file, in the order of the file. Never empty.
#[derive(Clone, Debug)]
pub struct Problems {
    file: Arc<str>,
    text: Arc<str>,
    list: Vec<Problem>,
}

impl Problems {
    /// `text` is that of the file, for the snippets.
    pub(crate) fn new(file: &str, text: &str, mut list: Vec<Problem>) -> Self {
        list.sort_by_key(|problem| problem.span.as_ref().map(|span| span.start));
        let lines = line_starts(text);
        for problem in &mut list {
            if let Some(span) = &problem.span {
                (problem.line, problem.column) = line_and_column(text, &lines, span.start);
            }
        }
        Self {
            file: file.into(),
            text: secret::hidden(text).into(),
            list,
        }
    }

    /// The file, as it was named.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Each problem, in the order of the file.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// With colours, for a terminal. [`fmt::Display`] is the same without.
    pub fn coloured(&self) -> String {
        render::all(self, render::Style::Coloured)
    }
}

impl<'a> IntoIterator for &'a Problems {
    type Item = &'a Problem;
    type IntoIter = std::slice::Iter<'a, Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&render::all(self, render::Style::Plain))
    }
}

impl std::error::Error for Problems {}

/// Of a byte of `text`, both from 1.
fn line_and_column(text: &str, line_starts: &[usize], at: usize) -> (usize, usize) {
    let line = line_starts.partition_point(|&start| start <= at);
    let start = line_starts[line - 1];
    (line, text[start..at].chars().count() + 1)
}

/// Where each line begins, in bytes; the first at 0.
fn line_starts(text: &str) -> Vec<usize> {
    let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
    [0].into_iter().chain(breaks).collect()
}

/// A text of the file within a message: in backticks, on one line, not endless, and unable to steer a terminal.
pub(crate) fn quote(text: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = text.chars().take(LONGEST).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    let shown: String = shown
        .chars()
        .map(|c| match c {
            c if c.is_control() => c.escape_default().to_string(),
            c => c.to_string(),
        })
        .collect();
    format!("`{shown}`")
}

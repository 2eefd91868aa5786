//! A control plane's file: a part of the tables, and the proxies that it is for.
//!
//! Same keys as a proxy's file, except that `proxies` says which proxies it is for, `listeners` may be left out, and
//! what belongs to each process is refused. Routes may name clusters of other documents: references are not linked, and
//! what is wrong between documents comes out of [`check`] when they are together.

mod clash;
mod place;

use std::sync::Arc;

use serde_json::Value;

use crate::{
    Problems, file,
    model::{Cluster, Listener, Selector},
    reader::{Reader, Reference},
    utf8, yaml,
};

pub use clash::{Clash, check, problems};

/// What one text says.
#[derive(Clone, Debug)]
pub struct Document {
    /// What messages call it.
    pub file: Arc<str>,
    /// As it was read, but for a byte order mark.
    pub text: Arc<str>,
    /// Which proxies it is for.
    pub proxies: Selector,
    /// In file order.
    pub listeners: Vec<Arc<Listener>>,
    /// In file order.
    pub clusters: Vec<Arc<Cluster>>,
    /// The clusters that its routes and breakers name, each once.
    references: Vec<Reference>,
}

/// Reads a document from YAML or JSON. `file` is what messages call the text. Takes any text without panic, as
/// [`parse`](crate::parse) does.
///
/// # Errors
/// Everything that is wrong with `text` by itself, at once.
pub fn parse(file: &str, text: &str) -> Result<Document, Problems> {
    // Some editors begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut problems = Vec::new();
    let mut parts = None;
    let mut references = Vec::new();
    if let Some(root) = yaml::parse(text, &mut problems) {
        let mut reader = Reader::of_fragment();
        parts = file::document().read(&root, &mut reader);
        references = reader.references();
        problems.extend(reader.into_problems());
    }
    match parts {
        Some(parts) if problems.is_empty() => Ok(Document {
            references,
            file: file.into(),
            text: text.into(),
            proxies: parts.proxies,
            listeners: parts.listeners.into_iter().map(Arc::new).collect(),
            clusters: parts.clusters.into_iter().map(Arc::new).collect(),
        }),
        _ => Err(Problems::new(file, text, problems)),
    }
}

/// The same from bytes.
///
/// # Errors
/// As [`parse`], and when they are not text.
pub fn read(file: &str, bytes: &[u8]) -> Result<Document, Problems> {
    parse(file, utf8(file, bytes)?)
}

/// What to say of a document whose text can't be had.
pub fn unreadable(file: &str, cause: &str) -> Problems {
    crate::unreadable(file, cause)
}

/// The format of a document as JSON Schema (2020-12). `table.schema.json` beside this crate is a copy.
pub fn schema() -> Value {
    let mut schema = file::document().schema();
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "Outrigger table of a control plane".into();
    schema["description"] =
        "What `outrigger-control --config FILE_OR_DIR` gives to proxies.".into();
    schema
}

//! Text to a tree of nodes that know their place.
//!
//! Events instead of a ready-made tree or serde: every mistake is to be shown where it stands, a repeated key with
//! both of its places, and reading goes on after one. JSON is YAML, so it is read by the same code.

mod anchor;
mod tree;

use std::ops::Range;

use saphyr_parser::Parser;

use crate::problem::{Problem, quote};
use tree::Tree;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// In bytes of the text.
    pub(crate) span: Range<usize>,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// `plain` is unquoted: only then may it be a number, a truth or nothing.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// A key of a mapping with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Range<usize>,
    pub(crate) value: Node,
}

impl Entry {
    /// The key as a value, to be read like one.
    pub(crate) fn key_node(&self) -> Node {
        Node {
            span: self.key_span.clone(),
            content: Content::Scalar {
                text: self.key.clone(),
                plain: false,
            },
        }
    }
}

impl Node {
    /// The entry of `key`, if this is a mapping that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key == key)
    }

    /// The value of `key`, if this is a mapping that has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    pub(crate) fn is_mapping(&self) -> bool {
        matches!(self.content, Content::Mapping(_))
    }

    /// The entries, if this is a mapping.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.content {
            Content::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The items, if this is a list.
    pub(crate) fn items(&self) -> &[Node] {
        match &self.content {
            Content::List(items) => items,
            _ => &[],
        }
    }

    /// The text, if this is a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// What YAML's core schema calls null.
    pub(crate) fn is_nothing(&self) -> bool {
        match &self.content {
            Content::Scalar { text, plain } => {
                *plain && matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL")
            }
            _ => false,
        }
    }

    /// What YAML's core schema calls a number or a truth, unless quoted.
    pub(crate) fn is_number_or_truth(&self) -> bool {
        match &self.content {
            Content::Scalar { text, plain: true } => {
                let numeric = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
                let based = text.starts_with("0x") || text.starts_with("0o");
                matches!(text.to_ascii_lowercase().as_str(), "true" | "false")
                    || (numeric && (based || text.parse::<f64>().is_ok()))
            }
            _ => false,
        }
    }

    /// As a message calls it.
    pub(crate) fn found(&self) -> String {
        match &self.content {
            _ if self.is_nothing() => "nothing".to_owned(),
            Content::Scalar { text, plain: true } => quote(text),
            Content::Scalar { text, plain: false } => format!("the quoted text {}", quote(text)),
            Content::List(_) => "a list".to_owned(),
            Content::Mapping(_) => "a mapping".to_owned(),
        }
    }
}

/// The one document of `text`. `None` when there is none; whatever is wrong is in `problems`.
pub(crate) fn parse(text: &str, problems: &mut Vec<Problem>) -> Option<Node> {
    let mut tree = Tree::new(text, problems);
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => tree.take(event, span)?,
            Err(error) => {
                tree.refuse_syntax(&error);
                return None;
            }
        }
    }
    tree.finish()
}

#[cfg(test)]
mod tests;

//! Where in a document something is said.
//!
//! Only messages want to know, and few documents are wrong: the text is read again instead of keeping a tree of places.

use std::{net::SocketAddr, ops::Range};

use super::Document;
use crate::{
    problem::{Source, Step},
    yaml::{self, Node},
};

/// Something that a document says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Item<'a> {
    Cluster(&'a str),
    Listener(&'a str),
    Address(SocketAddr),
}

/// Where it says so.
pub(super) struct Place {
    pub(super) path: Vec<Step>,
    pub(super) span: Range<usize>,
}

impl Document {
    pub(super) fn source(&self) -> Source {
        Source {
            file: self.file.clone(),
            text: self.text.clone(),
        }
    }

    /// Where it says `item`, if it does.
    pub(super) fn place(&self, item: &Item<'_>) -> Option<Place> {
        let root = yaml::parse(&self.text, &mut Vec::new())?;
        let listeners = root.get("listeners").map(Node::items).unwrap_or_default();
        let says =
            |node: &Node, key: &str, text: &str| node.get(key).and_then(Node::text) == Some(text);
        match item {
            Item::Cluster(name) => {
                let entry = root.get("clusters")?.entry(name)?;
                Some(Place {
                    path: vec!["clusters".into(), (*name).into()],
                    span: entry.key_span.clone(),
                })
            }
            // One without a name has its address for it.
            Item::Listener(name) => {
                let named = place(listeners, "name", |node| says(node, "name", name));
                named.or_else(|| {
                    place(listeners, "address", |node| {
                        node.get("name").is_none() && says(node, "address", name)
                    })
                })
            }
            Item::Address(address) => place(listeners, "address", |node| {
                let text = node.get("address").and_then(Node::text);
                text.and_then(|text| text.parse().ok()) == Some(*address)
            }),
        }
    }

    /// Where it names a cluster, if it does.
    pub(super) fn reference(&self, name: &str) -> Option<Place> {
        let named = self.references.iter().find(|it| &*it.name == name)?;
        Some(Place {
            path: named.path.clone(),
            span: named.span.clone(),
        })
    }
}

/// The value of `key` in the one of `listeners` that is meant.
fn place(listeners: &[Node], key: &str, meant: impl Fn(&Node) -> bool) -> Option<Place> {
    let index = listeners.iter().position(meant)?;
    Some(Place {
        path: vec!["listeners".into(), index.into(), key.into()],
        span: listeners[index].get(key)?.span.clone(),
    })
}

//! Anchors and aliases, bounded: ten lines of them can stand for billions of nodes.

use std::collections::HashMap;

use super::{Content, Node};

/// What all anchors and aliases of a file together may hold, in nodes: some megabytes.
const MAX_COPIED: usize = 100_000;

/// The nodes that aliases may name.
#[derive(Default)]
pub(super) struct Anchors {
    kept: HashMap<usize, Node>,
    copied: usize,
}

impl Anchors {
    pub(super) fn keep(&mut self, anchor: usize, node: &Node) {
        self.copied += extent(node).0;
        if self.copied <= MAX_COPIED {
            self.kept.insert(anchor, node.clone());
        }
    }

    /// A copy of what `anchor` stands for, if it is at most `room` levels deep.
    pub(super) fn resolve(&mut self, anchor: usize, room: usize) -> Result<Node, String> {
        let known = self.kept.get(&anchor);
        let (nodes, depth) = known.map_or((0, 0), extent);
        self.copied += nodes;
        match known {
            _ if self.copied > MAX_COPIED => Err(format!(
                "the aliases of the file stand for more than {MAX_COPIED} values"
            )),
            None => Err("an alias within its own anchor has no end".to_owned()),
            Some(_) if depth > room => Err("the aliases nest too deep".to_owned()),
            Some(node) => Ok(node.clone()),
        }
    }
}

/// How many nodes, and how many levels of lists and mappings.
fn extent(node: &Node) -> (usize, usize) {
    let children: Vec<&Node> = match &node.content {
        Content::Scalar { .. } => return (1, 0),
        Content::List(items) => items.iter().collect(),
        Content::Mapping(entries) => entries.iter().map(|entry| &entry.value).collect(),
    };
    let (nodes, depth) = children
        .into_iter()
        .map(extent)
        .fold((0, 0), |(nodes, depth), (n, d)| (nodes + n, depth.max(d)));
    (nodes + 1, depth + 1)
}

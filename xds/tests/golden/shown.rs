//! A message as people read it: prost's `Debug`, without what is empty or zero, and with the messages inside of messages.

use std::fmt::Debug;

use outrigger_xds::pb::{
    envoy::extensions::{
        filters::{
            http::router::v3::Router, network::http_connection_manager::v3::HttpConnectionManager,
        },
        load_balancing_policies::{
            least_request::v3::LeastRequest, maglev::v3::Maglev, random::v3::Random,
            ring_hash::v3::RingHash, round_robin::v3::RoundRobin,
        },
        retry::host::previous_hosts::v3::PreviousHostsPredicate,
        upstreams::http::v3::HttpProtocolOptions,
    },
    google::protobuf::Any,
};
use prost::{Message, Name};

pub(crate) fn shown(message: &impl Debug) -> String {
    let text = format!("{message:?}");
    let mut lines = Vec::new();
    let tree = Reader { rest: &text }.tree();
    if let Some(tree) = tree.kept() {
        tree.write(0, "", &mut lines);
    }
    lines.join("\n")
}

/// What `Debug` writes of a message.
enum Tree {
    Leaf(String),
    /// With names, or without.
    Branch(Vec<(String, Tree)>),
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn tree(&mut self) -> Tree {
        self.rest = self.rest.trim_start();
        let head = self.until(|c| "{[(,)]}\"".contains(c)).trim();
        let tree = match self.rest.chars().next() {
            Some('"') => Tree::Leaf(format!("{head}{}", self.string())),
            Some('{') => self.members('}'),
            Some('[') => self.members(']'),
            Some('(') => self.only(head),
            _ => Tree::Leaf(head.to_owned()),
        };
        match head {
            "Any" => unpacked(&tree).unwrap_or(tree),
            "Struct" | "ListValue" | "Value" => tree.flat(),
            _ => tree,
        }
    }

    /// What a tuple holds: the variant's name is worth something, `Some` is not.
    fn only(&mut self, head: &str) -> Tree {
        let inner = self.members(')');
        let Tree::Branch(mut members) = inner else {
            return inner;
        };
        match (head, members.pop()) {
            // What is given counts even if it is empty: a time of 0, say.
            ("Some", Some((_, tree))) => tree.kept().unwrap_or(Tree::Leaf("{}".to_owned())),
            // Of a `Struct`.
            (head, Some((_, tree))) if head.ends_with("Value") => tree,
            (head, Some((_, tree))) => Tree::Branch(vec![(head.to_owned(), tree)]),
            (head, None) => Tree::Leaf(head.to_owned()),
        }
    }

    fn members(&mut self, end: char) -> Tree {
        self.skip(1);
        let mut members = Vec::new();
        loop {
            self.rest = self.rest.trim_start_matches([' ', ',']);
            if self.rest.is_empty() || self.rest.starts_with(end) {
                self.skip(1);
                return Tree::Branch(members);
            }
            let name = self.name();
            members.push((name, self.tree()));
        }
    }

    /// `name: `, if there is one.
    fn name(&mut self) -> String {
        let rest = self.rest;
        let name = match rest.starts_with('"') {
            true => self.string(),
            false => self
                .until(|c| !(c.is_alphanumeric() || "_#".contains(c)))
                .to_owned(),
        };
        if self.rest.starts_with(": ") {
            self.skip(2);
            return name;
        }
        self.rest = rest;
        String::new()
    }

    fn string(&mut self) -> String {
        let mut escaped = false;
        let inner = &self.rest[1..];
        let end = inner.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        let string = self.rest[..end.unwrap_or(inner.len()) + 2].to_owned();
        self.skip(string.len());
        string
    }

    fn until(&mut self, stop: impl Fn(char) -> bool) -> &'a str {
        let (before, after) = self
            .rest
            .split_at(self.rest.find(stop).unwrap_or(self.rest.len()));
        self.rest = after;
        before
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }
}

impl Tree {
    /// What it holds, if that is one thing.
    fn flat(self) -> Self {
        match self {
            Self::Branch(mut members) if members.len() == 1 => match members.pop() {
                Some((_, only)) => only,
                None => Self::Branch(members),
            },
            other => other,
        }
    }

    /// Without what is empty.
    fn kept(self) -> Option<Self> {
        match self {
            Self::Leaf(text) if ["", "None", "0", "false", "\"\""].contains(&&*text) => None,
            Self::Leaf(text) => Some(Self::Leaf(text)),
            Self::Branch(members) => {
                let kept = members
                    .into_iter()
                    .filter_map(|(name, tree)| Some((name, tree.kept()?)));
                let mut kept: Vec<_> = kept.collect();
                // Maps come in any order.
                if kept.iter().all(|(name, _)| name.starts_with('"')) {
                    kept.sort_by(|one, other| one.0.cmp(&other.0));
                }
                (!kept.is_empty()).then_some(Self::Branch(kept))
            }
        }
    }

    fn write(&self, depth: usize, name: &str, lines: &mut Vec<String>) {
        let indent = "  ".repeat(depth);
        let label = if name.is_empty() { "-" } else { name };
        match self {
            Self::Leaf(text) if name.is_empty() => lines.push(format!("{indent}- {text}")),
            Self::Leaf(text) => lines.push(format!("{indent}{label}: {text}")),
            Self::Branch(members) => {
                if depth > 0 || !name.is_empty() {
                    lines.push(format!(
                        "{indent}{}",
                        if name.is_empty() { "-" } else { label }
                    ));
                }
                let inner = if lines.is_empty() { depth } else { depth + 1 };
                members
                    .iter()
                    .for_each(|(name, tree)| tree.write(inner, name, lines));
            }
        }
    }
}

/// The message in an `Any`, if it is one of those that we send.
fn unpacked(any: &Tree) -> Option<Tree> {
    let Tree::Branch(members) = any else {
        return None;
    };
    let [(_, Tree::Leaf(url)), (_, Tree::Branch(bytes))] = &members[..] else {
        return None;
    };
    let bytes: Option<Vec<u8>> = bytes
        .iter()
        .map(|(_, byte)| match byte {
            Tree::Leaf(byte) => byte.parse().ok(),
            Tree::Branch(_) => None,
        })
        .collect();
    let any = Any {
        type_url: url.trim_matches('"').to_owned(),
        value: bytes?,
    };
    let shown = [
        debug::<HttpConnectionManager>,
        debug::<HttpProtocolOptions>,
        debug::<LeastRequest>,
        debug::<Maglev>,
        debug::<PreviousHostsPredicate>,
        debug::<Random>,
        debug::<RingHash>,
        debug::<RoundRobin>,
        debug::<Router>,
    ];
    let text = shown.iter().find_map(|debug| debug(&any))?;
    let name = any
        .type_url
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_owned();
    let tree = Reader { rest: &text }.tree().kept();
    Some(match tree {
        Some(tree) => Tree::Branch(vec![(name, tree)]),
        None => Tree::Leaf(name),
    })
}

fn debug<M: Message + Name + Default + Debug>(any: &Any) -> Option<String> {
    let message = (any.type_url == M::type_url()).then(|| M::decode(&*any.value))?;
    Some(format!("{:?}", message.ok()?))
}

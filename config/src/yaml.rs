//! Text to a tree of nodes that know their place.
//!
//! Events instead of a ready-made tree or serde: every mistake is to be shown where it stands, a repeated key with
//! both of its places, and reading goes on after one. JSON is YAML, so it is read by the same code.

mod anchor;

use std::{collections::HashMap, mem, ops::Range};

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use crate::problem::{Fault, Problem, Step, quote};
use anchor::Anchors;

/// Deeper than any table (9), far shallower than the stack.
const MAX_DEPTH: usize = 64;

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
    let mut tree = Tree {
        offsets: Offsets::new(text),
        open: Vec::new(),
        anchors: Anchors::default(),
        root: None,
        problems,
    };
    let mut documents = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = match event {
            Ok(event) => event,
            Err(error) => {
                tree.refuse_syntax(text, &error);
                return None;
            }
        };
        let span = tree.offsets.range(span);
        if let Event::DocumentStart(_) = event {
            documents += 1;
            if documents == 2 {
                let fault = Fault::new("the file holds more than one document");
                tree.refuse(&span, fault.hint("keep one; `---` begins another"));
                return tree.root;
            }
        }
        tree.take(event, span)?;
    }
    let root = tree.root.filter(|root| !root.is_nothing());
    if root.is_none() {
        problems.push(Problem::whole_file(Fault::new("the file is empty").hint(
            "the least is a listener, a cluster, and a route from one to the other",
        )));
    }
    root
}

/// The tree while events come in.
struct Tree<'a> {
    offsets: Offsets,
    open: Vec<Open>,
    anchors: Anchors,
    root: Option<Node>,
    problems: &'a mut Vec<Problem>,
}

/// A list or mapping whose end has not come yet.
struct Open {
    start: usize,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Node>),
    Mapping(Keys),
}

/// A mapping half-way.
#[derive(Default)]
struct Keys {
    entries: Vec<Entry>,
    seen: HashMap<String, Range<usize>>,
    pending: Pending,
}

/// What the next node of a mapping is.
#[derive(Default)]
enum Pending {
    #[default]
    Key,
    ValueOf(String, Range<usize>),
    ValueOfRefusedKey,
}

impl Tree<'_> {
    /// `None`: the rest of the file can't be made sense of.
    fn take(&mut self, event: Event<'_>, span: Range<usize>) -> Option<()> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &span);
                let plain = style == ScalarStyle::Plain;
                let text = text.into_owned();
                self.close(anchor, span, Content::Scalar { text, plain });
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &span);
                self.begin(anchor, &span, OpenKind::List(Vec::new()))?;
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_tag(tag.as_deref(), &span);
                self.begin(anchor, &span, OpenKind::Mapping(Keys::default()))?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Open {
                    start,
                    anchor,
                    kind,
                } = self.open.pop()?;
                let content = match kind {
                    OpenKind::List(items) => Content::List(items),
                    OpenKind::Mapping(keys) => Content::Mapping(keys.entries),
                };
                self.close(anchor, start..span.end.max(start), content);
            }
            Event::Alias(anchor) => {
                let room = MAX_DEPTH.saturating_sub(self.open.len());
                match self.anchors.resolve(anchor, room) {
                    Ok(node) => self.place(node),
                    Err(message) => {
                        self.refuse(&span, Fault::new(message));
                        return None;
                    }
                }
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {}
        }
        Some(())
    }

    fn begin(&mut self, anchor: usize, span: &Range<usize>, kind: OpenKind) -> Option<()> {
        if self.open.len() == MAX_DEPTH {
            let fault = Fault::new(format!("nested deeper than {MAX_DEPTH} levels"));
            self.refuse(span, fault);
            return None;
        }
        let start = span.start;
        self.open.push(Open {
            start,
            anchor,
            kind,
        });
        Some(())
    }

    fn close(&mut self, anchor: usize, span: Range<usize>, content: Content) {
        let node = Node { span, content };
        if anchor != 0 {
            self.anchors.keep(anchor, &node);
        }
        self.place(node);
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node) {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return;
        };
        let keys = match &mut open.kind {
            OpenKind::List(items) => return items.push(node),
            OpenKind::Mapping(keys) => keys,
        };
        match mem::take(&mut keys.pending) {
            Pending::ValueOf(key, key_span) => keys.entries.push(Entry {
                key,
                key_span,
                value: node,
            }),
            Pending::ValueOfRefusedKey => {}
            Pending::Key => {
                if let Some(problem) = keys.take(node) {
                    keys.pending = Pending::ValueOfRefusedKey;
                    let problem = problem.under(self.path());
                    self.problems.push(problem);
                }
            }
        }
    }

    fn refuse_tag(&mut self, tag: Option<&saphyr_parser::Tag>, span: &Range<usize>) {
        if let Some(tag) = tag {
            let fault = Fault::new(format!(
                "the tag {} means nothing here",
                quote(&tag.to_string())
            ));
            let hint = "leave it out; what shall be text and looks like a number may be quoted";
            self.refuse(span, fault.hint(hint));
        }
    }

    fn refuse(&mut self, span: &Range<usize>, fault: Fault) {
        let problem = Problem::at(span, self.path(), fault);
        self.problems.push(problem);
    }

    fn refuse_syntax(&mut self, text: &str, error: &ScanError) {
        let at = self.offsets.byte(error.marker().index());
        let line = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let indent = text[line..].split(|c: char| !c.is_whitespace()).next();
        let fault = Fault::new("this is not YAML").cause(error.info());
        let fault = match indent {
            Some(indent) if indent.contains('\t') => {
                fault.hint("indent with spaces: YAML allows no tabs there")
            }
            _ if error.info().contains("quoted scalar") => {
                fault.hint("is a closing quote missing?")
            }
            _ => fault,
        };
        self.problems
            .push(Problem::at(&(at..at), Vec::new(), fault));
    }

    fn path(&self) -> Vec<Step> {
        let steps = self.open.iter().filter_map(|open| match &open.kind {
            OpenKind::List(items) => Some(Step::Index(items.len())),
            OpenKind::Mapping(keys) => match &keys.pending {
                Pending::ValueOf(key, _) => Some(Step::Key(key.clone())),
                Pending::Key | Pending::ValueOfRefusedKey => None,
            },
        });
        steps.collect()
    }
}

impl Keys {
    /// Makes `node` the key that waits for its value; or says why not.
    fn take(&mut self, node: Node) -> Option<Problem> {
        let span = node.span;
        let refuse = |fault: Fault| Some(Problem::at(&span, Vec::new(), fault));
        let Content::Scalar { text: key, .. } = node.content else {
            let fault = Fault::new("a key is a list or a mapping");
            return refuse(fault.hint("keys are plain words"));
        };
        if key == "<<" {
            let fault = Fault::new("merge keys (`<<`) are not supported");
            let hint =
                "write the keys out, or share a whole value by anchor (`&x`) and alias (`*x`)";
            return refuse(fault.hint(hint));
        }
        if let Some(first) = self.seen.get(&key) {
            let fault = Fault::new(format!("the key {} is given twice", quote(&key)));
            let problem = refuse(fault.cause("again here"))?;
            return Some(problem.also(first, "first here"));
        }
        self.seen.insert(key.clone(), span.clone());
        self.pending = Pending::ValueOf(key, span);
        None
    }
}

/// Characters, as the parser counts, to bytes.
struct Offsets(Vec<usize>);

impl Offsets {
    fn new(text: &str) -> Self {
        let starts = text.char_indices().map(|(byte, _)| byte);
        Self(starts.chain([text.len()]).collect())
    }

    fn byte(&self, character: usize) -> usize {
        let end = self.0.last().copied().unwrap_or(0);
        self.0.get(character).copied().unwrap_or(end)
    }

    fn range(&self, span: saphyr_parser::Span) -> Range<usize> {
        let start = self.byte(span.start.index());
        start..self.byte(span.end.index()).max(start)
    }
}

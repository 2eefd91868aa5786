//! A tree while its events come in.

use std::{collections::HashMap, mem, ops::Range};

use saphyr_parser::{Event, ScalarStyle, ScanError, Tag};

use super::{Content, Entry, Node, anchor::Anchors};
use crate::problem::{Fault, Problem, Step, quote};

/// Deeper than any table (9), far shallower than the stack.
const MAX_DEPTH: usize = 64;

/// The tree so far.
pub(super) struct Tree<'a> {
    text: &'a str,
    offsets: Offsets,
    open: Vec<Open>,
    anchors: Anchors,
    root: Option<Node>,
    /// The first document is over: what follows has been refused as a whole.
    over: bool,
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

impl<'a> Tree<'a> {
    pub(super) fn new(text: &'a str, problems: &'a mut Vec<Problem>) -> Self {
        Self {
            text,
            offsets: Offsets::new(text),
            open: Vec::new(),
            anchors: Anchors::default(),
            root: None,
            over: false,
            problems,
        }
    }

    /// The whole tree, once all events have come.
    pub(super) fn finish(self) -> Option<Node> {
        let root = self.root.filter(|root| !root.is_nothing());
        if root.is_none() {
            let fault = Fault::new("the file is empty");
            let hint = "the least is a listener, a cluster, and a route from one to the other";
            self.problems.push(Problem::whole_file(fault.hint(hint)));
        }
        root
    }

    /// `None`: the rest of the file can't be made sense of.
    pub(super) fn take(&mut self, event: Event<'_>, span: saphyr_parser::Span) -> Option<()> {
        let span = self.offsets.range(span);
        match event {
            _ if self.over => {}
            Event::DocumentStart(_) if self.root.is_some() => {
                let fault = Fault::new("the file holds more than one document");
                self.refuse(&span, fault.hint("keep one; `---` begins another"));
                self.over = true;
            }
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

    fn refuse_tag(&mut self, tag: Option<&Tag>, span: &Range<usize>) {
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

    pub(super) fn refuse_syntax(&mut self, error: &ScanError) {
        let at = self.offsets.byte(error.marker().index());
        let line = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let indent = self.text[line..].split(|c: char| !c.is_whitespace()).next();
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

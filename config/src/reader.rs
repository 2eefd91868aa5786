//! The way through a tree of nodes: which value is being read, what was wrong so far, which clusters there are.

use std::{collections::HashMap, hash::Hash, ops::Range, sync::Arc};

use crate::{
    model::ClusterRef,
    problem::{Fault, Problem, Step, quote},
    yaml::{Content, Node},
};

/// Collects problems while values are read, so that all come out at once.
#[derive(Default)]
pub(crate) struct Reader {
    path: Vec<Step>,
    problems: Vec<Problem>,
    clusters: HashMap<Arc<str>, usize>,
    /// Clusters are defined elsewhere: every name is taken.
    fragment: bool,
    /// Names of clusters that were taken so, each with the first place that has it.
    taken: Vec<Reference>,
}

/// Where a cluster is named.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) name: Arc<str>,
    pub(crate) path: Vec<Step>,
    pub(crate) span: Range<usize>,
}

impl Reader {
    /// Knows the names of clusters beforehand, so that routes may name them wherever they stand in the file.
    pub(crate) fn new(clusters: Option<&Node>) -> Self {
        let entries = clusters.map(Node::entries).unwrap_or_default();
        let names = entries.iter().map(|entry| entry.key.as_str().into());
        Self {
            clusters: names.zip(0..).collect(),
            ..Self::default()
        }
    }

    /// Of a part of a table, which may name clusters of other parts.
    pub(crate) fn of_fragment() -> Self {
        Self {
            fragment: true,
            ..Self::default()
        }
    }

    /// Which clusters were named, each once.
    pub(crate) fn references(&mut self) -> Vec<Reference> {
        std::mem::take(&mut self.taken)
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// Reads what lies `steps` further in.
    pub(crate) fn within<T>(&mut self, steps: &[Step], read: impl FnOnce(&mut Self) -> T) -> T {
        let depth = self.path.len();
        self.path.extend_from_slice(steps);
        let value = read(self);
        self.path.truncate(depth);
        value
    }

    /// Takes note of what is wrong with the value that is being read.
    pub(crate) fn report(&mut self, span: &Range<usize>, fault: Fault) {
        let problem = Problem::at(span, self.path.clone(), fault);
        self.problems.push(problem);
    }

    /// The same, where another place belongs to the story.
    pub(crate) fn clash(
        &mut self,
        span: &Range<usize>,
        fault: Fault,
        other: &Range<usize>,
        label: &str,
    ) {
        let problem = Problem::at(span, self.path.clone(), fault).also(other, label);
        self.problems.push(problem);
    }

    /// `value`, or a note of what is wrong with it.
    pub(crate) fn accept<T>(&mut self, span: &Range<usize>, value: Result<T, Fault>) -> Option<T> {
        value.map_err(|fault| self.report(span, fault)).ok()
    }

    /// Something else was found than `expected`.
    pub(crate) fn mismatch(&mut self, node: &Node, expected: &str) {
        let fault = Fault::new(format!("expected {expected}, found {}", node.found()));
        let fault = match node.is_nothing() {
            true => fault.hint("leave the key out if nothing is meant"),
            false => fault,
        };
        self.report(&node.span, fault);
    }

    /// The text of a scalar. Numbers and truths count as what they look like.
    pub(crate) fn text<'n>(&mut self, node: &'n Node, expected: &str) -> Option<&'n str> {
        match &node.content {
            Content::Scalar { text, .. } if !node.is_nothing() => Some(text),
            _ => {
                self.mismatch(node, expected);
                None
            }
        }
    }

    /// The cluster called `name`.
    pub(crate) fn cluster(&mut self, name: &str, span: &Range<usize>) -> Option<ClusterRef> {
        if self.fragment {
            return Some(self.take(name, span));
        }
        if let Some((name, &index)) = self.clusters.get_key_value(name) {
            let name = Arc::clone(name);
            return Some(ClusterRef { name, index });
        }
        let fault = Fault::new(format!("no cluster named {}", quote(name)));
        let mut names: Vec<&str> = self.clusters.keys().map(|name| &**name).collect();
        names.sort_unstable();
        // A long list helps nobody.
        let hint = match names.len() {
            0 => "define it under `clusters:` at the top of the file".to_owned(),
            1..=10 => suggest(name, &names),
            _ => nearest(name, names).map_or_else(
                || "clusters are defined under `clusters:` at the top of the file".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        };
        self.report(span, fault.hint(hint));
        None
    }

    /// Takes a cluster's name for good, and notes where it first was.
    fn take(&mut self, name: &str, span: &Range<usize>) -> ClusterRef {
        if let Some((name, _)) = self.clusters.get_key_value(name) {
            return ClusterRef::unlinked(Arc::clone(name));
        }
        let name: Arc<str> = name.into();
        self.clusters.insert(Arc::clone(&name), self.taken.len());
        self.taken.push(Reference {
            name: Arc::clone(&name),
            path: self.path.clone(),
            span: span.clone(),
        });
        ClusterRef::unlinked(name)
    }

    /// Notes each of `places` that says the same as one before it. A place is the steps to it, itself, and what it says.
    pub(crate) fn distinct<'n, K: Hash + Eq>(
        &mut self,
        places: impl IntoIterator<Item = (Vec<Step>, &'n Node, K)>,
        message: impl Fn(&str) -> String,
    ) {
        let mut seen = HashMap::new();
        for (steps, node, key) in places {
            match seen.get(&key) {
                None => _ = seen.insert(key, &node.span),
                Some(first) => {
                    let said = quote(node.text().unwrap_or_default());
                    let fault = Fault::new(message(&said)).cause("again here");
                    self.within(&steps, |reader| {
                        reader.clash(&node.span, fault, first, "first here");
                    });
                }
            }
        }
    }
}

/// The candidate that `word` was probably meant to be.
pub(crate) fn nearest<'c>(
    word: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    // A third of the letters wrong is a slip, more is another word.
    let slips = (word.chars().count() / 3).max(1);
    let fold = |word: &str| word.to_lowercase().replace('-', "_");
    let word = fold(word);
    candidates
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&word, &fold(candidate)),
                candidate,
            )
        })
        .filter(|(distance, _)| *distance <= slips)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Either the word that was meant or all that would do, as a hint.
pub(crate) fn suggest(word: &str, known: &[&str]) -> String {
    match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("known here: {}", enumerate(known)),
    }
}

/// `a`, `b`, `c`
pub(crate) fn enumerate(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

//! All regexes of one host as one automaton, so that a path is read once however many there are.

use std::{cmp::Reverse, collections::BTreeMap};

use outrigger_config::Pattern;
use regex_automata::{Anchored, Input, meta::Regex};

/// Regexes, longest first, equally long ones by the alphabet, and what each leads to.
///
/// Finding the first that matches costs one pass over the path. Only when none of its routes takes the request (their
/// conditions on method, headers and query fail) are those behind it tried one by one.
#[derive(Debug)]
pub(super) struct Patterns<B> {
    patterns: Vec<(Pattern, B)>,
    automata: Vec<Automaton>,
}

/// Consecutive patterns.
#[derive(Debug)]
struct Automaton {
    regex: Regex,
    /// The place of its first pattern.
    start: usize,
}

impl<B> Patterns<B> {
    /// Gathers the places of each pattern and makes its bucket of them.
    pub(super) fn new(parts: Vec<(Pattern, usize)>, bucket: impl Fn(Vec<usize>) -> B) -> Self {
        let mut groups: BTreeMap<_, (Pattern, Vec<usize>)> = BTreeMap::new();
        for (pattern, place) in parts {
            let source = pattern.as_str().to_owned();
            let key = (Reverse(source.len()), source);
            groups
                .entry(key)
                .or_insert_with(|| (pattern, Vec::new()))
                .1
                .push(place);
        }
        let patterns: Vec<(Pattern, B)> = groups
            .into_values()
            .map(|(pattern, places)| (pattern, bucket(places)))
            .collect();
        let sources: Vec<&str> = patterns
            .iter()
            .map(|(pattern, _)| pattern.anchored())
            .collect();
        let mut automata = Vec::new();
        compile(&sources, 0, SIZE_LIMIT, &mut automata);
        Self { patterns, automata }
    }

    /// The buckets of the patterns that match the whole of `path`, first in order first.
    pub(super) fn matching<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a B> {
        let first = self
            .automata
            .iter()
            .find_map(|automaton| automaton.first(path));
        let rest = first.map_or(&[][..], |first| &self.patterns[first + 1..]);
        let rest = rest.iter().filter(|(pattern, _)| pattern.matches(path));
        first
            .map(|first| &self.patterns[first])
            .into_iter()
            .chain(rest)
            .map(|(_, bucket)| bucket)
    }
}

impl Automaton {
    /// The place of the first pattern that matches. The engine prefers earlier patterns, and all of them are anchored at
    /// both ends, so that no other rule comes in.
    fn first(&self, path: &str) -> Option<usize> {
        let input = Input::new(path).anchored(Anchored::Yes);
        let found = self.regex.search_half(&input)?;
        Some(self.start + found.pattern().as_usize())
    }
}

/// Bytes of one compiled automaton; a pattern takes about 2 KiB, many times that with `\w` and the like.
const SIZE_LIMIT: usize = 64 << 20;

/// Bytes of what an automaton learns while it runs.
const CACHE_LIMIT: usize = 8 << 20;

/// Compiles all patterns into one automaton, or into as few as the limit allows.
fn compile(sources: &[&str], start: usize, limit: usize, automata: &mut Vec<Automaton>) {
    if sources.is_empty() {
        return;
    }
    let config = Regex::config()
        .nfa_size_limit(Some(limit))
        .hybrid_cache_capacity(CACHE_LIMIT);
    match Regex::builder().configure(config).build_many(sources) {
        Ok(regex) => automata.push(Automaton { regex, start }),
        // A single pattern has compiled before, alone and with a lower limit.
        Err(_) if sources.len() == 1 => {}
        Err(_) => {
            let (left, right) = sources.split_at(sources.len() / 2);
            compile(left, start, limit, automata);
            compile(right, start + left.len(), limit, automata);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn patterns(sources: &[&str]) -> Patterns<Vec<usize>> {
        let parts = sources.iter().enumerate();
        let parts = parts.map(|(place, source)| (Pattern::new(source).unwrap(), place));
        Patterns::new(parts.collect(), |places| places)
    }

    fn matching(patterns: &Patterns<Vec<usize>>, path: &str) -> Vec<usize> {
        patterns.matching(path).flatten().copied().collect()
    }

    #[test]
    fn the_longest_comes_first_and_then_the_alphabet() {
        let patterns = patterns(&["/.*", "/b.*", "/.*b", "/a[a-z]+", "/.*"]);
        assert_eq!(matching(&patterns, "/ab"), [3, 2, 0, 4]);
        assert_eq!(matching(&patterns, "/bb"), [2, 1, 0, 4]);
        assert_eq!(matching(&patterns, "/x"), [0, 4]);
        assert_eq!(matching(&patterns, "x"), [0; 0]);
    }

    #[test]
    fn a_pattern_matches_only_whole_paths() {
        let patterns = patterns(&["/v2|/v", "/w"]);
        assert_eq!(matching(&patterns, "/v2"), [0]);
        assert_eq!(matching(&patterns, "/v23"), [0; 0]);
        assert_eq!(matching(&patterns, "x/w"), [0; 0]);
    }

    #[test]
    fn what_is_too_big_for_one_automaton_is_split_in_order() {
        let sources = [r"/1/\d", r"/2/\d", r"/3/\d"].map(|source| Pattern::new(source).unwrap());
        let sources = sources.each_ref().map(Pattern::anchored);
        let mut automata = Vec::new();
        compile(&sources, 0, 14 << 10, &mut automata);
        let starts: Vec<_> = automata.iter().map(|automaton| automaton.start).collect();
        assert_eq!(starts, [0, 1, 2]);
        assert_eq!(
            automata
                .iter()
                .find_map(|automaton| automaton.first("/3/7")),
            Some(2)
        );
    }
}

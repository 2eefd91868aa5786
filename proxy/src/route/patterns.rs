//! The regexes of one host, filed so that a path meets few of them.

use std::{cmp::Reverse, collections::BTreeMap};

use outrigger_config::Pattern;
use regex::{RegexSet, RegexSetBuilder};
use regex_syntax::hir::literal::Extractor;
use smallvec::SmallVec;

use super::{
    Map, group,
    path::{parent, prefixes},
};

/// Regexes and what each leads to.
///
/// Each is filed under the segments with which everything that it matches begins: `/orders/[0-9]+` under `/orders`. Those of
/// one such place are matched as one automaton, which reads a path once; ten thousand of them in *one* place cost some
/// microseconds, and an allocation of a byte each.
#[derive(Debug)]
pub(super) struct Patterns<B> {
    /// Longest pattern first, equally long ones by the alphabet.
    buckets: Vec<B>,
    shelves: Map<Box<[u8]>, Shelf>,
    /// Bytes of the longest key: a bound on the work that a long path can cause.
    longest: usize,
}

/// Patterns that begin alike, and their places among the buckets.
#[derive(Debug)]
struct Shelf {
    patterns: Vec<(Pattern, usize)>,
    /// All of them; none when there is but one, or when they are too big for one automaton.
    set: Option<RegexSet>,
}

/// Bytes of an automaton, and as many for what it learns while it runs: room for ten thousand patterns as people write them.
const SIZE_LIMIT: usize = 64 << 20;

impl<B> Patterns<B> {
    /// Gathers the places of each pattern and makes its bucket of them.
    pub(super) fn new(parts: Vec<(Pattern, usize)>, bucket: impl Fn(Vec<usize>) -> B) -> Self {
        let mut sorted: BTreeMap<_, (Pattern, Vec<usize>)> = BTreeMap::new();
        for (pattern, place) in parts {
            let source = pattern.as_str().to_owned();
            let entry = sorted.entry((Reverse(source.len()), source));
            let (_, places) = entry.or_insert_with(|| (pattern, Vec::new()));
            places.push(place);
        }
        let (patterns, places): (Vec<_>, Vec<_>) = sorted.into_values().unzip();

        let filed = patterns.into_iter().enumerate();
        let filed = filed.map(|(place, pattern)| (beginning(&pattern), (pattern, place)));
        let shelves: Map<Box<[u8]>, Vec<_>> = group(filed);
        Self {
            longest: shelves.keys().map(|key| key.len()).max().unwrap_or(0),
            buckets: places.into_iter().map(bucket).collect(),
            shelves: shelves
                .into_iter()
                .map(|(beginning, patterns)| (beginning, Shelf::new(patterns)))
                .collect(),
        }
    }

    /// The buckets of the patterns that match the whole of `path`, first in order first.
    pub(super) fn matching(&self, path: &str) -> impl Iterator<Item = &B> {
        let mut found = SmallVec::<[usize; 8]>::new();
        if !self.shelves.is_empty() {
            for prefix in prefixes(path.as_bytes(), self.longest) {
                if let Some(shelf) = self.shelves.get(prefix) {
                    shelf.matching(path, |place| found.push(place));
                }
            }
            found.sort_unstable();
        }
        found.into_iter().map(|place| &self.buckets[place])
    }
}

impl Shelf {
    fn new(patterns: Vec<(Pattern, usize)>) -> Self {
        let build = || {
            let sources = patterns.iter().map(|(pattern, _)| pattern.anchored());
            let mut builder = RegexSetBuilder::new(sources);
            builder.size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT);
            builder.build().ok()
        };
        Self {
            set: (patterns.len() > 1).then(build).flatten(),
            patterns,
        }
    }

    fn matching(&self, path: &str, mut found: impl FnMut(usize)) {
        match &self.set {
            Some(set) => {
                let matches = set.matches(path);
                matches
                    .iter()
                    .for_each(|index| found(self.patterns[index].1));
            }
            None => {
                let matches = self
                    .patterns
                    .iter()
                    .filter(|(pattern, _)| pattern.matches(path));
                matches.for_each(|&(_, place)| found(place));
            }
        }
    }
}

/// The whole segments with which every match of a pattern begins.
fn beginning(pattern: &Pattern) -> Box<[u8]> {
    let Ok(hir) = regex_syntax::parse(pattern.as_str()) else {
        return Box::default();
    };
    let literals = Extractor::new().extract(&hir);
    parent(literals.longest_common_prefix().unwrap_or_default()).into()
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
    fn the_order_holds_across_beginnings() {
        let patterns = patterns(&["/a/b/.*", "/a/.{1,9}", "/.*", "/a/b/[0-9]+"]);
        assert_eq!(patterns.shelves.len(), 3);
        assert_eq!(matching(&patterns, "/a/b/7"), [3, 1, 0, 2]);
        assert_eq!(matching(&patterns, "/a/b"), [1, 2]);
    }

    #[test]
    fn a_pattern_matches_only_whole_paths() {
        let patterns = patterns(&["/v2|/v", "/w"]);
        assert_eq!(matching(&patterns, "/v2"), [0]);
        assert_eq!(matching(&patterns, "/v23"), [0; 0]);
        assert_eq!(matching(&patterns, "x/w"), [0; 0]);
    }

    #[test]
    fn a_pattern_is_filed_under_the_segments_it_always_begins_with() {
        for (source, segments) in [
            ("/orders/[0-9]+", "/orders"),
            ("/orders/v[0-9]+/x", "/orders"),
            ("/orders", ""),
            ("/(a|b)/c", ""),
            ("/api/(a|b)/c", "/api"),
            ("(?i)/api/x", ""),
            ("/a/b|/a/c", "/a"),
            ("", ""),
            (".*", ""),
            (r"^/a\.b/.*$", "/a.b"),
        ] {
            let pattern = Pattern::new(source).unwrap();
            assert_eq!(*beginning(&pattern), *segments.as_bytes(), "{source}");
        }
    }

    #[test]
    fn what_is_too_big_for_one_automaton_is_matched_one_by_one() {
        let patterns = ["/1", "/2"].map(|source| Pattern::new(source).unwrap());
        let mut shelf = Shelf::new(patterns.into_iter().zip([4, 5]).collect());
        assert!(shelf.set.is_some());
        for _ in 0..2 {
            let mut found = Vec::new();
            shelf.matching("/2", |place| found.push(place));
            assert_eq!(found, [5]);
            shelf.set = None;
        }
    }
}

//! The compiled path of a match, and the index of what is configured for which paths of one host.

use outrigger_config::{Pattern, model::PathMatch};

use super::{Map, group, normal, patterns::Patterns};

/// A path as it is matched.
#[derive(Clone, Debug)]
pub(crate) enum Path {
    Exact(Box<str>),
    Regex(Pattern),
    /// Without a trailing slash. The root is the empty prefix, and takes `*` and the empty path of CONNECT too.
    Prefix(Box<str>),
}

impl Path {
    /// Written as requests arrive, which are normal.
    pub(crate) fn new(path: &PathMatch) -> Self {
        match path {
            PathMatch::Any => Self::Prefix("".into()),
            PathMatch::Exact(path) => Self::Exact(normal::configured(path).into()),
            PathMatch::Prefix(prefix) => {
                Self::Prefix(normal::configured(prefix).trim_end_matches('/').into())
            }
            PathMatch::Regex(pattern) => Self::Regex(pattern.clone()),
        }
    }

    /// Whether it takes a path.
    pub(crate) fn takes(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *path,
            Self::Regex(pattern) => pattern.matches(path),
            Self::Prefix(prefix) => path
                .strip_prefix(&**prefix)
                .is_some_and(|rest| prefix.is_empty() || rest.is_empty() || rest.starts_with('/')),
        }
    }
}

/// What is configured for which paths of one host. `B` is what a path leads to.
#[derive(Debug)]
pub(super) struct Paths<B = super::Bucket> {
    exact: Map<Box<str>, B>,
    regex: Patterns<B>,
    prefix: Map<Box<[u8]>, B>,
    /// Bytes of the longest prefix: a bound on the work that a long path can cause.
    longest_prefix: usize,
}

impl<B> Paths<B> {
    /// Gathers the places of each path and makes its bucket of them.
    pub(super) fn new(parts: Vec<(Path, usize)>, bucket: impl Fn(Vec<usize>) -> B) -> Self {
        let (mut exact, mut regex, mut prefix) = (Vec::new(), Vec::new(), Vec::new());
        for (path, place) in parts {
            match path {
                Path::Exact(path) => exact.push((path, place)),
                Path::Regex(pattern) => regex.push((pattern, place)),
                Path::Prefix(path) => prefix.push((path.into_boxed_bytes(), place)),
            }
        }
        let exact: Map<_, _> = group(exact);
        let prefix: Map<_, _> = group(prefix);
        Self {
            longest_prefix: prefix.keys().map(|prefix| prefix.len()).max().unwrap_or(0),
            exact: exact
                .into_iter()
                .map(|(path, places)| (path, bucket(places)))
                .collect(),
            prefix: prefix
                .into_iter()
                .map(|(path, places)| (path, bucket(places)))
                .collect(),
            regex: Patterns::new(regex, bucket),
        }
    }

    /// The buckets that take a path, most specific first.
    pub(super) fn buckets<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a B> {
        let prefixes = prefixes(path.as_bytes(), self.longest_prefix);
        self.exact
            .get(path)
            .into_iter()
            .chain(self.regex.matching(path))
            .chain(prefixes.filter_map(|prefix| self.prefix.get(prefix)))
    }
}

/// The prefixes of a path by segment, longest first and at most `longest` bytes; the last is the empty one, the root's.
pub(super) fn prefixes(path: &[u8], longest: usize) -> impl Iterator<Item = &[u8]> {
    let first = if path.len() <= longest {
        path
    } else {
        parent(&path[..=longest])
    };
    std::iter::successors(Some(first), |prefix| {
        (!prefix.is_empty()).then(|| parent(prefix))
    })
}

/// What stands before the last slash.
pub(super) fn parent(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
    &path[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(path: &str, longest: usize) -> Vec<&str> {
        prefixes(path.as_bytes(), longest)
            .map(|prefix| std::str::from_utf8(prefix).unwrap_or("?"))
            .collect()
    }

    #[test]
    fn prefixes_are_walked_by_segment_longest_first() {
        assert_eq!(walk("/a/bc/d", 99), ["/a/bc/d", "/a/bc", "/a", ""]);
        assert_eq!(walk("/a/", 99), ["/a/", "/a", ""]);
        assert_eq!(walk("/", 99), ["/", ""]);
        assert_eq!(walk("", 99), [""]);
        assert_eq!(walk("*", 99), ["*", ""]);
    }

    #[test]
    fn no_prefix_longer_than_a_configured_one_is_looked_up() {
        assert_eq!(walk("/a/bc/d", 5), ["/a/bc", "/a", ""]);
        assert_eq!(walk("/a/bc/d", 4), ["/a", ""]);
        assert_eq!(walk("/a/bc/d", 0), [""]);
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        let prefix = Path::new(&PathMatch::Prefix("/v2".to_owned()));
        assert!(prefix.takes("/v2") && prefix.takes("/v2/") && prefix.takes("/v2/x"));
        assert!(!prefix.takes("/v23") && !prefix.takes("/") && !prefix.takes("*"));
    }

    #[test]
    fn the_root_takes_every_path() {
        for root in [PathMatch::Any, PathMatch::Prefix("/".to_owned())] {
            let root = Path::new(&root);
            assert!(root.takes("/") && root.takes("/x") && root.takes("*") && root.takes(""));
        }
    }
}

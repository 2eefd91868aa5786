//! A route's conditions beyond host and path: method, headers, query.

use http::{HeaderName, Method, request::Parts};
use outrigger_config::model::{Match, ValueMatch};

use super::query;

/// All of these must hold.
#[derive(Clone, Debug)]
pub struct Conditions {
    /// Any of these; empty: every method.
    pub(super) methods: Box<[Method]>,
    /// A header of several lines holds when one line's value does; a comma does not part values, since it may be one's own.
    pub(super) headers: Box<[(HeaderName, ValueMatch)]>,
    /// The first value of a key counts.
    pub(super) query: Box<[(String, ValueMatch)]>,
}

/// The first condition that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Miss {
    /// None of the methods.
    Method,
    /// The one at this index.
    Header(usize),
    /// The one at this index.
    Query(usize),
}

impl Conditions {
    /// Those of `matches`.
    pub fn new(matches: &Match) -> Self {
        Self {
            methods: matches.methods.clone().into(),
            headers: matches.headers.clone().into(),
            query: matches.query.clone().into(),
        }
    }

    /// Whether all hold.
    ///
    /// # Errors
    /// The first condition that does not hold.
    pub fn check(&self, head: &Parts) -> Result<(), Miss> {
        if !self.methods.is_empty() && !self.methods.contains(&head.method) {
            return Err(Miss::Method);
        }
        for (index, (name, value)) in self.headers.iter().enumerate() {
            let mut lines = head.headers.get_all(name).iter();
            if !lines.any(|line| holds(value, line.as_bytes())) {
                return Err(Miss::Header(index));
            }
        }
        for (index, (key, value)) in self.query.iter().enumerate() {
            let found = query::first(head.uri.query().unwrap_or_default(), key);
            if !found.is_some_and(|found| holds(value, &found)) {
                return Err(Miss::Query(index));
            }
        }
        Ok(())
    }
}

/// Whether a value is the wanted one. What is not UTF-8 matches no regex.
pub(crate) fn holds(wanted: &ValueMatch, value: &[u8]) -> bool {
    match wanted {
        ValueMatch::Exact(exact) => exact.as_bytes() == value,
        ValueMatch::Regex(pattern) => {
            std::str::from_utf8(value).is_ok_and(|value| pattern.matches(value))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use outrigger_config::Pattern;

    fn header(name: &'static str, value: ValueMatch) -> Conditions {
        Conditions::new(&Match {
            headers: vec![(HeaderName::from_static(name), value)],
            ..Match::default()
        })
    }

    fn head(lines: &[(&str, &[u8])]) -> Parts {
        let mut request = http::Request::builder();
        for (name, value) in lines {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn one_matching_line_of_a_header_is_enough() {
        let conditions = header("x-version", ValueMatch::Exact("23".to_owned()));
        let both = head(&[("x-version", b"22"), ("x-version", b"23")]);
        assert_eq!(conditions.check(&both), Ok(()));
        assert_eq!(
            conditions.check(&head(&[("x-version", b"22,23")])),
            Err(Miss::Header(0))
        );
        assert_eq!(conditions.check(&head(&[])), Err(Miss::Header(0)));
    }

    #[test]
    fn bytes_that_are_not_utf8_match_no_regex() {
        let conditions = header("x-a", ValueMatch::Regex(Pattern::new(".*").unwrap()));
        assert_eq!(conditions.check(&head(&[("x-a", b"plain")])), Ok(()));
        assert_eq!(
            conditions.check(&head(&[("x-a", b"\xff")])),
            Err(Miss::Header(0))
        );
    }
}

//! A regular expression that matches whole values.

use std::fmt;

use regex::Regex;

/// A regular expression anchored at both ends, so that `v2` does not take `v23` (as in Envoy).
#[derive(Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
}

impl Pattern {
    /// # Errors
    /// When `source` is not a regular expression of the `regex` crate.
    pub fn new(source: &str) -> Result<Self, regex::Error> {
        // Compiled alone first, so that the message speaks of what the user wrote and a stray `)` can't escape the anchors.
        Regex::new(source)?;
        let regex = Regex::new(&format!("^(?:{source})$"))?;
        Ok(Self {
            source: source.to_owned(),
            regex,
        })
    }

    /// Whether the whole of `value` matches.
    pub fn matches(&self, value: &str) -> bool {
        self.regex.is_match(value)
    }

    /// With the anchors, for those who compile many into one.
    pub fn anchored(&self) -> &str {
        self.regex.as_str()
    }

    /// As the user wrote it.
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.source)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_value_has_to_match() {
        let pattern = Pattern::new("v2|v3").unwrap();
        assert!(pattern.matches("v2") && pattern.matches("v3"));
        assert!(!pattern.matches("v23") && !pattern.matches("xv3") && !pattern.matches("v2\n"));
    }

    #[test]
    fn nothing_escapes_the_anchors() {
        assert!(Pattern::new("a)|(b").is_err());
        assert!(!Pattern::new("(?m)a").unwrap().matches("a\nb"));
    }
}

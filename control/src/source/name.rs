//! Names of tables.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, de};

/// The name of a table: becomes part of a path, so that what could lead out of a directory is none.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Name(Arc<str>);

/// Longer names leave no room for an extension on some file systems (255 bytes).
const LONGEST: usize = 200;

/// Why a text is no [`Name`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{}` is not the name of a table: letters, digits, `-`, `_` and `.`, at most {LONGEST}, the first a letter, digit or `_`",
    .0.escape_debug()
)]
pub struct BadName(pub String);

impl Name {
    /// The name, if it is one.
    ///
    /// # Errors
    /// When it is not.
    pub fn new(text: &str) -> Result<Self, BadName> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let good = text.len() <= LONGEST
            && text.chars().all(plain)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        match good {
            true => Ok(Self(text.into())),
            false => Err(BadName(text.chars().take(LONGEST).collect())),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'d> Deserialize<'d> for Name {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'d, str>::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_a_directory_or_hides_in_it() {
        for text in [
            "", ".", "..", "../a", "a/b", "/a", "a\\b", ".a", "a\0", "a b", "-rf", "ä", "a\n",
        ] {
            assert!(Name::new(text).is_err(), "{text:?}");
        }
        assert!(Name::new(&"a".repeat(LONGEST + 1)).is_err());
        for text in ["a", "shop-v2", "shop.eu_1", "_defaults", "1"] {
            assert!(Name::new(text).is_ok(), "{text:?}");
        }
    }
}

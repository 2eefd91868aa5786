//! What a client may make us remember.

use super::Session;

/// Names that a stream may ask for, of all kinds together: every cluster of a large mesh, and its endpoints.
const NAMES: usize = 50_000;

/// Bytes of a name. The longest that is seen in the field holds a DNS name of 253 and some words around it.
const LENGTH: usize = 512;

/// A client asks for more than we are willing to remember.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum TooMuch {
    /// Names.
    #[error("a stream may ask for {NAMES} names")]
    Names,
    /// One name.
    #[error("a name may have {LENGTH} bytes")]
    Length,
}

impl Session {
    /// Whether these names may be remembered, beside those that are.
    pub(super) fn admit<'a>(
        &self,
        names: impl ExactSizeIterator<Item = &'a String>,
    ) -> Result<(), TooMuch> {
        let known: usize = self.lanes.iter().map(|lane| lane.wanted.len()).sum();
        if known + names.len() > NAMES {
            return Err(TooMuch::Names);
        }
        let mut names = names;
        match names.any(|name| name.len() > LENGTH) {
            true => Err(TooMuch::Length),
            false => Ok(()),
        }
    }
}

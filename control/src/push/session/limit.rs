//! What a client may make us remember.

use std::collections::BTreeMap;

use outrigger_xds::Kind;

use super::{Session, lane::Lane};

/// Names that a stream may ask for, of all kinds together: every cluster of a large mesh, and its endpoints.
const NAMES: usize = 50_000;

/// Bytes of a name. The longest that is seen in the field holds a DNS name of 253 and some words around it. A version, which
/// is ours unless another control plane was asked before, is shorter.
const LENGTH: usize = 512;

/// A client asks for more than we are willing to remember.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum TooMuch {
    /// Names.
    #[error("a stream may ask for {NAMES} names")]
    Names,
    /// One name, or one version.
    #[error("a name or a version may have {LENGTH} bytes")]
    Length,
}

impl Session {
    /// Whether these names may be wanted of a kind, in place of those that are.
    pub(super) fn admit_instead(&self, kind: Kind, names: &[String]) -> Result<(), TooMuch> {
        let others = self.lanes.iter().filter(|lane| lane.kind != kind);
        fits(others.map(Lane::remembered).sum(), names.iter())
    }

    /// Whether these may be wanted of a kind, beside those that are.
    pub(super) fn admit_more(&self, kind: Kind, names: &[String]) -> Result<(), TooMuch> {
        // Most requests are answers.
        if names.is_empty() {
            return Ok(());
        }
        let wanted = &self.lanes[kind as usize].wanted;
        let known = self.lanes.iter().map(Lane::remembered).sum();
        fits(known, names.iter().filter(|name| !wanted.names(name)))
    }

    /// Whether it may be remembered that a client has these.
    pub(super) fn admit_versions(&self, has: &BTreeMap<String, String>) -> Result<(), TooMuch> {
        fits(0, has.keys())?;
        match has.values().any(|version| version.len() > LENGTH) {
            true => Err(TooMuch::Length),
            false => Ok(()),
        }
    }
}

impl Lane {
    /// The names that are here for the client's sake: also those that it has dropped and will be told of.
    fn remembered(&self) -> usize {
        let due = self.due.iter();
        let dropped = due.filter(|(name, asked)| **asked && !self.wanted.names(name));
        self.wanted.len() + dropped.count()
    }
}

fn fits<'a>(known: usize, names: impl Iterator<Item = &'a String>) -> Result<(), TooMuch> {
    let mut count = known;
    for name in names {
        count += 1;
        if name.len() > LENGTH {
            return Err(TooMuch::Length);
        }
    }
    match count > NAMES {
        true => Err(TooMuch::Names),
        false => Ok(()),
    }
}

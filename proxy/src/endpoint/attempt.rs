//! What one attempt's pick sees of endpoints: who may be picked, who only in need, and who not at all.

use super::{Endpoint, Member, condition::State, load::Load, slow_start::SlowStart};
use crate::balance::{Standing, View};

/// One attempt.
#[derive(Clone, Copy)]
pub(super) struct Attempt<'a> {
    /// By id: earlier attempts of the request were there.
    pub(super) tried: &'a [u64],
    /// In microseconds.
    pub(super) now: u64,
    pub(super) slow_start: Option<SlowStart>,
    /// All are taken for available.
    pub(super) panic: bool,
}

impl<'a> Attempt<'a> {
    /// As it sees these.
    pub(super) fn among(self, members: &'a [Member]) -> Among<'a> {
        Among {
            attempt: self,
            members,
        }
    }

    fn standing(&self, endpoint: &Endpoint) -> Standing {
        let tried = !self.tried.is_empty() && self.tried.contains(&endpoint.id);
        if !tried && endpoint.condition.clear() {
            return Standing::Open;
        }
        let seen = endpoint.condition.load();
        match seen.state {
            _ if !seen.available() && !self.panic => Standing::Out,
            _ if tried => Standing::Reserve,
            State::Warming { since } if !self.panic => self.warming(endpoint, since),
            _ => Standing::Open,
        }
    }

    fn warming(&self, endpoint: &Endpoint, since: u64) -> Standing {
        match self.slow_start {
            Some(slow_start) if !slow_start.takes(endpoint.id, since, self.now) => {
                Standing::Reserve
            }
            _ => Standing::Open,
        }
    }
}

/// Some endpoints, as an attempt sees them.
pub(super) struct Among<'a> {
    attempt: Attempt<'a>,
    members: &'a [Member],
}

impl View for Among<'_> {
    fn load(&self, index: usize) -> &Load {
        &self.members[index].0.load
    }

    fn standing(&self, index: usize) -> Standing {
        self.attempt.standing(&self.members[index].0)
    }
}

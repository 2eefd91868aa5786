//! What a caller says about the trace that a request belongs to, whichever headers it uses.

use super::id::{SpanId, TraceId};

/// What came, of either kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// None when only a decision came, or nothing.
    pub ids: Option<Ids>,
    /// Whether to record.
    pub sampling: Sampling,
}

impl Parent {
    /// Of a request whose caller doesn't trace.
    pub(super) const NONE: Self = Self {
        ids: None,
        sampling: Sampling::Deferred,
    };

    /// With what B3 can say and W3C can't (short ids, "debug", "undecided"), if B3 came too and does not contradict: so
    /// it is behind another proxy of this kind, and its caller knows B3 only.
    pub(super) fn refine(self, b3: Self) -> Self {
        match (self.ids, b3.ids) {
            (Some(ids), Some(b3_ids))
                if ids.trace_id == b3_ids.trace_id
                    && self.sampling.records() == b3.sampling.records() =>
            {
                let ids = Ids {
                    short: b3_ids.short,
                    ..ids
                };
                Self {
                    ids: Some(ids),
                    sampling: b3.sampling,
                }
            }
            _ => self,
        }
    }
}

/// A span and its trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ids {
    /// Of the whole trace.
    pub trace_id: TraceId,
    /// Of the span.
    pub span_id: SpanId,
    /// Whether the trace id came as 64 bits, as B3 may; then it goes on so, for readers who know nothing else.
    pub short: bool,
    /// Whether the trace id is said to be random enough to sample by (W3C level 2).
    pub random: bool,
}

/// Whether a trace is recorded: B3's four answers, of which W3C knows two. "Undecided" becomes W3C's yes, which also goes
/// for a trace that begins here: tracers behind us follow a parent's decision, so a no would silence the traces that they
/// would have begun themselves without us, while yes is what the common ones decide by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// Not decided yet.
    Deferred,
    /// No.
    Deny,
    /// Yes.
    Accept,
    /// Yes, and past all collectors' limits.
    Debug,
}

impl Sampling {
    /// Of B3's letter.
    pub(super) fn parse(letter: &[u8]) -> Option<Self> {
        match letter {
            b"0" => Some(Self::Deny),
            b"1" => Some(Self::Accept),
            b"d" => Some(Self::Debug),
            _ => None,
        }
    }

    /// B3's letter for a decision.
    pub(super) fn letter(self) -> Option<u8> {
        match self {
            Self::Deferred => None,
            Self::Deny => Some(b'0'),
            Self::Accept => Some(b'1'),
            Self::Debug => Some(b'd'),
        }
    }

    /// In W3C's words.
    pub(super) fn records(self) -> bool {
        self != Self::Deny
    }
}

//! What came of a case, in a few words that can be compared.

use outrigger_tests::corpus::{self, Case, Outcome, Seen};

/// How far a conversation got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing whole reached the endpoint; the proxy said so, or hung up.
    Refused,
    /// Nothing whole reached the endpoint, and the proxy has answered as if all were well.
    Answered,
    /// So many requests reached the endpoint.
    Forwarded(usize),
    /// What reached the endpoint is no request.
    Garbage,
}

/// See the module.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) kind: Kind,
    /// What the client got.
    statuses: Vec<u16>,
    /// Where it is not what the case says.
    faults: Vec<String>,
}

impl Verdict {
    pub(super) fn of(case: &Case, outcome: &Outcome, seen: &[Seen]) -> Self {
        let whole = seen.iter().filter(|seen| matches!(seen, Seen::Message(_)));
        let statuses: Vec<u16> = outcome.replies.iter().map(|reply| reply.status()).collect();
        let garbage = seen.iter().any(|seen| matches!(seen, Seen::Garbage(_)));
        let kind = match whole.count() {
            _ if garbage => Kind::Garbage,
            0 if statuses.iter().any(|status| *status < 400) => Kind::Answered,
            0 => Kind::Refused,
            number => Kind::Forwarded(number),
        };
        Self {
            kind,
            statuses,
            faults: corpus::differences(case, outcome, seen),
        }
    }

    /// Whether it comes to the same, whatever it was called.
    pub(super) fn is_like(&self, ours: &Self) -> bool {
        self.kind == ours.kind && self.faults == ours.faults
    }

    /// For a cell of a table.
    pub(super) fn cell(&self) -> String {
        let statuses: Vec<String> = self.statuses.iter().map(ToString::to_string).collect();
        let statuses = match statuses.is_empty() {
            true => "no answer".to_owned(),
            false => statuses.join(", "),
        };
        let mut cell = match self.kind {
            Kind::Refused if self.statuses.is_empty() => "hangs up".to_owned(),
            Kind::Refused => format!("refused: {statuses}"),
            Kind::Answered => format!("answered: {statuses}"),
            Kind::Forwarded(1) => format!("passed on: {statuses}"),
            Kind::Forwarded(number) => format!("{number} passed on: {statuses}"),
            Kind::Garbage => format!("**garbage passed on**: {statuses}"),
        };
        for fault in &self.faults {
            cell.push_str("; ");
            cell.push_str(fault);
        }
        cell
    }
}

//! How an attacker's connection ended, and how many ended how.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// It was never made.
    Unmade,
    /// Closed, after an answer of this status.
    Status(u16),
    /// Closed, after a GOAWAY with this error code (RFC 9113, 7).
    GoAway(u32),
    /// Closed without a word.
    Closed,
    /// Reset without a word.
    Reset,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unmade => f.write_str("not made"),
            Self::Status(status) => write!(f, "closed with {status}"),
            Self::GoAway(code) => write!(f, "GOAWAY {}", reason(*code)),
            Self::Closed => f.write_str("closed"),
            Self::Reset => f.write_str("reset"),
        }
    }
}

/// An error code's name (RFC 9113, 7).
fn reason(code: u32) -> String {
    match code {
        0 => "NO_ERROR".to_owned(),
        1 => "PROTOCOL_ERROR".to_owned(),
        2 => "INTERNAL_ERROR".to_owned(),
        3 => "FLOW_CONTROL_ERROR".to_owned(),
        9 => "COMPRESSION_ERROR".to_owned(),
        11 => "ENHANCE_YOUR_CALM".to_owned(),
        code => code.to_string(),
    }
}

/// What has become of the attackers, as far as is known. Written by their thread, and read by the other.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Frames, requests, bytes or handshakes, whatever the attack is made of.
    pub(super) sent: AtomicU64,
    /// Connections that are there now.
    pub(super) open: AtomicUsize,
    fates: Mutex<BTreeMap<Fate, u64>>,
}

impl Tally {
    pub(super) fn count(&self, sent: usize) {
        self.sent.fetch_add(sent as u64, Relaxed);
    }

    pub(super) fn end(&self, fate: Fate) {
        let mut fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        *fates.entry(fate).or_default() += 1;
    }

    pub(super) fn fates(&self) -> BTreeMap<Fate, u64> {
        let fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        fates.clone()
    }
}

//! The last bytes that a peer sent: in them it may say why it ended the connection.
//!
//! hyper knows the reason of a GOAWAY and keeps it for itself when the streams have been allowed to end. What we must know
//! is one reason: gRPC servers that get more pings than they allow (grpc-go: one in five minutes, unless told otherwise) say
//! `too_many_pings` and hang up; to come back with the same pings would go on like that for ever.

use std::sync::{Arc, Mutex, PoisonError};

/// As much as a GOAWAY with a short text takes.
const KEPT: usize = 64;

/// The debug data of that GOAWAY, in grpc-go and in gRPC's C core.
const TOO_MANY_PINGS: &[u8] = b"too_many_pings";

/// What was heard last.
#[derive(Clone, Debug, Default)]
pub struct LastWords(Arc<Mutex<Vec<u8>>>);

impl LastWords {
    /// Whether the peer complains of pings.
    pub fn too_many_pings(&self) -> bool {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut parts = heard.windows(TOO_MANY_PINGS.len());
        parts.any(|part| part == TOO_MANY_PINGS)
    }

    /// Some more.
    pub fn hear(&self, bytes: &[u8]) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(&bytes[bytes.len().saturating_sub(KEPT)..]);
        let old = heard.len().saturating_sub(KEPT);
        heard.drain(..old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(parts: &[&[u8]]) -> LastWords {
        let words = LastWords::default();
        parts.iter().for_each(|part| words.hear(part));
        words
    }

    #[test]
    fn a_complaint_is_heard_in_parts_and_only_at_the_end() {
        let long = [7; 1000];
        assert!(heard(&[&long, b"too_many", b"_pings"]).too_many_pings());
        assert!(!heard(&[b"too_many_pings", &long]).too_many_pings());
        assert!(!heard(&[]).too_many_pings());
    }
}

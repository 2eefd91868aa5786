//! Whether a connection of many requests still has somebody at its other end.
//!
//! A machine that is gone says nothing, and the kernel takes its time to notice (`connect.rs`). Until then a connection that
//! has room would be given every request. HTTP/2's own PINGs would tell, but gRPC servers hang up on who sends more than they
//! allow; so here counts what the requests themselves find out.

use std::{cell::Cell, rc::Rc};

/// How long an endpoint may say nothing at all on a connection that it is asked on, before a request that is given up casts
/// doubt on it. Shorter, a client that changes its mind would cost a connection; in microseconds.
const DOUBTFUL: u64 = 1_000_000;

/// What was heard on a connection: one cell, since it is noted with every read.
#[derive(Clone, Debug, Default)]
pub struct Heard(Rc<Cell<u64>>);

impl Heard {
    /// Something was.
    pub fn note(&self) {
        self.0.set(self.0.get().wrapping_add(1));
    }
}

/// When a connection is given no more requests. Sans-IO; times in microseconds.
#[derive(Debug, Default)]
pub struct Silence {
    heard: Heard,
    /// The first request since something was heard: as of which word, and when.
    asked: Cell<Option<(u64, u64)>>,
    /// The word that was the last when a request was given up.
    given_up: Cell<Option<u64>>,
}

impl Silence {
    /// Of a connection on which `heard` listens.
    pub fn after(heard: Heard) -> Self {
        Self {
            heard,
            ..Self::default()
        }
    }

    /// A request is sent.
    pub fn ask(&self, now: u64) {
        let word = self.heard.0.get();
        if self.asked.get().is_none_or(|(as_of, _)| as_of != word) {
            self.asked.set(Some((word, now)));
        }
    }

    /// A request is given up that has had no answer.
    pub fn give_up(&self) {
        self.given_up.set(Some(self.heard.0.get()));
    }

    /// Whether nothing has come for too long, and somebody has waited in vain.
    pub fn is_doubtful(&self, now: u64) -> bool {
        let word = self.heard.0.get();
        self.given_up.get() == Some(word)
            && self.asked.get().is_some_and(|(as_of, since)| {
                as_of == word && now.saturating_sub(since) >= DOUBTFUL
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_was_given_up_on_in_silence_is_doubtful() {
        let silence = Silence::default();
        silence.ask(10);
        assert!(!silence.is_doubtful(10 + DOUBTFUL), "somebody still waits");
        silence.give_up();
        assert!(!silence.is_doubtful(9 + DOUBTFUL), "not yet");
        assert!(silence.is_doubtful(10 + DOUBTFUL));
    }

    #[test]
    fn more_requests_do_not_put_it_off() {
        let silence = Silence::default();
        for now in (0..=DOUBTFUL).step_by(100_000) {
            silence.ask(now);
            silence.give_up();
        }
        assert!(silence.is_doubtful(DOUBTFUL));
    }

    #[test]
    fn any_word_clears_it() {
        let silence = Silence::default();
        silence.ask(0);
        silence.heard.note();
        silence.give_up();
        assert!(!silence.is_doubtful(2 * DOUBTFUL), "it spoke before");
        silence.ask(2 * DOUBTFUL);
        silence.give_up();
        silence.heard.note();
        assert!(!silence.is_doubtful(4 * DOUBTFUL), "it spoke after");
    }

    #[test]
    fn rest_without_requests_is_no_silence() {
        let silence = Silence::default();
        silence.ask(0);
        silence.heard.note();
        silence.ask(10 * DOUBTFUL);
        silence.give_up();
        assert!(!silence.is_doubtful(10 * DOUBTFUL + 1));
    }
}

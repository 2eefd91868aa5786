//! When a request under way is idle, and who is to blame. Sans-IO.
//!
//! One judgement for a request and its response together, since either may rest for hours while the other moves: a gRPC
//! stream of events whose client has said all that it had to say, an upload whose response comes at its end.

/// Where one body stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// There is none, or it is not here yet.
    #[default]
    Absent,
    /// Its reader asked for more and waits for its writer.
    Waiting,
    /// Its reader was given something and has not asked for more.
    Given,
    /// It is over.
    Ended,
}

/// Who has kept a request from moving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silent {
    /// The caller sends nothing, or does not read.
    Downstream,
    /// The endpoint.
    Upstream,
    /// Each may be waiting for the other.
    Both,
}

/// A request under way. Times are in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Stream {
    limit: u64,
    /// When anything of it last did.
    moved: u64,
    request: Flow,
    response: Flow,
}

impl Stream {
    /// One that may rest for `limit`.
    pub fn new(limit: u64, now: u64) -> Self {
        Self {
            limit,
            moved: now,
            request: Flow::Absent,
            response: Flow::Absent,
        }
    }

    /// The request's body came so far.
    pub fn request(&mut self, flow: Flow, now: u64) {
        self.moved = if self.request == flow && flow == Flow::Waiting {
            self.moved
        } else {
            now
        };
        self.request = flow;
    }

    /// The response's body came so far.
    pub fn response(&mut self, flow: Flow, now: u64) {
        self.moved = if self.response == flow && flow == Flow::Waiting {
            self.moved
        } else {
            now
        };
        self.response = flow;
    }

    /// Bytes went by that belong to neither: those of a tunnel, or of a buffer on its way to the client.
    pub fn moved(&mut self, now: u64) {
        self.moved = now;
    }

    /// Who is to blame that it has rested for longer than it may; `None` if it has not. Waiting for the head of a
    /// response whose request was sent is no rest: `timeout` bounds that.
    pub fn silent(&self, now: u64) -> Option<Silent> {
        use Flow::{Absent, Ended, Given, Waiting};
        if now.saturating_sub(self.moved) <= self.limit {
            return None;
        }
        match (self.request, self.response) {
            (_, Given) => Some(Silent::Downstream),
            (Waiting, Waiting) => Some(Silent::Both),
            (_, Waiting) | (Given, Absent | Ended) => Some(Silent::Upstream),
            (Waiting, Absent | Ended) => Some(Silent::Downstream),
            (Absent | Ended, Absent | Ended) => None,
        }
    }

    /// Whether it has rested for so long that its client can't be meaning to read it: it may be behind others on a slow line.
    pub fn is_shut(&self, now: u64) -> bool {
        now.saturating_sub(self.moved) > self.limit.saturating_mul(2)
    }

    /// For how long it may rest.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether the client has bytes to read that nobody can take back in an orderly way.
    pub fn unread(&self) -> bool {
        self.response == Flow::Given
    }
}

#[cfg(test)]
mod tests {
    use super::{Flow::*, *};

    const LIMIT: u64 = 1_000;

    fn at_rest(request: Flow, response: Flow) -> Option<Silent> {
        let mut stream = Stream::new(LIMIT, 0);
        stream.request(request, 5);
        stream.response(response, 10);
        assert_eq!(stream.silent(10 + LIMIT), None, "not yet");
        stream.silent(11 + LIMIT)
    }

    #[test]
    fn who_is_waited_for_is_silent() {
        for (request, response, silent) in [
            (Waiting, Absent, Some(Silent::Downstream)),
            (Given, Absent, Some(Silent::Upstream)),
            (Ended, Waiting, Some(Silent::Upstream)),
            (Absent, Waiting, Some(Silent::Upstream)),
            (Given, Waiting, Some(Silent::Upstream)),
            (Ended, Given, Some(Silent::Downstream)),
            (Waiting, Given, Some(Silent::Downstream)),
            (Waiting, Waiting, Some(Silent::Both)),
            (Ended, Absent, None),
            (Absent, Absent, None),
        ] {
            assert_eq!(
                at_rest(request, response),
                silent,
                "{request:?}, {response:?}"
            );
        }
    }

    #[test]
    fn either_body_keeps_both_alive() {
        let mut stream = Stream::new(LIMIT, 0);
        stream.request(Waiting, 0);
        for now in (0..10_000).step_by(500) {
            stream.response(Given, now);
            stream.response(Waiting, now);
            assert_eq!(stream.silent(now + 500), None);
        }
        assert_eq!(stream.silent(11_000), Some(Silent::Both));
    }

    #[test]
    fn asking_again_moves_nothing() {
        let mut stream = Stream::new(LIMIT, 0);
        for now in (0..2_000).step_by(100) {
            stream.response(Waiting, now);
        }
        assert_eq!(stream.silent(2_000), Some(Silent::Upstream));
    }
}

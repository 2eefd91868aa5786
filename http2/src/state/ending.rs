//! How connections end (RFC 9113, 6.8).

use super::{Side, State};
use crate::{
    error::{By, Error, Reason},
    frame,
};

/// By this the PING is known that follows a farewell.
const FAREWELL: [u8; 8] = *b"farewell";

/// How far a connection is on its way to its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nobody has said anything of it.
    #[default]
    Open,
    /// The other side has been told that there is an end; what it sent before it knew is still welcome.
    Announced,
    /// It has been told that this is the last of its streams.
    Decided(u32),
    /// The other side takes no more streams, or, if it is a client, begins none.
    Heard,
}

impl State {
    /// Takes no more requests than have been sent by now.
    pub(crate) fn shut_down(&mut self) {
        if self.ending == Ending::Open && self.error.is_none() {
            self.ending = Ending::Announced;
            frame::go_away(frame::MOST, Reason::NO_ERROR, self.output.tail());
            frame::ping(FAREWELL, 0, self.output.tail());
            self.wake_driver();
        }
    }

    /// A PING was answered: whoever answers the farewell's has read the farewell.
    pub(super) fn answered(&mut self, payload: [u8; 8]) {
        if payload == FAREWELL && self.ending == Ending::Announced {
            self.ending = Ending::Decided(self.last);
            frame::go_away(self.last, Reason::NO_ERROR, self.output.tail());
        }
    }

    /// Whether streams that begin now are not looked at.
    pub(super) fn is_decided(&self) -> bool {
        matches!(self.ending, Ending::Decided(_))
    }

    /// The other side looks at no stream of ours above `last`.
    pub(super) fn hear_farewell(&mut self, last: u32, reason: Reason) {
        self.ending = match self.ending {
            Ending::Decided(last) => Ending::Decided(last),
            _ => Ending::Heard,
        };
        let ours = |id: u32| (id % 2 == 1) == (self.side == Side::Client);
        let above = self.ids.iter().filter(|(id, _)| ours(**id) && **id > last);
        let above: Vec<_> = above.map(|(_, key)| *key).collect();
        for key in above {
            self.break_off(key, Error::GoAway(reason, By::Them));
        }
    }

    /// Whether another stream of ours may begin, now or later.
    pub(crate) fn takes_requests(&self) -> bool {
        self.error.is_none() && self.ending == Ending::Open && self.next <= frame::MOST
    }

    /// Whether everything has been said, once the output is written.
    pub(crate) fn is_done(&self) -> bool {
        let over = match self.side {
            Side::Server => {
                matches!(self.ending, Ending::Decided(_) | Ending::Heard) && self.arrived.is_empty()
            }
            Side::Client => !self.takes_requests() || self.requesters == 0,
        };
        self.error.is_some() || over && self.is_idle()
    }

    /// Says that it leaves, if it has not said why.
    pub(crate) fn say_goodbye(&mut self) {
        if self.side == Side::Client && self.error.is_none() {
            frame::go_away(self.last, Reason::NO_ERROR, self.output.tail());
        }
    }

    /// Ends the connection because of what the other side has done.
    pub(crate) fn give_up(&mut self, reason: Reason) {
        let last = match self.ending {
            Ending::Decided(last) => last,
            _ => self.last,
        };
        frame::go_away(last, reason, self.output.tail());
        self.fail(Error::GoAway(reason, By::Us));
    }

    /// The connection is gone, and all streams with it.
    pub(crate) fn fail(&mut self, error: Error) {
        if self.error.is_some() {
            return;
        }
        self.error = Some(error);
        self.line.clear();
        self.turn = None;
        for (_, key) in std::mem::take(&mut self.arrived) {
            self.streams[key].handles = 0;
        }
        let open: Vec<_> = self.ids.values().copied().collect();
        for key in open {
            self.break_off(key, error);
        }
    }
}

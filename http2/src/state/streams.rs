//! Which streams there are, how they end, and what is known of those that have.

use std::collections::{HashMap, HashSet, VecDeque};

use slab::Slab;

use super::{Key, Side, State};
use crate::{
    error::{By, Error, Reason},
    frame,
    stream::{Awaits, Stream},
};

/// Streams on the wire, by their numbers.
pub(super) type Ids = HashMap<u32, Key, foldhash::fast::RandomState>;

/// Streams that a connection at rest has room for.
const KEPT: usize = 16;

/// Numbers of ended streams that are remembered: frames that were on their way are no fault of the other side's.
const REMEMBERED: usize = 1_000;

/// The last of them.
#[derive(Debug, Default)]
pub(super) struct Finished {
    order: VecDeque<u32>,
    known: HashSet<u32, foldhash::fast::RandomState>,
}

impl Finished {
    pub(super) fn add(&mut self, id: u32) {
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(id);
        self.known.insert(id);
    }

    pub(super) fn has(&self, id: u32) -> bool {
        self.known.contains(&id)
    }

    /// Whether any may have been forgotten.
    pub(super) fn is_full(&self) -> bool {
        self.order.len() == REMEMBERED
    }
}

impl State {
    pub(crate) fn stream(&mut self, key: Key) -> &mut Stream {
        &mut self.streams[key]
    }

    /// Whether a stream of this number has not begun.
    pub(super) fn is_to_come(&self, id: u32) -> bool {
        let ours = (id % 2 == 1) == (self.side == Side::Client);
        match ours {
            true => id >= self.next,
            false => id > self.last,
        }
    }

    pub(super) fn begin(&mut self, id: u32, awaits: Awaits) -> Key {
        let stream = Stream::new(id, awaits, self.growth.window(), self.theirs.window);
        let key = self.streams.insert(stream);
        self.ids.insert(id, key);
        key
    }

    /// Nothing more comes from the other side.
    pub(super) fn end_receiving(&mut self, key: Key) -> Result<(), Reason> {
        let stream = &mut self.streams[key];
        let missing = stream.left.is_some_and(|left| left > 0);
        if missing && !stream.bodiless {
            return Err(Reason::PROTOCOL_ERROR);
        }
        stream.awaits = Awaits::Nothing;
        stream.wake_reader();
        self.settle(key);
        Ok(())
    }

    /// Nothing more goes to the other side.
    pub(super) fn end_sending(&mut self, key: Key) {
        self.leave_line(key);
        let stream = &mut self.streams[key];
        stream.sent = true;
        match stream.unwanted {
            true => self.cut_off(key),
            false => self.settle(key),
        }
    }

    /// Nobody is interested any more in what the other side says.
    fn cut_off(&mut self, key: Key) {
        let reason = match self.side {
            // It has said everything itself, and a client hears of it by this (RFC 9113, 8.1).
            Side::Server => Reason::NO_ERROR,
            Side::Client => Reason::CANCEL,
        };
        self.reset(key, reason);
    }

    /// Ends a stream at once, and says so.
    pub(crate) fn reset(&mut self, key: Key, reason: Reason) {
        let stream = &mut self.streams[key];
        if stream.is_over() {
            return;
        }
        let id = stream.id;
        // What has come whole stays whole.
        if stream.awaits != Awaits::Nothing {
            let abandoned = stream.abandon();
            self.release_connection(abandoned);
        }
        frame::reset(id, reason, self.output.answer());
        self.finished.add(id);
        self.break_off(key, Error::Reset(reason, By::Us));
        self.wake_driver();
    }

    /// It has come to an end that is not its own.
    pub(super) fn break_off(&mut self, key: Key, error: Error) {
        let stream = &mut self.streams[key];
        stream.error.get_or_insert(error);
        stream.wake_reader();
        stream.wake_writer();
        self.leave_line(key);
        self.settle(key);
    }

    /// A stream that nothing more comes or goes on is no stream of the wire any more; one that nobody holds, either, is gone.
    fn settle(&mut self, key: Key) {
        let stream = &self.streams[key];
        if !stream.is_over() {
            return;
        }
        // One that went well makes up for one that did not.
        if self.ids.remove(&stream.id).is_some() && stream.error.is_none() {
            self.broken = self.broken.saturating_sub(1);
        }
        if stream.handles == 0 {
            let abandoned = self.streams.remove(key).abandon();
            self.release_connection(abandoned);
        }
        if self.ids.is_empty() {
            // What waits for the last one to end.
            self.wake_driver();
        }
    }

    /// Nobody will ask for what comes on it any more.
    pub(crate) fn forget_receiving(&mut self, key: Key) {
        let stream = &mut self.streams[key];
        stream.unwanted = true;
        stream.reader = None;
        let abandoned = stream.abandon();
        // Who wants no response need not send the request, either; who sends one may want no more of what was asked.
        let over = self.side == Side::Client || stream.sent;
        self.release_connection(abandoned);
        if over {
            self.cut_off(key);
        }
        self.let_go(key);
    }

    /// Nobody will send on it any more.
    pub(crate) fn forget_sending(&mut self, key: Key) {
        let stream = &mut self.streams[key];
        stream.writer = None;
        if !stream.sent {
            self.reset(key, Reason::CANCEL);
        }
        self.leave_line(key);
        self.let_go(key);
    }

    /// Gives back what a connection at rest does not need.
    pub(crate) fn rest(&mut self) {
        self.output.rest();
        if self.streams.is_empty() && self.streams.capacity() > KEPT {
            self.streams = Slab::new();
            self.ids = Ids::default();
        }
    }

    fn let_go(&mut self, key: Key) {
        self.streams[key].handles -= 1;
        self.settle(key);
    }
}

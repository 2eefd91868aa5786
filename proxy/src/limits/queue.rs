//! Who gets a connection when there are no more to be had: a cap on open connections, and those who wait, in order.
//!
//! Whoever has waited longest comes first. Only one thing comes before: a connection that becomes free serves its own
//! worker and endpoint, where it can be used as it is, unless somebody elsewhere has waited much longer ([`PATIENCE`]).
//! Strict order would close and make a connection with nearly every request at the very moment when there is most to
//! do. What is free where nobody can use it is closed, so that its place goes to the first in the line.
//!
//! Sans-IO: [`super::connections`] holds the lock and wakes those whose ticket comes up.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// How much longer somebody elsewhere must have waited to get the place of a connection that could be used here, in
/// microseconds. Long against the making of a connection, short against what a caller notices.
const PATIENCE: u64 = 50_000;

/// Where a connection can be used as it is: one worker's, to one endpoint, of one protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Workers by number.
    pub worker: usize,
    /// Endpoints by id.
    pub endpoint: u64,
    /// One request at a time, or many.
    pub http2: bool,
}

/// A turn in the line; the lower, the earlier.
pub type Ticket = u64;

/// See the module.
#[derive(Debug)]
pub struct Queue {
    cap: usize,
    pending: usize,
    /// Connections that are open, or promised.
    open: usize,
    /// Of these, told to close and not gone yet.
    closing: usize,
    next: Ticket,
    waiting: BTreeMap<Ticket, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    place: Place,
    since: u64,
}

/// What becomes of somebody who needs a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It may be made.
    Admitted,
    /// There is none to be had now.
    Waits(Ticket),
    /// Too many wait already.
    Refused,
}

/// What becomes of a connection that nobody uses any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Idle {
    /// It is kept for the next request.
    Keep,
    /// It serves this one, who waits where it is.
    Hand(Ticket),
    /// It makes room for somebody elsewhere.
    Close,
}

impl Queue {
    /// At most `cap` connections, at most `pending` who wait.
    pub fn new(cap: usize, pending: usize) -> Self {
        Self {
            cap,
            pending,
            open: 0,
            closing: 0,
            next: 0,
            waiting: BTreeMap::new(),
        }
    }

    /// Other bounds. Who may have a connection now that could not before is asked of [`admit`](Self::admit).
    pub fn set(&mut self, cap: usize, pending: usize) {
        (self.cap, self.pending) = (cap, pending);
    }

    /// Somebody needs a connection. `now` in microseconds.
    pub fn join(&mut self, place: Place, now: u64) -> Joined {
        if self.open_now() {
            return Joined::Admitted;
        }
        if self.waiting.len() >= self.pending {
            return Joined::Refused;
        }
        let ticket = self.next;
        self.next += 1;
        self.rejoin(ticket, place, now);
        Joined::Waits(ticket)
    }

    /// Somebody needs a connection, and would not wait for one: whether it may be made.
    pub fn open_now(&mut self) -> bool {
        let room = self.open < self.cap && self.waiting.is_empty();
        self.open += usize::from(room);
        room
    }

    /// What this one was given turned out to be of no use: it stands where it stood.
    pub fn rejoin(&mut self, ticket: Ticket, place: Place, since: u64) {
        self.waiting.insert(ticket, Waiting { place, since });
    }

    /// Waits no more.
    pub fn leave(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }

    /// A connection is gone; `told` if it was told to close.
    pub fn closed(&mut self, told: bool) {
        self.open -= 1;
        self.closing -= usize::from(told);
    }

    /// The next in the line, if there is room: it may make a connection.
    pub fn admit(&mut self) -> Option<Ticket> {
        if self.open >= self.cap {
            return None;
        }
        let (ticket, _) = self.waiting.pop_first()?;
        self.open += 1;
        Some(ticket)
    }

    /// A connection at `place` has nothing to do.
    pub fn idle(&mut self, place: Place) -> Idle {
        if self.open - self.closing > self.cap {
            return self.close();
        }
        let Some((_, first)) = self.waiting.first_key_value() else {
            return Idle::Keep;
        };
        let overdue = first.since.saturating_add(PATIENCE);
        match self.first_at(place) {
            Some((ticket, since)) if since <= overdue => {
                self.waiting.remove(&ticket);
                Idle::Hand(ticket)
            }
            // As many are on their way out as there are who wait for them.
            _ if self.closing >= self.waiting.len() => Idle::Keep,
            _ => self.close(),
        }
    }

    /// A connection at `place` that others use as well has room for one more.
    pub fn hand(&mut self, place: Place) -> Option<Ticket> {
        let (ticket, _) = self.first_at(place)?;
        self.waiting.remove(&ticket);
        Some(ticket)
    }

    fn close(&mut self) -> Idle {
        self.closing += 1;
        Idle::Close
    }

    fn first_at(&self, place: Place) -> Option<(Ticket, u64)> {
        self.waiting
            .iter()
            .find(|(_, waiting)| waiting.place == place)
            .map(|(ticket, waiting)| (*ticket, waiting.since))
    }

    /// Whether what is idle has to ask if it may stay.
    pub fn pressed(&self) -> bool {
        !self.waiting.is_empty() || self.open - self.closing > self.cap
    }

    /// Connections that are open, or promised.
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }
}

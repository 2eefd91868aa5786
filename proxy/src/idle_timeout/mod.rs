//! `idle_timeout`: ends a request under way of which nothing moves any more.
//!
//! No timers: bodies note in passing where they stand (`stream.rs`), and the worker's tick looks at those that have not
//! come to their end at once. So what is watched here costs a request that is over in one piece nothing, and any other a
//! place in a list. The price is that an end comes late by up to two ticks.
//!
//! A body that somebody waits for is ended by its reader, whom the tick wakes. A response that the client does not read
//! is polled by nobody; there the connection is closed, once no byte has gone out for the whole time. Of HTTP/2, where bytes
//! of others may go out meanwhile, also when a response has waited for its reader for twice that time.

pub mod stream;

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    task::Waker,
    time::Duration,
};

use slab::Slab;

pub use stream::{Flow, Silent};

use crate::{
    clock,
    downstream::Connection,
    error::Error,
    worker::{self, Worker},
};
use stream::Stream;

/// Requests of one worker that are watched.
#[derive(Default)]
pub struct Watch(RefCell<Slab<Rc<Idle>>>);

/// One request under way, as both its bodies know it.
pub struct Idle {
    stream: Cell<Stream>,
    /// Its time was up, through whom.
    silent: Cell<Option<Silent>>,
    /// The task that serves it.
    waker: RefCell<Option<Waker>>,
    /// Its place in the list, once it has one.
    key: Cell<Option<usize>>,
    connection: Rc<Connection>,
    worker: Rc<Worker>,
}

impl Watch {
    /// Ends those that have rested for too long. `now` in microseconds.
    pub fn check(&self, now: u64) {
        for (_, idle) in &*self.0.borrow() {
            idle.check(now);
        }
    }
}

impl Idle {
    /// For a request on `connection` that may rest for `limit`.
    pub fn new(limit: Duration, connection: Rc<Connection>, worker: Rc<Worker>) -> Rc<Self> {
        // What moved is known to the tick: never early is up to one late.
        let limit = clock::micros(limit.saturating_add(worker::TICK));
        Rc::new(Self {
            stream: Cell::new(Stream::new(limit, worker.tick())),
            silent: Cell::new(None),
            waker: RefCell::new(None),
            key: Cell::new(None),
            connection,
            worker,
        })
    }

    /// The request's body came so far.
    pub fn request(self: &Rc<Self>, flow: Flow) {
        self.note(|stream, now| stream.request(flow, now));
    }

    /// The response's body came so far.
    pub fn response(self: &Rc<Self>, flow: Flow) {
        self.note(|stream, now| stream.response(flow, now));
    }

    /// It has become a tunnel, where each side waits for the other.
    pub fn tunnel(self: &Rc<Self>) {
        self.request(Flow::Waiting);
        self.response(Flow::Waiting);
    }

    /// Bytes of a tunnel went by.
    pub fn moved(self: &Rc<Self>) {
        self.note(Stream::moved);
    }

    fn note(self: &Rc<Self>, note: impl FnOnce(&mut Stream, u64)) {
        let mut stream = self.stream.get();
        note(&mut stream, self.worker.tick());
        self.stream.set(stream);
        if self.key.get().is_none() {
            let key = self.worker.idle.0.borrow_mut().insert(Rc::clone(self));
            self.key.set(Some(key));
        }
    }

    /// Through whom its time was up, if it is; else the task of `waker` will be woken when it is.
    pub fn silent_or_wake(&self, waker: &Waker) -> Option<Silent> {
        if self.silent.get().is_none() {
            let mut known = self.waker.borrow_mut();
            if !known.as_ref().is_some_and(|known| known.will_wake(waker)) {
                *known = Some(waker.clone());
            }
        }
        self.silent.get()
    }

    /// Through whom its time was up, if it is.
    pub fn silent(&self) -> Option<Silent> {
        self.silent.get()
    }

    /// It is over, and need not be watched any more.
    pub fn forget(&self) {
        if let Some(key) = self.key.take() {
            self.worker.idle.0.borrow_mut().remove(key);
        }
    }

    fn check(&self, now: u64) {
        let stream = self.stream.get();
        let Some(silent) = stream.silent(now).filter(|_| self.silent.get().is_none()) else {
            return;
        };
        let stuck = || {
            let multiplexed = self.connection.unread().is_some();
            self.connection.stuck(now, stream.limit()) || (multiplexed && stream.is_shut(now))
        };
        if stream.unread() && !stuck() {
            // What was buffered is still going out.
            return;
        }
        self.silent.set(Some(silent));
        if stream.unread() {
            self.connection.abandon();
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

impl Silent {
    /// Of a request that has no response yet.
    pub fn error(self) -> Error {
        match self {
            Self::Downstream => Error::RequestIdle,
            Self::Upstream | Self::Both => Error::IdleTimeout,
        }
    }
}

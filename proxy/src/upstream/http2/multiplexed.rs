//! The HTTP/2 connections of a pool.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
};

use outrigger_config::model::PoolPolicy;
use tokio::sync::Notify;

use super::{Connection, Stream};
use crate::{
    clock,
    error::{Blame, Error},
    upstream::handover::Handover,
};

/// Open connections, and how many are being made for those who wait.
#[derive(Default)]
pub struct Multiplexed {
    connections: RefCell<Vec<Rc<Connection>>>,
    connecting: Cell<usize>,
    waiting: Cell<usize>,
    /// Attempts to connect that failed, ever; and how the last one did.
    failures: Cell<u64>,
    last_failure: Cell<Option<io::ErrorKind>>,
    changed: Notify,
    /// Requests that wait for a stream.
    pub handover: Handover<Stream>,
}

impl Multiplexed {
    /// A stream of a connection that has room. When none has, `open` makes another; requests that come meanwhile wait
    /// for it, as many as it will likely carry, and share its failure. `None`: the endpoint would rather not speak HTTP/2.
    pub async fn stream(
        &self,
        policy: &PoolPolicy,
        open: impl AsyncFn() -> Result<Option<Rc<Connection>>, Error>,
    ) -> Result<Option<Stream>, Error> {
        let failures = self.failures.get();
        loop {
            if let Some(stream) = self.with_room(policy) {
                return Ok(Some(stream));
            }
            if self.failures.get() != failures {
                return Err(self.shared_failure());
            }
            if self.waiting.get() >= self.connecting.get() * self.likely_streams(policy) {
                let _turn = Turn::new(&self.connecting, &self.changed);
                // Boxed, so that a request that finds a stream has no room for making a connection.
                let opened = Box::pin(open()).await.inspect_err(|error| {
                    // That there may be no more is no failure of the endpoint.
                    if error.blame() == Blame::Upstream {
                        self.failed(error);
                    }
                })?;
                return Ok(opened.map(|connection| {
                    self.connections.borrow_mut().push(Rc::clone(&connection));
                    Stream::of(&connection)
                }));
            }
            let changed = self.changed.notified();
            let _turn = Turn::new(&self.waiting, &self.changed);
            changed.await;
        }
    }

    /// Closes one that has no stream.
    pub fn close_idle(&self) -> bool {
        let mut connections = self.connections.borrow_mut();
        let idle = connections
            .iter()
            .position(|connection| connection.active.get() == 0);
        let Some(idle) = idle else { return false };
        connections.remove(idle).slot.tell_to_close();
        true
    }

    /// Whether any has no stream.
    pub fn any_idle(&self) -> bool {
        let connections = self.connections.borrow();
        connections
            .iter()
            .any(|connection| connection.active.get() == 0)
    }

    /// A stream of a connection that has room.
    pub fn with_room(&self, policy: &PoolPolicy) -> Option<Stream> {
        let now = clock::now();
        let mut connections = self.connections.borrow_mut();
        // Those that are too old, or silent, finish what they have.
        connections.retain(|connection| connection.usable(now));
        connections
            .iter()
            .find(|connection| connection.has_room(policy))
            .map(Stream::of)
    }

    fn likely_streams(&self, policy: &PoolPolicy) -> usize {
        let connections = self.connections.borrow();
        let allowed = connections
            .last()
            .map_or(usize::MAX, |connection| connection.requests.allowed());
        allowed.clamp(1, policy.max_streams as usize)
    }

    fn failed(&self, error: &Error) {
        let kind = match error {
            Error::Connect(error) => error.kind(),
            Error::ConnectTimeout => io::ErrorKind::TimedOut,
            _ => io::ErrorKind::InvalidData,
        };
        self.last_failure.set(Some(kind));
        self.failures.set(self.failures.get() + 1);
    }

    fn shared_failure(&self) -> Error {
        match self.last_failure.get() {
            Some(io::ErrorKind::TimedOut) => Error::ConnectTimeout,
            kind => Error::Connect(kind.unwrap_or(io::ErrorKind::Other).into()),
        }
    }

    /// Closes what is broken, too old, silent, or has been idle for too long. Times in microseconds.
    pub fn sweep(&self, now: u64, idle_timeout: u64) {
        self.connections.borrow_mut().retain(|connection| {
            let idle = connection.active.get() == 0
                && now.saturating_sub(connection.idle_since.get()) >= idle_timeout;
            connection.usable(now) && !idle
        });
    }
}

/// One more of something while it lasts; whoever waits looks again when it is over, however it ended.
struct Turn<'a> {
    count: &'a Cell<usize>,
    changed: &'a Notify,
}

impl<'a> Turn<'a> {
    fn new(count: &'a Cell<usize>, changed: &'a Notify) -> Self {
        count.set(count.get() + 1);
        Self { count, changed }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.count.set(self.count.get() - 1);
        self.changed.notify_waiters();
    }
}

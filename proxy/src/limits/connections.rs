//! The connections of a cluster, over all workers: how many there may be, and who waits for one.
//!
//! [`Queue`] decides; here are the lock and the wakers. A [`Slot`] lives as long as its connection. The lock is taken
//! when a connection is made or ends, and while somebody waits; not with a request that finds an idle one.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use outrigger_config::model::ConnectionLimit;
use tokio::sync::{oneshot, watch};

use super::queue::{Idle, Joined, Place, Queue, Ticket};

/// Tells the workers that somebody waits for what they may keep idle. One for the process, as the clock is.
static WANTED: LazyLock<watch::Sender<()>> = LazyLock::new(|| watch::Sender::new(()));

/// Hears that idle connections are wanted.
pub fn wanted() -> watch::Receiver<()> {
    WANTED.subscribe()
}

/// See the module.
pub struct Connections {
    line: Mutex<Line>,
    /// Idle connections have to ask whether they may stay.
    pressed: AtomicBool,
}

struct Line {
    queue: Queue,
    grants: HashMap<Ticket, oneshot::Sender<Slot>>,
}

/// A connection's place among those that there may be, until dropped.
pub struct Slot {
    connections: Arc<Connections>,
    told: AtomicBool,
}

/// What becomes of a request that needs a new connection.
pub enum Opening {
    /// It may be made.
    Slot(Slot),
    /// It has to wait.
    Wait(Waiting),
    /// Too many wait.
    Refused,
}

/// A turn in the line, given up when dropped.
pub struct Waiting {
    connections: Arc<Connections>,
    /// What it is known by.
    pub ticket: Ticket,
    place: Place,
    since: u64,
    grant: oneshot::Receiver<Slot>,
}

impl Connections {
    /// With these bounds; `None`: none.
    pub fn new(limit: Option<ConnectionLimit>) -> Arc<Self> {
        let (cap, pending) = bounds(limit);
        Arc::new(Self {
            line: Mutex::new(Line {
                queue: Queue::new(cap, pending),
                grants: HashMap::new(),
            }),
            pressed: AtomicBool::new(false),
        })
    }

    /// Other bounds, at once. What is open is counted on.
    pub fn set(self: &Arc<Self>, limit: Option<ConnectionLimit>) {
        let (cap, pending) = bounds(limit);
        self.change(|line| line.queue.set(cap, pending));
        WANTED.send_replace(());
    }

    /// A connection, if there may be one more at once.
    pub fn open_now(self: &Arc<Self>) -> Option<Slot> {
        self.lock().queue.open_now().then(|| self.slot())
    }

    /// A connection for somebody at `place`. `now` in microseconds.
    pub fn open(self: &Arc<Self>, place: Place, now: u64) -> Opening {
        let mut line = self.lock();
        match line.queue.join(place, now) {
            Joined::Admitted => Opening::Slot(self.slot()),
            Joined::Refused => Opening::Refused,
            Joined::Waits(ticket) => {
                let (sender, grant) = oneshot::channel();
                line.grants.insert(ticket, sender);
                self.note(&line);
                drop(line);
                WANTED.send_replace(());
                Opening::Wait(Waiting {
                    connections: Arc::clone(self),
                    ticket,
                    place,
                    since: now,
                    grant,
                })
            }
        }
    }

    /// Whether idle connections are wanted elsewhere.
    pub fn pressed(&self) -> bool {
        self.pressed.load(Relaxed)
    }

    /// What to do with a connection at `place` that has nothing to do.
    pub fn idle(&self, place: Place) -> Idle {
        if !self.pressed() {
            return Idle::Keep;
        }
        let mut line = self.lock();
        let idle = line.queue.idle(place);
        if let Idle::Hand(ticket) = idle {
            line.grants.remove(&ticket);
        }
        self.note(&line);
        idle
    }

    /// Who waits at `place` for a share of a connection.
    pub fn hand(&self, place: Place) -> Option<Ticket> {
        let mut line = self.lock();
        let ticket = line.queue.hand(place)?;
        line.grants.remove(&ticket);
        self.note(&line);
        Some(ticket)
    }

    /// Connections that are open, and requests that wait for one.
    pub fn in_use(&self) -> (usize, usize) {
        let line = self.lock();
        (line.queue.open(), line.queue.waiting())
    }

    fn slot(self: &Arc<Self>) -> Slot {
        Slot {
            connections: Arc::clone(self),
            told: AtomicBool::new(false),
        }
    }

    /// Changes the line, and lets those in for whom there is room now.
    fn change(self: &Arc<Self>, change: impl FnOnce(&mut Line)) {
        let mut line = self.lock();
        change(&mut line);
        let mut granted = Vec::new();
        while let Some(ticket) = line.queue.admit() {
            granted.push((line.grants.remove(&ticket), self.slot()));
        }
        self.note(&line);
        // A slot that nobody takes any more is given back, for which the lock has to be free.
        drop(line);
        for (grant, slot) in granted {
            if let Some(grant) = grant {
                let _ = grant.send(slot);
            }
        }
    }

    fn note(&self, line: &Line) {
        self.pressed.store(line.queue.pressed(), Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bounds(limit: Option<ConnectionLimit>) -> (usize, usize) {
    limit.map_or((usize::MAX, 0), |limit| {
        (limit.open as usize, limit.pending as usize)
    })
}

impl Slot {
    /// It was decided that the connection makes room.
    pub fn tell_to_close(&self) {
        self.told.store(true, Relaxed);
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let told = self.told.load(Relaxed);
        self.connections.change(|line| line.queue.closed(told));
    }
}

impl Waiting {
    /// The turn has come: a connection may be made. Never, if something else was given in its place.
    pub async fn slot(&mut self) -> Slot {
        match (&mut self.grant).await {
            Ok(slot) => slot,
            Err(_) => std::future::pending().await,
        }
    }

    /// What was given was of no use: waits on, where it stood.
    pub fn again(&mut self) {
        let (sender, grant) = oneshot::channel();
        self.grant = grant;
        self.connections.change(|line| {
            line.grants.insert(self.ticket, sender);
            line.queue.rejoin(self.ticket, self.place, self.since);
        });
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut line = self.connections.lock();
        line.queue.leave(self.ticket);
        line.grants.remove(&self.ticket);
        self.connections.note(&line);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const HERE: Place = Place {
        worker: 0,
        endpoint: 1,
        http2: false,
    };

    fn limit(open: u32) -> Option<ConnectionLimit> {
        Some(ConnectionLimit { open, pending: 9 })
    }

    fn wait(connections: &Arc<Connections>) -> Waiting {
        match connections.open(HERE, 0) {
            Opening::Wait(waiting) => waiting,
            Opening::Slot(_) | Opening::Refused => panic!("it should wait"),
        }
    }

    #[test]
    fn a_slot_that_is_given_up_wakes_the_first_in_the_line() {
        let connections = Connections::new(limit(1));
        let slot = connections.open_now().unwrap();
        let (mut first, mut second) = (wait(&connections), wait(&connections));
        assert!(connections.pressed());
        drop(slot);
        assert!(first.grant.try_recv().is_ok());
        assert!(second.grant.try_recv().is_ok(), "the first was not kept");
        drop((first, second));
        assert_eq!(connections.in_use(), (0, 0));
        assert!(!connections.pressed());
    }

    #[test]
    fn a_slot_on_its_way_to_somebody_who_left_goes_on_to_the_next() {
        let connections = Connections::new(limit(1));
        let slot = connections.open_now().unwrap();
        let (first, mut second) = (wait(&connections), wait(&connections));
        drop(slot);
        assert!(second.grant.try_recv().is_err());
        drop(first);
        assert!(second.grant.try_recv().is_ok());
    }

    #[test]
    fn without_a_cap_any_number_may_be_open_and_is_counted_once_there_is_one() {
        let connections = Connections::new(None);
        let slots: Vec<Slot> = (0..5).map(|_| connections.open_now().unwrap()).collect();
        connections.set(limit(3));
        assert!(connections.open_now().is_none());
        assert_eq!(connections.idle(HERE), Idle::Close);
        slots[0].tell_to_close();
        let mut waiting = wait(&connections);
        connections.set(None);
        assert!(waiting.grant.try_recv().is_ok());
        drop(slots);
        assert_eq!(connections.in_use(), (0, 0));
    }
}

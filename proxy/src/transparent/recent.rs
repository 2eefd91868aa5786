//! The proxy's own connections to others, for as long as they could come back to it.
//!
//! Where rules don't leave the proxy's own traffic alone (it runs as another user than they were told), a connection that it
//! makes is sent to itself, which makes another one, and so on until nothing is left of the machine. The other end of such a
//! connection has its very addresses: who looks them up here before it connects onward ends the circle.
//!
//! Process-wide, as the circle is: it may go over several workers. Kept only where a listener is transparent.

use std::{
    collections::HashSet,
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use crate::clock;

/// What was made longer ago has arrived wherever it was going, in microseconds.
const RECENT: u64 = 10_000_000;

/// On whose behalf the proxy connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Errand {
    /// To the application: it must not come back as if from others.
    Inward,
    /// To anybody else: it must not come back as if from the application. To itself it may, if the application calls
    /// the service that it is one of.
    Outward,
}

/// A connection: whose, from where, to where.
type Key = (Errand, SocketAddr, SocketAddr);

/// Sets of the last and of this half of the time.
#[derive(Debug, Default)]
struct Recent {
    before: HashSet<Key>,
    now: HashSet<Key>,
    /// When `now` began, in microseconds.
    since: u64,
}

impl Recent {
    fn add(&mut self, key: Key, now: u64) {
        self.turn(now);
        self.now.insert(key);
    }

    fn has(&mut self, key: &Key, now: u64) -> bool {
        self.turn(now);
        self.now.contains(key) || self.before.contains(key)
    }

    fn turn(&mut self, now: u64) {
        let age = now.saturating_sub(self.since);
        if age < RECENT {
            return;
        }
        self.before = std::mem::take(&mut self.now);
        if age >= 2 * RECENT {
            self.before.clear();
        }
        self.since = now;
    }
}

static WATCHED: AtomicBool = AtomicBool::new(false);
static RECENTLY: Mutex<Option<Recent>> = Mutex::new(None);

/// From now on connections are remembered.
pub fn watch() {
    WATCHED.store(true, Relaxed);
}

/// Whether connections are remembered.
pub fn is_watched() -> bool {
    WATCHED.load(Relaxed)
}

/// The proxy connected from there to there.
pub fn made(errand: Errand, from: SocketAddr, to: SocketAddr) {
    with(|recent| recent.add((errand, from, to), clock::now()));
}

/// Whether the proxy itself made a connection with these ends, on such an errand, just now.
pub fn was_made(errand: Errand, from: SocketAddr, to: SocketAddr) -> bool {
    with(|recent| recent.has(&(errand, from, to), clock::now()))
}

fn with<T>(look: impl FnOnce(&mut Recent) -> T) -> T {
    let mut recently = RECENTLY.lock().unwrap_or_else(PoisonError::into_inner);
    look(recently.get_or_insert_default())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(port: u16) -> Key {
        let address = |port| SocketAddr::from(([10, 0, 0, 1], port));
        (Errand::Outward, address(port), address(80))
    }

    #[test]
    fn an_errand_is_not_taken_for_another() {
        let mut recent = Recent::default();
        let (_, from, to) = key(1);
        recent.add((Errand::Outward, from, to), 5);
        assert!(recent.has(&(Errand::Outward, from, to), 6));
        assert!(!recent.has(&(Errand::Inward, from, to), 6));
        assert!(!recent.has(&(Errand::Outward, to, from), 6));
    }

    proptest! {
        #[test]
        fn what_is_recent_is_known_and_what_is_old_forgotten(steps in prop::collection::vec((0u16..6, 0..RECENT), 1..60)) {
            let mut recent = Recent::default();
            let mut made = std::collections::HashMap::new();
            let mut now = 0;
            for (port, pause) in steps {
                now += pause;
                for (&port, &then) in &made {
                    let age: u64 = now - then;
                    let known = recent.has(&key(port), now);
                    prop_assert!(age >= RECENT || known, "forgotten after {age}");
                    prop_assert!(age < 3 * RECENT || !known, "known after {age}");
                }
                recent.add(key(port), now);
                made.insert(port, now);
            }
        }
    }
}

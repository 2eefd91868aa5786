//! When files that are watched are looked at: a moment after they change, and now and then without being told.
//!
//! Of the config file (`discovery/file.rs`) and of certificates (`tls/watch.rs`). Both hear of everything in a directory. Whoever
//! writes a neighbour file without a pause must not put the look off for ever.

use std::time::Duration;

use tokio::time::Instant;

/// The longest that events put off a look: many times what a writer of two files needs, and no operator waits for it.
const LONGEST: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Clone, Copy, Debug)]
pub struct Settling {
    /// So long after the last event a writer has finished.
    settle: Duration,
    /// How often is looked without an event.
    poll: Duration,
    /// When is looked next.
    look: Instant,
    /// The first event since the last look.
    first: Option<Instant>,
}

impl Settling {
    /// Looked just now.
    pub fn new(settle: Duration, poll: Duration, now: Instant) -> Self {
        Self {
            settle,
            poll,
            look: now + poll,
            first: None,
        }
    }

    /// Something has happened.
    pub fn event(&mut self, now: Instant) {
        let first = *self.first.get_or_insert(now);
        self.look = (now + self.settle).min(first + LONGEST);
    }

    /// When is to be looked.
    pub fn due(&self) -> Instant {
        self.look
    }

    /// That was done.
    pub fn looked(&mut self, now: Instant) {
        self.look = now + self.poll;
        self.first = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_millis(100);
    const POLL: Duration = Duration::from_secs(5);

    #[test]
    fn a_writer_is_given_time_after_its_last_event() {
        let start = Instant::now();
        let mut settling = Settling::new(SETTLE, POLL, start);
        assert_eq!(settling.due(), start + POLL);
        for at in [10, 90] {
            let now = start + Duration::from_millis(at);
            settling.event(now);
            assert_eq!(settling.due(), now + SETTLE);
        }
        settling.looked(start + SETTLE);
        assert_eq!(settling.due(), start + SETTLE + POLL);
    }

    #[test]
    fn one_who_never_rests_does_not_put_off_the_look() {
        let start = Instant::now();
        let mut settling = Settling::new(SETTLE, POLL, start);
        let mut looks = 0;
        for at in (0..10_000).step_by(20) {
            let now = start + Duration::from_millis(at);
            settling.event(now);
            if settling.due() <= now {
                settling.looked(now);
                looks += 1;
            }
        }
        assert!((9..=10).contains(&looks), "{looks} in ten seconds");
    }
}

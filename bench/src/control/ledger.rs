//! What was changed when, and when it arrived at whom.

use std::{
    cell::RefCell,
    collections::HashMap,
    rc::Rc,
    time::{Duration, Instant},
};

use tokio::time::sleep;

/// The changes of a run. A clone is the same.
#[derive(Clone, Default)]
pub(super) struct Ledger(Rc<RefCell<Book>>);

#[derive(Default)]
struct Book {
    changes: HashMap<u32, Change>,
    /// The serial numbers of each cluster's changes, in order.
    clusters: HashMap<usize, Vec<u32>>,
    bytes: u64,
}

struct Change {
    made: Instant,
    missing: usize,
    times: Vec<Duration>,
    bytes: u64,
}

/// How some changes arrived.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    /// From the change to each proxy that uses the cluster, sorted.
    pub(super) times: Vec<Duration>,
    /// Proxies that should have heard of one and did not.
    pub(super) missing: usize,
    /// Bytes of the responses.
    pub(super) bytes: u64,
    /// How many changes there were.
    pub(super) changes: usize,
}

impl Ledger {
    /// A change is made now, and so many have to hear of it.
    pub(super) fn expect(&self, serial: u32, cluster: usize, users: usize) {
        let mut book = self.0.borrow_mut();
        book.clusters.entry(cluster).or_default().push(serial);
        let change = Change {
            made: Instant::now(),
            missing: users,
            times: Vec::with_capacity(users),
            bytes: 0,
        };
        book.changes.insert(serial, change);
    }

    /// A proxy has got the cluster as of this change. It knew it as of another: those between are in force as well.
    pub(super) fn arrived(&self, cluster: usize, known: u32, serial: u32, bytes: usize) {
        let now = Instant::now();
        let mut book = self.0.borrow_mut();
        let book = &mut *book;
        let serials = book.clusters.get(&cluster).into_iter().flatten();
        for between in serials.filter(|it| **it > known && **it <= serial) {
            if let Some(change) = book.changes.get_mut(between) {
                change.times.push(now - change.made);
                change.missing = change.missing.saturating_sub(1);
                change.bytes += bytes as u64;
            }
        }
    }

    /// Something was received.
    pub(super) fn received(&self, bytes: usize) {
        self.0.borrow_mut().bytes += bytes as u64;
    }

    /// All that was received.
    pub(super) fn bytes(&self) -> u64 {
        self.0.borrow().bytes
    }

    /// Waits until these have arrived at everybody, or it takes too long.
    pub(super) async fn arrivals(&self, serials: &[u32], limit: Duration) -> Arrivals {
        let start = Instant::now();
        while self.sum(serials).missing > 0 && start.elapsed() < limit {
            sleep(Duration::from_millis(50)).await;
        }
        let mut sum = self.sum(serials);
        sum.times.sort();
        sum
    }

    fn sum(&self, serials: &[u32]) -> Arrivals {
        let book = self.0.borrow();
        let mut sum = Arrivals {
            changes: serials.len(),
            ..Arrivals::default()
        };
        for change in serials.iter().filter_map(|serial| book.changes.get(serial)) {
            sum.times.extend(&change.times);
            sum.missing += change.missing;
            sum.bytes += change.bytes;
        }
        sum
    }
}

impl Arrivals {
    /// The time within which this share, 0 to 1, has arrived.
    pub(super) fn quantile(&self, share: f64) -> Duration {
        let place = (self.times.len() as f64 * share).ceil() as usize;
        let time = self.times.get(place.saturating_sub(1));
        time.copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_overtaken_has_arrived_too() {
        let ledger = Ledger::default();
        for serial in 1..=3 {
            ledger.expect(serial, 7, 2);
        }
        ledger.arrived(7, 0, 3, 10);
        ledger.arrived(7, 0, 1, 10);
        let sum = ledger.sum(&[1, 2, 3]);
        assert_eq!((sum.times.len(), sum.missing), (4, 2));
        ledger.arrived(7, 1, 3, 10);
        assert_eq!(ledger.sum(&[1, 2, 3]).missing, 0);
    }
}

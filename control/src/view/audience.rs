//! Who watches: gives each stream the view of its scope, whenever the tables change.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::sleep_until,
};

use super::{Content, Press, Targets, View};
use crate::{
    app::Stop,
    metric,
    registry::{Feed, Labels, Scope, Tables},
};

/// From one set of views to the next. The first change after a quiet time is told at once; of a burst, all that comes in
/// this time together: a fleet of a thousand is not woken for each.
const PACE: Duration = Duration::from_millis(20);

/// So few guests are not worth a look at who has left.
const FEW: usize = 64;

/// What a stream watches: its view, once there is one.
pub type Seat = watch::Receiver<Option<Arc<View>>>;

/// Where streams come to watch. A clone is the same.
#[derive(Clone, Debug)]
pub struct Audience(mpsc::UnboundedSender<Guest>);

#[derive(Debug)]
struct Guest {
    labels: Labels,
    seat: watch::Sender<Option<Arc<View>>>,
}

impl Audience {
    /// Shows what the feed gives, until told to stop.
    pub fn of(feed: Feed, stop: Stop) -> (Self, impl Future<Output = ()>) {
        let (door, guests) = mpsc::unbounded_channel();
        (Self(door), show(feed, guests, stop))
    }

    /// A seat for a proxy with these labels. No longer watched once it is dropped.
    pub fn join(&self, labels: Labels) -> Seat {
        let (seat, watch) = watch::channel(None);
        // If nobody shows any more, the process ends.
        let _ = self.0.send(Guest { labels, seat });
        watch
    }
}

async fn show(mut feed: Feed, mut guests: mpsc::UnboundedReceiver<Guest>, stop: Stop) {
    let mut house = House::default();
    let mut seen = None;
    let mut earliest = tokio::time::Instant::now();
    feed.mark_changed();
    let mut stop = std::pin::pin!(stop.told());
    loop {
        let mut new = Vec::new();
        tokio::select! {
            () = &mut stop => return,
            changed = feed.changed(), if seen.is_none() => match changed {
                Ok(()) => {
                    seen = Some(Instant::now());
                    continue;
                }
                // No registry, no changes; what was shown last stays.
                Err(_) => return stop.await,
            },
            () = sleep_until(earliest), if seen.is_some() => {
                earliest = tokio::time::Instant::now() + PACE;
                house.change(Arc::clone(&feed.borrow_and_update()), seen.take());
            }
            count = guests.recv_many(&mut new, usize::MAX) => if count == 0 {
                return stop.await;
            },
        }
        // To encode a large table takes a while.
        let shown = spawn_blocking(move || {
            house.seat(new);
            house
        });
        house = match shown.await {
            Ok(house) => house,
            Err(error) => {
                tracing::error!(%error, "views can't be made");
                return stop.await;
            }
        };
    }
}

/// All views, and who watches which.
#[derive(Debug, Default)]
struct House {
    tables: Option<(Arc<Tables>, Instant)>,
    /// The views of `tables`, of those scopes that somebody is in.
    views: HashMap<Scope, Arc<View>>,
    /// Those of the tables before.
    old: HashMap<Scope, Arc<View>>,
    guests: Vec<Guest>,
    /// Seats that have been shown `tables`.
    shown: usize,
    /// With so many guests, those who have left are looked for: twice as many as stayed the last time, so that the search
    /// costs each who comes a few steps, however many there are.
    full: usize,
    press: Press,
    lineages: u64,
}

impl House {
    /// From now on these are shown.
    fn change(&mut self, tables: Arc<Tables>, seen: Option<Instant>) {
        self.tables = Some((tables, seen.unwrap_or_else(Instant::now)));
        metrics::counter!(metric::REVISION).increment(1);
        self.old = std::mem::take(&mut self.views);
        self.shown = 0;
    }

    /// Takes in new guests, and shows everybody what they have not seen.
    fn seat(&mut self, new: Vec<Guest>) {
        let fresh = self.shown == 0;
        if fresh || self.guests.len() + new.len() > self.full {
            self.clear();
        }
        self.guests.extend(new);
        let Some((tables, seen)) = self.tables.clone() else {
            return;
        };
        for place in self.shown..self.guests.len() {
            let scope = tables.for_node(&self.guests[place].labels);
            let view = self.view(scope, &tables, seen);
            let _ = self.guests[place].seat.send(Some(view));
        }
        self.shown = self.guests.len();
        if fresh {
            self.press.tidy();
            self.old.clear();
        }
    }

    /// Forgets those who have left, and the views that only they had.
    fn clear(&mut self) {
        self.guests.retain(|guest| !guest.seat.is_closed());
        // Either all of them have been shown the tables, or none.
        self.shown = self.shown.min(self.guests.len());
        self.views.retain(|_, view| Arc::strong_count(view) > 1);
        self.full = (2 * self.guests.len()).max(FEW);
    }

    fn view(&mut self, scope: Scope, tables: &Tables, seen: Instant) -> Arc<View> {
        if let Some(view) = self.views.get(&scope) {
            return Arc::clone(view);
        }
        let (listeners, clusters) = tables.view(&scope);
        let shelves = self.press.print(&listeners, &clusters);
        let names = shelves[0].clone();
        let old = self.old.get(&scope);
        let content = Content {
            table: Arc::clone(&tables.version),
            seen,
            shelves,
            targets: match old {
                Some(old) => old.content.targets.next(listeners, names),
                None => Targets::new(listeners, names),
            },
        };
        let view = Arc::new(match old {
            Some(old) => old.next(content),
            None => {
                self.lineages += 1;
                View::first(self.lineages, content)
            }
        });
        self.views.insert(scope, Arc::clone(&view));
        view
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{collections::BTreeMap, time::SystemTime};

    use outrigger_config::document;

    use super::*;
    use crate::registry::Table;

    /// Tables for everybody, and others for the zone `a`.
    fn tables() -> Arc<Tables> {
        let texts = [
            ("all", "clusters: {}"),
            ("a", "{ proxies: { zone: a }, clusters: {} }"),
        ];
        let tables = texts.map(|(name, text)| {
            let document = document::read(name, text.as_bytes()).unwrap();
            (
                crate::source::Name::new(name).unwrap(),
                Arc::new(Table::new(document, None)),
            )
        });
        Arc::new(Tables::new(BTreeMap::from(tables), SystemTime::now()))
    }

    fn guest(zone: &str) -> (Guest, Seat) {
        let (seat, watch) = watch::channel(None);
        let labels = [("zone", zone)].into_iter().collect();
        (Guest { labels, seat }, watch)
    }

    #[test]
    fn who_has_left_is_forgotten_while_the_tables_rest() {
        let mut house = House::default();
        house.change(tables(), None);
        let (first, stays) = guest("b");
        house.seat(vec![first]);
        for _ in 0..10_000 {
            let (guest, seat) = guest("a");
            house.seat(vec![guest]);
            assert!(seat.borrow().is_some(), "shown at once");
        }
        assert!(house.guests.len() < 1000, "{}", house.guests.len());
        let seats: Vec<Seat> = (0..1000)
            .map(|_| {
                let (guest, seat) = guest("b");
                house.seat(vec![guest]);
                seat
            })
            .collect();
        assert_eq!(house.views.len(), 1, "nobody is in the zone any more");
        house.change(tables(), None);
        house.seat(Vec::new());
        assert!(stays.has_changed().unwrap());
        assert!(seats.iter().all(|seat| seat.has_changed().unwrap()));
    }
}

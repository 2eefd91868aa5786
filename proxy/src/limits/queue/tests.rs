//! Who is served when, and that nobody is forgotten, whatever happens.

use proptest::prelude::*;

use super::*;

const HERE: Place = Place {
    worker: 0,
    endpoint: 7,
    http2: false,
};
const THERE: Place = Place {
    worker: 1,
    endpoint: 7,
    http2: false,
};

fn full(cap: usize, pending: usize) -> Queue {
    let mut queue = Queue::new(cap, pending);
    for _ in 0..cap {
        assert_eq!(queue.join(HERE, 0), Joined::Admitted);
    }
    queue
}

#[test]
fn below_the_cap_nobody_waits_and_above_it_so_many_do() {
    let mut queue = full(2, 1);
    assert_eq!(queue.join(HERE, 1), Joined::Waits(0));
    assert_eq!(queue.join(HERE, 2), Joined::Refused);
    queue.leave(0);
    assert_eq!(queue.join(HERE, 3), Joined::Waits(1));
}

#[test]
fn a_place_that_is_given_up_goes_to_who_has_waited_longest() {
    let mut queue = full(1, 9);
    for place in [THERE, HERE, THERE] {
        queue.join(place, 1);
    }
    for ticket in 0..3 {
        assert_eq!(queue.admit(), None);
        queue.closed(false);
        assert_eq!(queue.admit(), Some(ticket));
    }
    assert_eq!(queue.waiting(), 0);
}

#[test]
fn an_idle_connection_serves_who_waits_where_it_is() {
    let mut queue = full(1, 9);
    queue.join(THERE, 1);
    queue.join(HERE, 2);
    assert_eq!(queue.idle(HERE), Idle::Hand(1));
    assert_eq!(queue.open(), 1);
    assert_eq!(queue.idle(HERE), Idle::Close, "nobody else can use it here");
}

#[test]
fn somebody_elsewhere_who_has_waited_much_longer_gets_its_place() {
    let mut queue = full(1, 9);
    queue.join(THERE, 1);
    queue.join(HERE, 2 + PATIENCE);
    assert_eq!(queue.idle(HERE), Idle::Close);
    queue.closed(true);
    assert_eq!(queue.admit(), Some(0));
}

#[test]
fn no_more_are_closed_than_there_are_who_wait() {
    let mut queue = full(3, 9);
    queue.join(THERE, 1);
    assert_eq!(queue.idle(HERE), Idle::Close);
    assert_eq!(queue.idle(HERE), Idle::Keep);
    queue.join(THERE, 1);
    assert_eq!(queue.idle(HERE), Idle::Close);
}

#[test]
fn who_got_what_was_of_no_use_stands_where_it_stood() {
    let mut queue = full(1, 9);
    queue.join(HERE, 1);
    queue.join(HERE, 2);
    assert_eq!(queue.idle(HERE), Idle::Hand(0));
    queue.rejoin(0, HERE, 1);
    queue.closed(false);
    assert_eq!(queue.admit(), Some(0));
}

#[test]
fn a_higher_cap_admits_at_once_and_a_lower_one_closes_what_is_idle() {
    let mut queue = full(2, 9);
    queue.join(HERE, 1);
    queue.set(3, 9);
    assert_eq!(queue.admit(), Some(0));
    assert_eq!(queue.admit(), None);
    queue.set(1, 9);
    assert_eq!(queue.idle(HERE), Idle::Close);
    queue.closed(true);
    assert_eq!(queue.idle(HERE), Idle::Close);
    queue.closed(true);
    assert_eq!(queue.idle(HERE), Idle::Keep);
    assert_eq!(queue.open(), 1);
}

/// What can happen to a queue; the number chooses among those to whom it can.
#[derive(Clone, Debug)]
enum Event {
    Join(Place),
    Leave(usize),
    Idle(usize),
    Break(usize),
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let place = (0..3usize, 0..2u64).prop_map(|(worker, endpoint)| Place {
        worker,
        endpoint,
        http2: false,
    });
    let event = prop_oneof![
        3 => place.prop_map(Event::Join),
        1 => (0..100usize).prop_map(Event::Leave),
        3 => (0..100usize).prop_map(Event::Idle),
        1 => (0..100usize).prop_map(Event::Break),
    ];
    prop::collection::vec(event, 1..200)
}

/// Plays connections and those who wait for them, by the book.
#[derive(Default)]
struct Play {
    /// Busy connections by place.
    busy: Vec<Place>,
    waiting: Vec<(Ticket, Place)>,
    served: usize,
}

impl Play {
    fn served(&mut self, ticket: Ticket) -> Place {
        let at = self.waiting.iter().position(|(other, _)| *other == ticket);
        assert!(at.is_some(), "only those who wait are served");
        self.served += 1;
        self.waiting.remove(at.unwrap_or_default()).1
    }

    fn close(&mut self, queue: &mut Queue, told: bool) {
        queue.closed(told);
        while let Some(ticket) = queue.admit() {
            let oldest = self.waiting.iter().map(|(ticket, _)| *ticket).min();
            assert_eq!(oldest, Some(ticket), "out of turn");
            let place = self.served(ticket);
            self.busy.push(place);
        }
    }
}

proptest! {
    #[test]
    fn the_cap_holds_nobody_is_lost_and_nobody_waits_while_there_is_room(
        cap in 1..5usize,
        pending in 0..6usize,
        events in events(),
    ) {
        let mut queue = Queue::new(cap, pending);
        let mut play = Play::default();
        let (mut joined, mut refused, mut left, mut at_once) = (0, 0, 0, 0);
        for (now, event) in events.into_iter().enumerate() {
            match event {
                Event::Join(place) => {
                    joined += 1;
                    match queue.join(place, now as u64) {
                        Joined::Admitted => {
                            at_once += 1;
                            play.busy.push(place);
                        }
                        Joined::Waits(ticket) => play.waiting.push((ticket, place)),
                        Joined::Refused => refused += 1,
                    }
                }
                Event::Leave(number) if !play.waiting.is_empty() => {
                    let (ticket, _) = play.waiting.remove(number % play.waiting.len());
                    queue.leave(ticket);
                    left += 1;
                }
                Event::Idle(number) if !play.busy.is_empty() => {
                    let at = number % play.busy.len();
                    let place = play.busy[at];
                    match queue.idle(place) {
                        Idle::Hand(ticket) => prop_assert_eq!(play.served(ticket), place),
                        Idle::Close => {
                            play.busy.remove(at);
                            play.close(&mut queue, true);
                        }
                        Idle::Keep => prop_assert!(play.waiting.is_empty()),
                    }
                }
                Event::Break(number) if !play.busy.is_empty() => {
                    play.busy.remove(number % play.busy.len());
                    play.close(&mut queue, false);
                }
                _ => {}
            }
            prop_assert!(queue.open() <= cap);
            prop_assert_eq!(queue.open(), play.busy.len());
            prop_assert_eq!(queue.waiting(), play.waiting.len());
            prop_assert!(queue.waiting() <= pending);
            prop_assert!(queue.waiting() == 0 || queue.open() == cap);
        }
        prop_assert_eq!(joined, at_once + refused + left + play.served + play.waiting.len());
    }
}

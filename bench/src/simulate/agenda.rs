//! What is to happen, in the order of its time.
//!
//! Most of it is a fixed time ahead: a hop through the network, a time-out. What is ahead by the same time happens in
//! the order in which it was noted, so it goes to a lane, a plain queue; only the rest needs a heap. Things of the same
//! time happen in the order of noting, and a seed thus repeats a run to the last request.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
    time::Duration,
};

use super::nanos;

/// Times are in nanoseconds.
pub(super) struct Agenda<E> {
    heap: BinaryHeap<Note<E>>,
    lanes: Vec<(u64, VecDeque<Note<E>>)>,
    noted: u64,
}

struct Note<E> {
    time: u64,
    number: u64,
    event: E,
}

impl<E> Agenda<E> {
    /// With a lane for each of these times ahead.
    pub(super) fn new(ahead: &[Duration]) -> Self {
        let lanes = ahead.iter().map(|&ahead| (nanos(ahead), VecDeque::new()));
        Self {
            heap: BinaryHeap::new(),
            lanes: lanes.collect(),
            noted: 0,
        }
    }

    /// Something happens then.
    pub(super) fn at(&mut self, time: u64, event: E) {
        let note = self.note(time, event);
        self.heap.push(note);
    }

    /// Something happens so much later.
    pub(super) fn after(&mut self, now: u64, ahead: Duration, event: E) {
        let ahead = nanos(ahead);
        let note = self.note(now.saturating_add(ahead), event);
        match self.lanes.iter_mut().find(|(lane, _)| *lane == ahead) {
            Some((_, lane)) => lane.push_back(note),
            None => self.heap.push(note),
        }
    }

    /// What happens next, and when.
    pub(super) fn next(&mut self) -> Option<(u64, E)> {
        let lanes = self.lanes.iter().enumerate();
        let soonest = lanes
            .filter_map(|(index, (_, lane))| Some((lane.front()?.key(), index)))
            .min();
        let note = match (soonest, self.heap.peek()) {
            (Some((lane, _)), Some(top)) if top.key() < lane => self.heap.pop(),
            (Some((_, index)), _) => self.lanes[index].1.pop_front(),
            (None, _) => self.heap.pop(),
        };
        note.map(|note| (note.time, note.event))
    }

    fn note(&mut self, time: u64, event: E) -> Note<E> {
        self.noted += 1;
        Note {
            time,
            number: self.noted,
            event,
        }
    }
}

impl<E> Note<E> {
    fn key(&self) -> (u64, u64) {
        (self.time, self.number)
    }
}

/// Backwards, for the heap gives the greatest first.
impl<E> Ord for Note<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key().cmp(&self.key())
    }
}

impl<E> PartialOrd for Note<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> PartialEq for Note<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Note<E> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_and_heap_give_one_order_and_equal_times_come_as_noted() {
        let (hop, limit) = (Duration::from_nanos(5), Duration::from_nanos(9));
        let mut agenda = Agenda::new(&[hop, limit]);
        agenda.at(9, 'd');
        agenda.after(0, limit, 'e');
        agenda.after(0, hop, 'b');
        agenda.at(1, 'a');
        agenda.after(1, hop, 'c');
        agenda.after(3, Duration::from_nanos(7), 'f');
        let order: Vec<_> = std::iter::from_fn(|| agenda.next()).collect();
        assert_eq!(
            order,
            [(1, 'a'), (5, 'b'), (6, 'c'), (9, 'd'), (9, 'e'), (10, 'f')]
        );
    }
}

//! Places for what is under way, used again and again: ten million requests need no more memory than are open at once.
//!
//! A ticket is good for the thing it was given for, not for what later lies in its place. So nobody has to take back
//! a time-out of what is long done.

/// Where a thing lies, and the how-manyeth it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket {
    place: u32,
    turn: u32,
}

pub(super) struct Slab<T> {
    places: Vec<(u32, Option<T>)>,
    free: Vec<u32>,
}

impl<T> Slab<T> {
    pub(super) fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
        }
    }

    pub(super) fn insert(&mut self, thing: T) -> Ticket {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            self.places.len() as u32 - 1
        });
        let (turn, slot) = &mut self.places[place as usize];
        *slot = Some(thing);
        Ticket { place, turn: *turn }
    }

    /// The thing, unless it is gone.
    pub(super) fn get(&mut self, ticket: Ticket) -> Option<&mut T> {
        let (turn, slot) = &mut self.places[ticket.place as usize];
        slot.as_mut().filter(|_| *turn == ticket.turn)
    }

    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<T> {
        self.get(ticket)?;
        let (turn, slot) = &mut self.places[ticket.place as usize];
        *turn = turn.wrapping_add(1);
        self.free.push(ticket.place);
        slot.take()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_no_good_for_what_comes_after() {
        let mut slab = Slab::new();
        let first = slab.insert('a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert('b');
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second).copied(), Some('b'));
        assert_eq!(slab.len(), 1);
    }
}
